//! Cost of a request: where its time goes from the lookup to the application's read, and which part of that could have
//! been avoided.

use std::borrow::Cow;

use tracer_common::record::turn::SLOW_PICKUP_NS;

use crate::{
    finding::sums::avoidable, group::Group, host::Host, latency::Latency, phase::Phase,
    snapshot::Snapshot,
};

/// Parts of a request's time, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Lookup of the name.
    Dns,
    /// Connect.
    Connect,
    /// Tunnel through a proxy.
    Tunnel,
    /// TLS handshake, full or resumed.
    Tls,
    /// Wait for the first byte.
    Ttfb,
    /// Transfer of the response.
    Transfer,
    /// Wait of the response for the application's read.
    Pickup,
}

impl Part {
    /// Number of parts.
    pub const COUNT: usize = 7;
    /// Every part, in order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Dns,
        Self::Connect,
        Self::Tunnel,
        Self::Tls,
        Self::Ttfb,
        Self::Transfer,
        Self::Pickup,
    ];

    /// Phases that together are this part; no request is in two of them at once.
    pub const fn phases(self) -> &'static [Phase] {
        match self {
            Self::Dns => &[Phase::Dns],
            Self::Connect => &[Phase::Connect],
            Self::Tunnel => &[Phase::Tunnel],
            Self::Tls => &[Phase::Tls, Phase::TlsResumed],
            Self::Ttfb => &[Phase::Ttfb],
            Self::Transfer => &[Phase::Transfer],
            Self::Pickup => &[Phase::Pickup],
        }
    }

    /// Name for people.
    pub const fn name(self) -> &'static str {
        self.phases()[0].key()
    }

    /// Part that a phase is counted in; `ttfb` is shown as its two halves.
    pub const fn of(phase: Phase) -> Option<Self> {
        Some(match phase {
            Phase::Dns => Self::Dns,
            Phase::Connect => Self::Connect,
            Phase::Tunnel => Self::Tunnel,
            Phase::Tls | Phase::TlsResumed => Self::Tls,
            Phase::Ttfb | Phase::TtfbFirst | Phase::TtfbReused => Self::Ttfb,
            Phase::Transfer => Self::Transfer,
            Phase::Pickup => Self::Pickup,
            _ => return None,
        })
    }

    /// True if only a new connection takes this time.
    const fn is_setup(self) -> bool {
        matches!(self, Self::Connect | Self::Tunnel | Self::Tls)
    }
}

/// Counts that tell what could have been avoided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests.
    pub requests: u64,
    /// Connections that carried a request.
    pub connections: u64,
    /// Connections that were established.
    pub established: u64,
    /// Connections that were opened although their host had one that could have served.
    pub needless: u64,
    /// Lookups that were answered.
    pub lookups: u64,
    /// Lookups of a name whose last answer still held.
    pub repeated: u64,
    /// Time of the slow reads for which the wait for a CPU is known, ns.
    pub slow_ns: u64,
    /// Time in it that the reading threads waited for a CPU, ns.
    pub slow_cpu_ns: u64,
}

impl Counts {
    /// Counts of a group. `needless`: number of its connections that were needless.
    pub fn of(group: &Group, needless: u64) -> Self {
        Self {
            requests: group.requests.count,
            connections: group.requests.connections,
            established: group.connections.established,
            needless,
            lookups: group.dns.answered,
            repeated: group.dns.repeated_within_ttl,
            slow_ns: group.requests.slow_pickup_ns,
            slow_cpu_ns: group.requests.slow_pickup_run_queue_ns,
        }
    }

    /// Differences from the counts at an earlier moment.
    pub fn since(&self, earlier: &Self) -> Self {
        let less = |of: fn(&Self) -> u64| of(self).saturating_sub(of(earlier));
        Self {
            requests: less(|it| it.requests),
            connections: less(|it| it.connections),
            established: less(|it| it.established),
            needless: less(|it| it.needless),
            lookups: less(|it| it.lookups),
            repeated: less(|it| it.repeated),
            slow_ns: less(|it| it.slow_ns),
            slow_cpu_ns: less(|it| it.slow_cpu_ns),
        }
    }
}

/// A client is slow to read when its median wait is this long or longer, ns. Shorter waits are noise on a busy machine.
pub const SLOW_READ_NS: u64 = 10 * SLOW_PICKUP_NS;
/// Share of requests on a reused connection below which a client wastes connections.
pub const LOW_REUSE: f64 = 0.5;
/// Least number of requests for which the share means anything.
const REUSE_REQUESTS: u64 = 20;

/// True if a client with so many requests reuses its connections too rarely.
pub fn is_reuse_low(requests: u64, ratio: f64) -> bool {
    requests >= REUSE_REQUESTS && ratio < LOW_REUSE
}

/// Needless connections to all hosts: each was opened although another one to its host could have served. There may have
/// been more.
pub fn needless_connections(snapshot: &Snapshot) -> u64 {
    snapshot.hosts.iter().map(needless_of).sum()
}

/// Needless connections to a host. Requests to a forward proxy share connections with other hosts, so they tell nothing.
fn needless_of(host: &Host) -> u64 {
    let is_own = host.via.proxies.is_empty() || host.group.tunnels.opened != 0;
    if is_own { avoidable(&host.group) } else { 0 }
}

/// Mean time of a request by its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    counts: Counts,
    spent_ns: [f64; Part::COUNT],
    avoidable_ns: [f64; Part::COUNT],
}

impl Cost {
    /// Mean cost of a request of a group; None without requests. `needless`: number of the group's connections that were
    /// needless.
    pub fn of(group: &Group, needless: u64) -> Option<Self> {
        let samples = |phase| Cow::Borrowed(group.phases.get(phase));
        Self::new(Counts::of(group, needless), samples)
    }

    /// Mean cost of a request by these counts and samples; None when nothing is known of any request.
    pub fn new<'a>(counts: Counts, samples: impl Fn(Phase) -> Cow<'a, Latency>) -> Option<Self> {
        let requests = counts.requests as f64;
        let spent = |part: Part| part.phases().iter().map(|&it| samples(it).sum_ns());
        let spent_ns = Part::ALL.map(|part| spent(part).sum::<f64>() / requests.max(1.0));
        let slow_ns = slow_ns(&samples(Phase::Pickup)) / requests.max(1.0);
        let cost = Self {
            counts,
            avoidable_ns: Part::ALL.map(|part| match part {
                Part::Pickup => slow_ns,
                _ => spent_ns[part as usize] * avoidable_share(&counts, part),
            }),
            spent_ns,
        };
        (counts.requests != 0 && cost.total_ns() > 0.0).then_some(cost)
    }

    /// Counts that the cost rests on.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Time of a part, ns.
    pub fn spent_ns(&self, part: Part) -> f64 {
        self.spent_ns[part as usize]
    }

    /// Time of a part that could have been avoided, ns.
    pub fn avoidable_ns(&self, part: Part) -> f64 {
        self.avoidable_ns[part as usize]
    }

    /// Time of a request, ns.
    pub fn total_ns(&self) -> f64 {
        self.spent_ns.iter().sum()
    }

    /// Part of a request's time that could have been avoided, from 0 to 1.
    pub fn avoidable(&self) -> f64 {
        self.avoidable_ns.iter().sum::<f64>() / self.total_ns()
    }

    /// The part that takes the longest.
    pub fn largest(&self) -> Part {
        let longer = |a: &Part, b: &Part| self.spent_ns(*a).total_cmp(&self.spent_ns(*b));
        Part::ALL.into_iter().max_by(longer).unwrap_or(Part::Ttfb)
    }

    /// Causes of the avoidable time in words, the largest first, each with its share of a request's time. Causes below a
    /// hundredth are left out.
    pub fn causes(&self) -> Vec<(f64, String)> {
        let setup: f64 = Part::ALL
            .into_iter()
            .filter(|part| part.is_setup())
            .map(|part| self.avoidable_ns(part))
            .sum();
        let mut causes = vec![
            (setup, self.setup_cause()),
            (self.avoidable_ns(Part::Pickup), self.reads_cause()),
            (self.avoidable_ns(Part::Dns), self.lookups_cause()),
        ];
        let total_ns = self.total_ns();
        causes.iter_mut().for_each(|(ns, _)| *ns /= total_ns);
        causes.retain(|(share, _)| *share >= 0.01);
        causes.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        causes
    }

    fn setup_cause(&self) -> String {
        let takes = |part: &Part| part.is_setup() && self.avoidable_ns(*part) > 0.0;
        let names: Vec<&str> = Part::ALL
            .into_iter()
            .filter(takes)
            .map(Part::name)
            .collect();
        let Counts {
            requests,
            connections,
            ..
        } = self.counts;
        format!(
            "{}, {} of {} requests opened a connection",
            listed(&names),
            tracer_text::number::count(connections),
            tracer_text::number::count(requests)
        )
    }

    fn reads_cause(&self) -> String {
        let wait = tracer_text::number::time(self.spent_ns(Part::Pickup));
        let cause = format!("slow reads, unread for {wait}");
        let Counts {
            slow_ns,
            slow_cpu_ns,
            ..
        } = self.counts;
        if slow_ns == 0 {
            return cause;
        }
        let share = tracer_text::number::share(slow_cpu_ns as f64 / slow_ns as f64);
        format!("{cause}, {share} of it waiting for a CPU")
    }

    fn lookups_cause(&self) -> String {
        let repeated = tracer_text::number::count(self.counts.repeated);
        format!("dns, {repeated} lookups of a name whose answer still held")
    }
}

/// Names as a list in words: `connect, tunnel and tls`.
fn listed(names: &[&str]) -> String {
    match names {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => names.concat(),
    }
}

/// Part of a phase's time that could have been avoided, from 0 to 1.
fn avoidable_share(counts: &Counts, part: Part) -> f64 {
    let share = |part: u64, whole: u64| (part as f64 / whole.max(1) as f64).min(1.0);
    match part {
        Part::Dns => share(counts.repeated, counts.lookups),
        part if part.is_setup() => share(counts.needless, counts.established),
        _ => 0.0,
    }
}

/// Sum of the waits that a client which reads at once would not have, ns.
fn slow_ns(pickup: &Latency) -> f64 {
    let slow = pickup.bars().filter(|bar| bar.low_ns >= SLOW_PICKUP_NS);
    slow.map(|bar| bar.low_ns.midpoint(bar.high_ns) as f64 * bar.count as f64)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn group(requests: u64, connections: u64, pickup_ns: u64) -> Group {
        let mut group = Group::default();
        group.requests.count = requests;
        group.requests.connections = connections;
        group.connections.established = connections;
        group.phases.connect.record_n(20 * MS, connections);
        group.phases.tls.record_n(30 * MS, connections);
        group.phases.ttfb.record_n(50 * MS, requests);
        group.phases.pickup.record_n(pickup_ns, requests);
        group
    }

    #[track_caller]
    fn is_near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 0.002 * expected, "{value}");
    }

    #[test]
    fn connections_that_none_needed() {
        let cost = Cost::of(&group(100, 100, 10_000), 100).unwrap();
        is_near(cost.total_ns(), 100.01 * MS as f64);
        is_near(cost.avoidable(), 0.5);
        let causes = cost.causes();
        assert_eq!(causes.len(), 1);
        assert_eq!(
            causes[0].1,
            "connect and tls, 100 of 100 requests opened a connection"
        );
        assert_eq!(cost.largest(), Part::Ttfb);
    }

    #[test]
    fn answers_that_wait_unread() {
        let cost = Cost::of(&group(100, 10, 900 * MS), 0).unwrap();
        assert_eq!(cost.largest(), Part::Pickup);
        is_near(cost.avoidable_ns(Part::Pickup), 900.0 * MS as f64);
        let cause = &cost.causes()[0].1;
        assert!(cause.starts_with("slow reads, unread for 900 ms"));
    }

    #[test]
    fn nothing_to_avoid_and_nothing_at_all() {
        let cost = Cost::of(&group(100, 4, 10_000), 0).unwrap();
        assert_eq!(cost.avoidable(), 0.0);
        assert_eq!(cost.causes(), []);
        assert_eq!(Cost::of(&Group::default(), 0), None);
    }

    #[test]
    fn each_phase_is_in_one_part() {
        for part in Part::ALL {
            for &phase in part.phases() {
                assert_eq!(Part::of(phase), Some(part));
            }
        }
        assert_eq!(Part::of(Phase::Idle), None);
    }
}
