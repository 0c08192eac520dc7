//! Counts single turns by their times.

use tracer_common::record::{TurnRecord, turn};

use crate::{elapsed::Timed, group::Group, ticket::FirstByte};

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
    if record.previous_ns != 0 {
        let idle = Timed::between(record.previous_ns, record.start_ns);
        group.time(|phases| &mut phases.idle, idle);
    }
    let requests = &mut group.requests;
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
    let ttfb = Timed::between(record.start_ns, first_ns);
    group.time(|phases| &mut phases.ttfb, ttfb);
    if let Some(ttfb_ns) = ttfb.known_ns() {
        match (first, record.adopted) {
            (true, 0) => group.phases.ttfb_first.record(ttfb_ns),
            (true, _) => {}
            (false, _) => group.phases.ttfb_reused.record(ttfb_ns),
        }
    }
    let transfer = Timed::between(first_ns, record.last_ns);
    group.time(|phases| &mut phases.transfer, transfer);
    count_pickup(record, group);
}

/// Time that response data waited for the application, which lies within the turn; None when reads are not seen.
pub fn pickup(record: &TurnRecord) -> Option<Timed> {
    if record.pickup_ns == turn::UNSEEN {
        return None;
    }
    let end_ns = record.header.time_ns.max(record.last_ns);
    Some(Timed::told(record.pickup_ns, record.start_ns, end_ns))
}

fn count_pickup(record: &TurnRecord, group: &mut Group) {
    let Some(pickup) = pickup(record) else {
        group.requests.pickups_unseen += 1;
        return;
    };
    group.time(|phases| &mut phases.pickup, pickup);
    let Some(pickup_ns) = pickup.known_ns() else {
        return;
    };
    group
        .requests
        .pick_up(pickup_ns, record.pickup_run_queue_ns);
    if pickup_ns >= turn::SLOW_PICKUP_NS && record.pickup_run_queue_ns != turn::UNMEASURED {
        let run_queue_ns = record.pickup_run_queue_ns.min(pickup_ns);
        group.phases.pickup_cpu.record(run_queue_ns);
    }
}
