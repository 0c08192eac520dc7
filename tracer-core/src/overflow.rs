//! Figures of records that found the ring buffer full. They are added to the totals only, because connection, process
//! and host are lost. Durations are the middle of their bucket, within 0.8 %.

use tracer_common::overflow::{BUCKETS, Count, Histogram, middle};

use crate::{group::Group, phase::Phase};

/// Content of the kernel's overflow maps, summed over the CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overflow {
    /// [`Histogram::COUNT`] histograms of [`BUCKETS`] each.
    pub histograms: Vec<u64>,
    /// [`Count::COUNT`] counters.
    pub counts: Vec<u64>,
}

/// Limit of a counter: more than any counter of the kernel programs reaches, and small enough for sums of several.
pub const MOST: u64 = 1 << 56;
/// Limit of the samples in one bucket, for the same reasons.
const MOST_SAMPLES: u64 = 1 << 40;

impl Overflow {
    /// Figures cut to these limits, so that sums cannot overflow. Only a damaged recording has larger ones.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.counts
            .iter_mut()
            .for_each(|count| *count = (*count).min(MOST));
        self.histograms
            .iter_mut()
            .for_each(|count| *count = (*count).min(MOST_SAMPLES));
        self
    }

    /// Number of records counted.
    pub fn records(&self) -> u64 {
        self.count(Count::Records)
    }

    /// Figures added since `earlier`, an older reading.
    pub fn since(&self, earlier: &Self) -> Self {
        self.each(earlier, u64::saturating_sub)
    }

    /// Sum of both.
    pub fn plus(&self, other: &Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    fn each(&self, other: &Self, join: fn(u64, u64) -> u64) -> Self {
        let both = |ours: &[u64], theirs: &[u64]| {
            let theirs = theirs.iter().copied().chain(std::iter::repeat(0));
            ours.iter().zip(theirs).map(|(&a, b)| join(a, b)).collect()
        };
        Self {
            histograms: both(&self.histograms, &other.histograms),
            counts: both(&self.counts, &other.counts),
        }
    }

    fn count(&self, count: Count) -> u64 {
        self.counts.get(count as usize).copied().unwrap_or_default()
    }

    /// Adds all figures to the totals.
    pub fn apply(&self, group: &mut Group) {
        self.apply_connections(group);
        self.apply_handshakes(group);
        self.apply_turns(group);
        self.apply_lookups(group);
        for histogram in Histogram::ALL {
            self.apply_phase(histogram, group);
        }
    }

    fn apply_connections(&self, group: &mut Group) {
        let established = self.samples(Histogram::Connect);
        let connections = &mut group.connections;
        connections.established += established;
        connections.adopted += self.count(Count::Adopted);
        connections.unwatched += self.count(Count::Unwatched);
        connections.opened += established + self.samples(Histogram::ConnectFailed);
        connections.aborted_connects += self.count(Count::Aborted);
        let failed = &mut connections.failed;
        failed.refused += self.count(Count::Refused);
        failed.timed_out += self.count(Count::TimedOut);
        failed.reset += self.count(Count::Reset);
        failed.unreachable += self.count(Count::Unreachable);
        failed.other += self.count(Count::Other);
        let closed = &mut connections.closed_by;
        closed.client += self.count(Count::ClosedClient);
        closed.server += self.count(Count::ClosedServer);
        closed.client_reset += self.count(Count::ClosedClientReset);
        closed.server_reset += self.count(Count::ClosedServerReset);
        closed.timeout += self.count(Count::ClosedTimeout);
        closed.unknown += self.count(Count::ClosedUnknown);
        // What was found lost is among the records that came here, as far as they tell of beginnings and ends.
        let begun = established + self.count(Count::Adopted);
        connections.opens_lost = connections.opens_lost.saturating_sub(begun);
        connections.closes_lost = connections.closes_lost.saturating_sub(self.closed());
        let begun = connections.established + connections.adopted + connections.opens_lost;
        let over = connections.closed_by.total() + connections.closes_lost;
        connections.open_now = begun.saturating_sub(over);
        connections.peak_open = connections.peak_open.max(connections.open_now);
        let tcp = &mut group.tcp;
        tcp.syn_retransmits += self.count(Count::SynRetransmits);
        tcp.retransmits += self.count(Count::Retransmits);
        tcp.bytes_sent = tcp.bytes_sent.saturating_add(self.count(Count::BytesSent));
        tcp.bytes_received = tcp
            .bytes_received
            .saturating_add(self.count(Count::BytesReceived));
        tcp.segments_in += self.count(Count::SegmentsReceived);
        tcp.segments_out += self.count(Count::SegmentsSent);
        tcp.segments_out_of_order += self.count(Count::OutOfOrder);
        tcp.segments_lost_in += self.count(Count::Missing);
        tcp.time_wait_entered += self.count(Count::TimeWait);
    }

    /// Connections closed, by whomever.
    fn closed(&self) -> u64 {
        let all = [
            Count::ClosedUnknown,
            Count::ClosedClient,
            Count::ClosedServer,
            Count::ClosedClientReset,
            Count::ClosedServerReset,
            Count::ClosedTimeout,
        ];
        all.map(|count| self.count(count)).iter().sum()
    }

    fn apply_handshakes(&self, group: &mut Group) {
        let (full, resumed) = (
            self.samples(Histogram::Tls),
            self.samples(Histogram::TlsResumed),
        );
        group.tls.full += full;
        group.tls.resumed += resumed;
        group.tls.versions.unknown += full + resumed;
        group.tls.failed += self.count(Count::TlsFailed);
        group.tls.unknown += self.count(Count::TlsUnknown);
        group.tls.not_tls += self.count(Count::NotTls);
    }

    fn apply_turns(&self, group: &mut Group) {
        let requests = &mut group.requests;
        requests.count += self.count(Count::Requests);
        requests.connections += self.count(Count::RequestConnections);
        requests.failed += self.count(Count::RequestsFailed);
        requests.first_unknown += self.count(Count::FirstUnknown);
        requests.pickups_unseen += self.count(Count::PickupsUnseen);
    }

    /// Adds the lookups with a query that found the ring buffer full. Those without an answer by now count as unanswered.
    fn apply_lookups(&self, group: &mut Group) {
        let dns = &mut group.dns;
        let truncated = self.count(Count::DnsTruncated);
        let queries = self.count(Count::DnsQueries).saturating_sub(truncated);
        let (answered, failed) = (
            self.samples(Histogram::Dns),
            self.samples(Histogram::DnsFailed),
        );
        dns.queries += queries;
        dns.retries += self.count(Count::DnsRetries);
        dns.answered += answered;
        dns.failed.nxdomain += self.count(Count::DnsNxdomain);
        dns.failed.servfail += self.count(Count::DnsServfail);
        dns.failed.other += self.count(Count::DnsOther);
        dns.failed.timeout += queries.saturating_sub(answered + failed);
    }

    fn apply_phase(&self, histogram: Histogram, group: &mut Group) {
        for &phase in phases(histogram) {
            let latency = group.phases.get_mut(phase);
            for (bucket, &count) in (0..BUCKETS).zip(self.buckets(histogram)) {
                latency.record_n(middle(bucket), count);
            }
        }
    }

    /// Samples of a histogram, those of unknown duration included.
    fn samples(&self, histogram: Histogram) -> u64 {
        let unmeasured = histogram.unmeasured().map_or(0, |count| self.count(count));
        self.buckets(histogram).iter().sum::<u64>() + unmeasured
    }

    fn buckets(&self, histogram: Histogram) -> &[u64] {
        let (from, length) = (histogram as usize * BUCKETS as usize, BUCKETS as usize);
        self.histograms.get(from..from + length).unwrap_or_default()
    }
}

/// The phases that the samples of one of the kernel's histograms belong to.
const fn phases(histogram: Histogram) -> &'static [Phase] {
    match histogram {
        Histogram::Connect => &[Phase::Connect],
        Histogram::ConnectFailed => &[Phase::ConnectFailed],
        Histogram::Tls => &[Phase::Tls],
        Histogram::TlsResumed => &[Phase::TlsResumed],
        Histogram::TtfbFirst => &[Phase::Ttfb, Phase::TtfbFirst],
        Histogram::TtfbReused => &[Phase::Ttfb, Phase::TtfbReused],
        Histogram::TtfbAdopted => &[Phase::Ttfb],
        Histogram::Transfer => &[Phase::Transfer],
        Histogram::Pickup => &[Phase::Pickup],
        Histogram::Idle => &[Phase::Idle],
        Histogram::Lifetime => &[Phase::Lifetime],
        Histogram::Dns => &[Phase::Dns],
        Histogram::DnsFailed => &[Phase::DnsFailed],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tracer_common::overflow::bucket;

    use super::*;

    fn empty() -> Overflow {
        Overflow {
            histograms: vec![0; (Histogram::COUNT * BUCKETS) as usize],
            counts: vec![0; Count::COUNT as usize],
        }
    }

    #[test]
    fn totals_take_everything() {
        let mut overflow = empty();
        overflow.histograms[Histogram::Connect.slot(1_000_000) as usize] = 3;
        overflow.histograms[Histogram::TtfbReused.slot(5_000_000) as usize] = 2;
        overflow.counts[Count::ClosedClient as usize] = 1;
        overflow.counts[Count::Requests as usize] = 2;
        let mut group = Group::default();
        overflow.apply(&mut group);
        assert_eq!(
            (group.connections.opened, group.connections.established),
            (3, 3)
        );
        assert_eq!(group.connections.open_now, 2);
        assert_eq!((group.requests.count, group.phases.ttfb.count()), (2, 2));
        assert_eq!(group.phases.ttfb_reused.count(), 2);
    }

    /// A duration that is not known is no sample, and what it belongs to counts all the same.
    #[test]
    fn without_a_duration() {
        let mut overflow = empty();
        for count in [
            Count::Adopted,
            Count::ConnectUnmeasured,
            Count::ConnectFailedUnmeasured,
            Count::TlsUnmeasured,
            Count::TlsResumedUnmeasured,
            Count::DnsQueries,
            Count::DnsQueries,
            Count::DnsUnmeasured,
            Count::DnsFailedUnmeasured,
            Count::DnsNxdomain,
        ] {
            overflow.counts[count as usize] += 1;
        }
        let mut group = Group::default();
        overflow.apply(&mut group);
        let connections = &group.connections;
        assert_eq!((connections.opened, connections.established), (2, 1));
        assert_eq!((connections.adopted, connections.open_now), (1, 2));
        assert_eq!((group.tls.full, group.tls.resumed), (1, 1));
        assert_eq!((group.dns.answered, group.dns.failed.total()), (1, 1));
        assert_eq!(group.phases, crate::phase::Phases::default());
    }

    /// Phases that need what only a record holds are in no histogram of the kernel.
    const NOT_TIMED: [Phase; 6] = [
        Phase::Tunnel,
        Phase::TunnelFailed,
        Phase::PickupCpu,
        Phase::IdleAtClose,
        Phase::IdleAtServerClose,
        Phase::Aborted,
    ];

    #[test]
    fn every_phase_is_timed_in_the_kernel_or_known_not_to_be() {
        let timed: Vec<Phase> = Histogram::ALL
            .into_iter()
            .flat_map(phases)
            .copied()
            .collect();
        for phase in Phase::ALL {
            assert_ne!(
                timed.contains(&phase),
                NOT_TIMED.contains(&phase),
                "{phase:?}"
            );
        }
    }

    /// A histogram adds to the phase of its own name, so that names cannot drift apart.
    #[test]
    fn histograms_are_named_after_their_phase() {
        for histogram in Histogram::ALL {
            let name = format!("{histogram:?}");
            let named = |phase: &Phase| format!("{phase:?}") == name;
            let alone = matches!(histogram, Histogram::TtfbAdopted);
            assert_ne!(phases(histogram).iter().any(named), alone, "{name}");
        }
    }

    proptest! {
        #[test]
        fn buckets_are_fine_enough(ns in 1u64..100_000_000_000_000) {
            let shown = middle(bucket(ns));
            prop_assert!(shown.abs_diff(ns) * 125 <= ns, "{} for {}", shown, ns);
        }
    }
}
