//! Counts single turns by their times.

use tracer_common::record::{TurnRecord, turn};

use crate::{group::Group, ticket::FirstByte};

/// Counts a finished turn. `first` is true for the first turn on its connection.
pub fn apply(record: &TurnRecord, answer: FirstByte, first: bool, group: &mut Group) {
    let end_ns = if record.last_ns == 0 {
        record.header.time_ns
    } else {
        record.last_ns
    };
    group.in_flight(record.start_ns, end_ns);
    let requests = &mut group.requests;
    requests.count += 1;
    requests.connections += u64::from(record.number == 1);
    let phases = &mut group.phases;
    if record.previous_ns != 0 {
        phases
            .idle
            .record(record.start_ns.saturating_sub(record.previous_ns));
    }
    let first_ns = match answer {
        FirstByte::Known(at) => at,
        FirstByte::Inferred(at) => {
            requests.first_inferred += 1;
            at
        }
        FirstByte::Unknown => {
            requests.first_unknown += 1;
            return;
        }
        FirstByte::None => {
            requests.failed += 1;
            return;
        }
    };
    count_times(record, first_ns, first, group);
}

/// Counts a turn as answered that was counted as unknown before: its response is now known to have begun with its first
/// record.
pub fn settle(record: &TurnRecord, group: &mut Group) {
    group.requests.first_unknown = group.requests.first_unknown.saturating_sub(1);
    group.requests.first_inferred += 1;
    count_times(record, record.first_ns, true, group);
}

fn count_times(record: &TurnRecord, first_ns: u64, first: bool, group: &mut Group) {
    let phases = &mut group.phases;
    let ttfb_ns = first_ns.saturating_sub(record.start_ns);
    phases.ttfb.record(ttfb_ns);
    match (first, record.adopted) {
        (true, 0) => phases.ttfb_first.record(ttfb_ns),
        (true, _) => {}
        (false, _) => phases.ttfb_reused.record(ttfb_ns),
    }
    phases
        .transfer
        .record(record.last_ns.saturating_sub(first_ns));
    phases.pickup.record(record.pickup_ns);
    group
        .requests
        .pick_up(record.pickup_ns, record.pickup_cpu_ns);
    if record.pickup_ns >= turn::SLOW_PICKUP_NS && record.pickup_cpu_ns != turn::UNMEASURED {
        phases.pickup_cpu.record(record.pickup_cpu_ns);
    }
}
