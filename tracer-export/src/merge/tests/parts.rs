//! Parts of a trace, made at random, and the whole that they are parts of.

use std::collections::BTreeMap;

use super::*;

/// Samples of one host: a phase and a duration each, and a peak.
#[derive(Debug, Clone, Default)]
pub(super) struct HostSamples {
    durations: Vec<(usize, u64)>,
    connections: u64,
    peak: u64,
}

/// Samples of one part, by host.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(BTreeMap<String, HostSamples>);

impl Samples {
    /// All samples of the parts.
    pub(super) fn whole(parts: &[Self]) -> Self {
        let mut whole = Self::default();
        for (host, samples) in parts.iter().flat_map(|part| &part.0) {
            whole.0.entry(host.clone()).or_default().take(samples);
        }
        whole
    }
}

impl HostSamples {
    fn take(&mut self, other: &Self) {
        self.durations.extend(&other.durations);
        self.connections += other.connections;
        self.peak = self.peak.max(other.peak);
    }

    fn group(&self) -> Group {
        let mut latencies: BTreeMap<Phase, Latency> = BTreeMap::new();
        for phase in Phase::ALL {
            latencies.insert(phase, Latency::default());
        }
        for (phase, ns) in &self.durations {
            let phase = Phase::ALL[phase % Phase::ALL.len()];
            latencies.entry(phase).or_default().record(*ns);
        }
        let mut group = Group::default();
        let requests = self.durations.len() as u64 + self.connections;
        group.connections.opened = Some(self.connections);
        group.connections.peak_open = Some(self.peak);
        group.requests.count = Some(requests);
        group.requests.connections = Some(self.connections);
        group.requests.slow_pickups_measured = Some(0);
        group.requests.reuse_ratio =
            (requests != 0).then(|| 1.0 - self.connections as f64 / requests as f64);
        group.tcp.srtt_ns = Some(0);
        let phases = latencies.iter();
        group.phases = phases
            .map(|(phase, latency)| (*phase, Histogram::of(latency)))
            .collect::<Phases>();
        group
    }
}

/// Export of a machine with this number.
pub(super) fn export_of(number: usize, samples: &Samples) -> Export {
    let mut all = HostSamples::default();
    samples.0.values().for_each(|host| all.take(host));
    let mut export = of_host(&format!("machine-{number}"), "none", all.group());
    let host = |(host, samples): (&String, &HostSamples)| Host {
        host: host.clone(),
        port: 443,
        group: samples.group(),
        ..Host::default()
    };
    export.schema = SCHEMA.into();
    export.hosts = samples.0.iter().map(host).collect();
    export.events.received = Some(all.durations.len() as u64);
    export.time_wait.entered = Some(all.connections);
    export
}

/// Export of these samples with figures that are neither counts nor distributions; some parts lack some of them.
pub(super) fn decorated(number: usize, samples: &Samples) -> Export {
    let mut export = export_of(number, samples);
    let numbers = || samples.0.iter().map(|(host, it)| (host.clone(), it.peak));
    export.machine.cpus = numbers().next().map(|(_, peak)| peak + 1);
    export.window.started_at = format!("2026-11-30T10:00:{number:02}Z");
    export.window.ended_at = format!("2026-11-30T10:01:{number:02}.5Z");
    export.window.duration_ns = (samples.0.len() != 3).then_some(60_500_000_000);
    export.time_wait.peak = Some(number as u64).filter(|number| *number != 4);
    export.time_wait.port_range = number
        .is_multiple_of(2)
        .then_some([1024, 60_999 - number as u16]);
    let destination = |(address, peak): (String, u64)| crate::Destination {
        address,
        port: 443,
        netns: Some(number as u32),
        ports_used: Some(peak / 3),
        ports_used_ratio: (peak % 3 != 0).then_some(peak as f64 / 100.0),
        ..crate::Destination::default()
    };
    export.time_wait.destinations = numbers().map(destination).collect();
    let name = |(name, peak): (String, u64)| DnsName {
        name,
        queries: Some(peak / 5),
        p50_ns: (peak % 4 != 0).then_some(peak),
        failures: (peak != 9).then_some(1),
    };
    export.dns_names = (number != 3).then(|| numbers().map(name).collect());
    export.proxies = (number != 5).then(Vec::new);
    export.events.by_counter = numbers().collect();
    export.findings = Some(vec![Finding {
        id: "stale-reuse".into(),
        status: crate::FindingStatus::Found,
        ..Finding::default()
    }]);
    export.series.interval_ns = Some(1);
    export.command = number.is_multiple_of(2).then(|| vec!["curl".into()]);
    for (host, (_, peak)) in export.hosts.iter_mut().zip(numbers()) {
        host.addresses = vec![format!("192.0.2.{number}"), format!("192.0.2.{}", peak % 3)];
        host.via = (peak % 5 != 0).then(|| vec![format!("proxy-{}:80", peak % 2)]);
        host.via_cut = (peak == 7).then_some(true);
        host.group.http2.max_concurrent_streams = peak.is_multiple_of(2).then_some(peak);
        host.group.tcp.srtt_ns = Some(peak % 3);
    }
    let process = |(comm, peak): (String, u64)| Process {
        pid: (peak % 3) as u32,
        comm,
        ..Process::default()
    };
    export.processes = numbers().map(process).collect();
    export
}

fn host() -> impl Strategy<Value = HostSamples> {
    let durations = prop_oneof![0u64..5_000, 1_000_000u64..90_000_000, Just(u64::MAX)];
    let durations = prop::collection::vec((0usize..19, durations), 0..40);
    (durations, 0u64..50, 0u64..50).prop_map(|(durations, connections, peak)| HostSamples {
        durations,
        connections,
        peak,
    })
}

/// Up to six parts of up to four hosts.
pub(super) fn parts() -> impl Strategy<Value = Vec<Samples>> {
    let hosts = prop::collection::btree_map("[a-d]", host(), 0..4);
    prop::collection::vec(hosts.prop_map(Samples), 1..6)
}
