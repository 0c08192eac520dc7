//! The document itself, and what a trace is about.

use serde::{Deserialize, Serialize};

use crate::absent::is_absent;
use crate::{
    DnsName, Events, Finding, Group, Histogram, Host, Phase, Process, Proxy, Series, Severity,
    TimeWait, Verdict,
};

/// Name and major version of the schema.
pub const SCHEMA: &str = "tracer.export/1";

/// An export: figures of a trace, from its beginning to the moment it was written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Export {
    /// [`SCHEMA`].
    pub schema: String,
    /// The program that wrote it.
    pub tracer: Tracer,
    /// The machine that was traced.
    pub machine: Machine,
    /// The time that was traced.
    pub window: Window,
    /// Filter flags of the trace.
    pub filter: Filter,
    /// The command of `tracer run`; null with `attach`.
    pub command: Option<Vec<String>>,
    /// Parts that it was merged of; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
    /// Records, and every way to lose one.
    pub events: Events,
    /// Figures of all connections.
    pub totals: Group,
    /// Figures by process, in order of appearance.
    pub processes: Vec<Process>,
    /// Number of processes that had figures and gave way to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes_folded: Option<u64>,
    /// Figures by host and port, in order of appearance.
    pub hosts: Vec<Host>,
    /// Number of hosts that had figures and gave way to others, or found no room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts_folded: Option<u64>,
    /// Figures by proxy, in order of appearance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxies: Option<Vec<Proxy>>,
    /// Number of proxies that had figures and gave way to others, or found no room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxies_folded: Option<u64>,
    /// TIME_WAIT and the use of local ports.
    pub time_wait: TimeWait,
    /// Lookups by name, the names asked most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_names: Option<Vec<DnsName>>,
    /// Number of lookups of names that found no place in the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_names_folded: Option<u64>,
    /// Course of the totals.
    #[serde(skip_serializing_if = "is_absent")]
    pub series: Series,
    /// Result of every rule: faults first, those most worth a change at the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// Result of each `--fail-on`; absent without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<Vec<Verdict>>,
    /// Processor time of the command; absent while it runs, and with `attach`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_cpu: Option<CommandCpu>,
}

impl Export {
    /// Tells whether every record is in the figures, as far as the export says so.
    pub fn is_complete(&self) -> bool {
        self.events.losses() == Some(0)
    }

    /// Distribution of a phase of the totals; `None` when it was not measured.
    pub fn phase(&self, phase: Phase) -> Option<&Histogram> {
        self.totals.phases.get(phase)
    }
}

/// The tracer that wrote an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Tracer {
    /// Version of tracer.
    pub version: String,
    /// Commit it was built from, or `unknown`.
    pub commit: String,
}

/// The machine that was traced, as `uname` describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Machine {
    /// Host name.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// Architecture.
    pub arch: String,
    /// Number of processors that tracer may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u64>,
}

/// The time that was traced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Window {
    /// Beginning of the window, RFC 3339 in UTC.
    pub started_at: String,
    /// End of the window, RFC 3339 in UTC.
    pub ended_at: String,
    /// Length of the window, ns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<u64>,
}

/// The filter of a trace: the flags as given, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Filter {
    /// Process ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pid: Vec<u32>,
    /// Globs of process names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comm: Vec<String>,
    /// Paths of executables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exe: Vec<String>,
    /// Paths or ids of cgroups, or ids of containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cgroup: Vec<String>,
    /// Remote ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub port: Vec<u16>,
    /// Remote address ranges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cidr: Vec<String>,
    /// Globs of host names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<String>,
    /// True if connections to loopback addresses are traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_loopback: Option<bool>,
}

impl Filter {
    /// Flags that were given a value, by their names, with their values.
    pub fn given(&self) -> Vec<(&'static str, Vec<String>)> {
        let pids = self.pid.iter().map(u32::to_string);
        let ports = self.port.iter().map(u16::to_string);
        let all = [
            ("pid", pids.collect()),
            ("comm", self.comm.clone()),
            ("exe", self.exe.clone()),
            ("cgroup", self.cgroup.clone()),
            ("port", ports.collect()),
            ("cidr", self.cidr.clone()),
            ("host", self.host.clone()),
        ];
        let is_given = |(_, values): &(&str, Vec<String>)| !values.is_empty();
        all.into_iter().filter(is_given).collect()
    }
}

/// Processor time of the command of `tracer run` and of the descendants it has waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CommandCpu {
    /// In user mode, ns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_ns: Option<u64>,
    /// In the kernel, ns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_ns: Option<u64>,
}

/// Provenance of a merged export.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Merged {
    /// The exports it was made of, by machine and time. Parts of a part that was merged itself are listed in its place.
    pub parts: Vec<Part>,
}

/// Export that is part of a merged one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Part {
    /// The machine that was traced.
    pub machine: Machine,
    /// The time that was traced.
    pub window: Window,
    /// The program that wrote it.
    pub tracer: Tracer,
    /// Filter flags of the trace.
    pub filter: Filter,
    /// The command of `tracer run`; null with `attach`.
    pub command: Option<Vec<String>>,
    /// Records read from the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
    /// Number of records, connections, hosts and durations that are missing in its figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Faults that its rules have found.
    pub findings: Vec<PartFinding>,
}

/// Fault that a rule has found in a part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PartFinding {
    /// Name of the rule.
    pub id: String,
    /// Severity of the fault.
    pub severity: Severity,
}
