//! Figures of a group since an earlier moment. Counts and distributions are differences; peaks and current numbers are
//! those of the later moment. A connection that has moved to another host since then leaves smaller counts behind, so a
//! difference is at least 0.

use super::{
    ClosedBy, Connections, Failed, Group, Requests, Tcp, Tls, Versions,
    http2::{Http2, Reasons, Sources},
    responses::Responses,
    tunnels::{FailedTunnels, TunnelKinds, Tunnels},
};
use crate::{
    dns::counts::{Dns, DnsFailed},
    elapsed::elapsed,
    phase::{Phase, Phases},
    unknown::RequestsUnknown,
};

/// Implements `since` for a struct. Every field has to be named: a count, a struct of counts, or one that is kept as it
/// is. A new field is in none of them, which the compiler refuses.
macro_rules! since {
    ($name:ident { counts: [$($count:ident),*], parts: [$($part:ident),*], kept: [$($kept:ident),*] }) => {
        impl $name {
            /// Figures since an earlier moment.
            #[must_use]
            pub fn since(&self, before: &Self) -> Self {
                let Self { $($count,)* $($part,)* $($kept: _,)* } = before;
                Self {
                    $($count: self.$count.saturating_sub(*$count),)*
                    $($part: self.$part.since($part),)*
                    $($kept: self.$kept.clone(),)*
                }
            }
        }
    };
}

since!(Connections {
    counts: [
        opened,
        established,
        adopted,
        opens_lost,
        closes_lost,
        dns,
        dns_unread,
        unwatched,
        other_protocol,
        upgraded,
        one_way,
        http2,
        asks_close,
        server_asks_close,
        aborted_connects,
        not_sent,
        never_used
    ],
    parts: [requests_unknown, failed, closed_by],
    kept: [
        connecting_now,
        open_now,
        peak_open,
        half_closed_now,
        close_wait_now,
        close_wait_peak,
        idle_now,
        unused_now,
        carried
    ]
});
since!(RequestsUnknown {
    counts: [open_before, handshake, tunnel, tls_inside],
    parts: [],
    kept: []
});
since!(Failed {
    counts: [refused, timed_out, reset, unreachable, other],
    parts: [],
    kept: []
});
since!(ClosedBy {
    counts: [client, server, client_reset, server_reset, timeout, unknown],
    parts: [],
    kept: []
});
since!(Responses {
    counts: [
        read,
        cut,
        text,
        plain_asked,
        plain_unasked,
        plain_sized,
        plain_bytes,
        bytes
    ],
    parts: [],
    kept: []
});
since!(Http2 {
    counts: [
        streams,
        untimed,
        at_least,
        refused,
        reset_by_client,
        reset_by_server,
        goaway,
        beyond_one
    ],
    parts: [source, none_because],
    kept: [in_flight_peak, max_concurrent_streams]
});
since!(Sources {
    counts: [frames, inferred, none, never_used],
    parts: [],
    kept: []
});
since!(Reasons {
    counts: [no_library, attached_late, lost_sync],
    parts: [],
    kept: []
});
since!(Tunnels {
    counts: [opened, unknown],
    parts: [by_kind, failed],
    kept: []
});
since!(TunnelKinds {
    counts: [connect, socks4, socks5],
    parts: [],
    kept: []
});
since!(FailedTunnels {
    counts: [auth, refused, unreachable, closed, given_up, other],
    parts: [],
    kept: []
});
since!(Tls {
    counts: [
        full,
        resumed,
        failed,
        unknown,
        not_tls,
        hello_retry_requests
    ],
    parts: [versions],
    kept: [unfinished]
});
since!(Versions {
    counts: [v1_0, v1_1, v1_2, v1_3, unknown],
    parts: [],
    kept: []
});
since!(Dns {
    counts: [queries, answered, retries, truncated, repeated_within_ttl],
    parts: [failed],
    kept: []
});
since!(DnsFailed {
    counts: [nxdomain, servfail, timeout, other],
    parts: [],
    kept: []
});
since!(Tcp {
    counts: [
        syn_retransmits,
        retransmits,
        bytes_sent,
        bytes_received,
        segments_in,
        segments_out,
        segments_out_of_order,
        segments_lost_in,
        time_wait_entered
    ],
    parts: [srtt],
    kept: [open_bytes_sent, open_bytes_received]
});
since!(Group {
    counts: [negative_durations],
    parts: [
        connections,
        requests,
        responses,
        http2,
        tunnels,
        tls,
        dns,
        tcp,
        phases
    ],
    kept: []
});

impl Requests {
    /// Figures since an earlier moment.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let less = |count: fn(&Self) -> u64| count(self).saturating_sub(count(before));
        let time_ns =
            |time_ns: fn(&Self) -> u64| elapsed(time_ns(self), time_ns(before)).unwrap_or(0);
        Self {
            count: less(|it| it.count),
            http2: less(|it| it.http2),
            connections: less(|it| it.connections),
            h2_turns: less(|it| it.h2_turns),
            failed: less(|it| it.failed),
            stale: less(|it| it.stale),
            aborted: less(|it| it.aborted),
            cut_short: less(|it| it.cut_short),
            in_flight_now: self.in_flight_now,
            in_flight: self.in_flight.without_history(),
            timeline: None,
            per_connection: self.per_connection.since(&before.per_connection),
            slow_pickups: less(|it| it.slow_pickups),
            slow_pickups_measured: less(|it| it.slow_pickups_measured),
            slow_pickup_ns: time_ns(|it| it.slow_pickup_ns),
            slow_pickup_run_queue_ns: time_ns(|it| it.slow_pickup_run_queue_ns),
            pickups_unseen: less(|it| it.pickups_unseen),
            inferred: less(|it| it.inferred),
            first_inferred: less(|it| it.first_inferred),
            first_unknown: less(|it| it.first_unknown),
        }
    }
}

impl Phases {
    /// Distributions since an earlier moment.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut since = Self::default();
        for phase in Phase::ALL {
            *since.get_mut(phase) = self.get(phase).since(before.get(phase));
        }
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(times: u64) -> Group {
        let mut group = Group::default();
        group.connections.opened = 2 * times;
        group.connections.failed.refused = times;
        group.requests.count = 10 * times;
        group.requests.slow_pickup_ns = 1000 * times;
        group.dns.failed.timeout = 3 * times;
        group.http2.source.none = times;
        group.phases.connect.record_n(85_000_000, times);
        group.tcp.srtt.record_n(1000, times);
        group
    }

    #[test]
    fn counts_and_distributions_are_differences() {
        assert_eq!(group(7).since(&group(4)), group(3));
        assert_eq!(group(7).since(&group(7)), Group::default());
        assert_eq!(group(7).since(&Group::default()), group(7));
        assert_eq!(
            group(4).since(&group(7)),
            Group::default(),
            "what moved away"
        );
    }

    #[test]
    fn peaks_and_current_numbers_stay() {
        let mut now = Group::default();
        now.connections.peak_open = 9;
        now.connections.open_now = 4;
        now.http2.max_concurrent_streams = Some(100);
        (0..3).for_each(|_| now.requests.in_flight.add(0, 10, 9));
        let since = now.since(&now);
        assert_eq!(
            (since.connections.peak_open, since.connections.open_now),
            (9, 4)
        );
        assert_eq!(since.http2.max_concurrent_streams, Some(100));
        assert_eq!(since.requests.in_flight.peak(), 3);
    }
}
