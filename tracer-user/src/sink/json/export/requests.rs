//! Requests of the export.

use tracer_core::group::{Requests, per_connection::PerConnection};
use tracer_export as export;

pub(super) fn requests(requests: &Requests, has_activity: bool) -> export::Requests {
    let peak = requests.in_flight.peak().max(requests.in_flight_now);
    export::Requests {
        count: Some(requests.count),
        by_protocol: export::Protocols {
            http1: Some(requests.count.saturating_sub(requests.http2)),
            http2: Some(requests.http2),
        },
        connections: Some(requests.connections),
        h2_turns: Some(requests.h2_turns),
        failed: Some(requests.failed),
        stale: Some(requests.stale),
        aborted: Some(requests.aborted),
        cut_short: Some(requests.cut_short),
        per_connection: per_connection(&requests.per_connection),
        in_flight_peak: Some(peak),
        slow_pickups: Some(requests.slow_pickups),
        slow_pickups_measured: Some(requests.slow_pickups_measured),
        pickups_unseen: Some(requests.pickups_unseen),
        inferred: Some(requests.inferred),
        first_inferred: Some(requests.first_inferred),
        first_unknown: Some(requests.first_unknown),
        reuse_ratio: requests.reuse_ratio(),
        pickup_cpu_ratio: requests.pickup_cpu_ratio(),
        in_flight_now: has_activity.then_some(requests.in_flight_now),
    }
}

fn per_connection(connections: &PerConnection) -> export::PerConnection {
    let [
        one,
        two,
        to_4,
        to_8,
        to_16,
        to_32,
        to_64,
        to_128,
        to_256,
        to_512,
        to_1024,
        more,
    ] = connections.counts.map(|count| Some(u64::from(count)));
    export::PerConnection {
        one,
        two,
        to_4,
        to_8,
        to_16,
        to_32,
        to_64,
        to_128,
        to_256,
        to_512,
        to_1024,
        more,
    }
}
