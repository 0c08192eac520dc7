//! Beginning and end of a recording: made from the description of a trace, and converted back into one.

use std::time::{Duration, SystemTime};

use tracer_core::{host_filter::HostFilter, tracker::TrackerOptions};
use tracer_recording::{End, Start};

use crate::trace::description::{CpuTime, Description, Machine};

/// Beginning of a recording of a trace by a tracker with these options.
pub(crate) fn start(about: &Description, options: &TrackerOptions) -> Start {
    Start {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: env!("TRACER_COMMIT").into(),
        hostname: about.machine.hostname.clone(),
        kernel: about.machine.kernel.clone(),
        arch: about.machine.arch.clone(),
        cpus: about.machine.cpus as u64,
        started_at_ns: about.started_at_ns(),
        started_ns: about.started_ns,
        filter: about.filter.clone(),
        command: about.command.clone(),
        hosts: options.hosts.patterns().to_vec(),
        max_hosts: options.max_hosts as u64,
        max_connections: options.max_connections as u64,
    }
}

/// End of a recording; [`super::record::Recorder::end`] adds the number of lost entries.
pub(crate) fn end(about: &Description) -> End {
    let nanos = |time: Duration| time.as_nanos() as u64;
    let command_cpu = about.command_cpu;
    End {
        ended_ns: about.as_of_ns,
        ended_at_ns: about.as_of_at_ns(),
        lost: 0,
        command_cpu_ns: command_cpu.map(|cpu| (nanos(cpu.user), nanos(cpu.system))),
    }
}

/// Processor time of the command, from the end of a recording.
pub(super) fn command_cpu(end: &End) -> Option<CpuTime> {
    end.command_cpu_ns.map(|(user_ns, system_ns)| CpuTime {
        user: Duration::from_nanos(user_ns),
        system: Duration::from_nanos(system_ns),
    })
}

/// Options of the tracker that a recording was made with.
pub(crate) fn options(start: &Start) -> TrackerOptions {
    TrackerOptions {
        max_connections: usize::try_from(start.max_connections).unwrap_or(usize::MAX),
        max_hosts: usize::try_from(start.max_hosts).unwrap_or(usize::MAX),
        hosts: HostFilter::new(start.hosts.clone()),
        ..TrackerOptions::default()
    }
}

/// Description of a recorded trace.
pub(crate) fn description(start: Start) -> Description {
    Description {
        machine: Machine {
            hostname: start.hostname,
            kernel: start.kernel,
            arch: start.arch,
            cpus: start.cpus as usize,
        },
        started_at: SystemTime::UNIX_EPOCH + Duration::from_nanos(start.started_at_ns),
        started_ns: start.started_ns,
        as_of_ns: start.started_ns,
        filter: start.filter,
        command: start.command,
        command_cpu: None,
        http2: None,
    }
}
