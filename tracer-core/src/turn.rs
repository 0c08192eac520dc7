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

/// Takes back a turn that was counted and was no request. What it added to the peak of requests in flight stays.
pub fn retract(record: &TurnRecord, answer: FirstByte, group: &mut Group) {
    let first = record.number == 1;
    let requests = &mut group.requests;
    requests.count = requests.count.saturating_sub(1);
    requests.connections = requests.connections.saturating_sub(u64::from(first));
    if record.previous_ns != 0 {
        let idle = Timed::between(record.previous_ns, record.start_ns);
        group.take_back_time(|phases| &mut phases.idle, idle);
    }
    let requests = &mut group.requests;
    let first_ns = match answer {
        FirstByte::Known(at) => at,
        FirstByte::Inferred(at) => {
            requests.first_inferred = requests.first_inferred.saturating_sub(1);
            at
        }
        FirstByte::Unknown => {
            requests.first_unknown = requests.first_unknown.saturating_sub(1);
            return;
        }
        FirstByte::None => {
            requests.failed = requests.failed.saturating_sub(1);
            return;
        }
    };
    let ttfb = Timed::between(record.start_ns, first_ns);
    group.take_back_time(|phases| &mut phases.ttfb, ttfb);
    if let Some(ttfb_ns) = ttfb.known_ns() {
        match (first, record.adopted) {
            (true, 0) => _ = group.phases.ttfb_first.retract(ttfb_ns),
            (true, _) => {}
            (false, _) => _ = group.phases.ttfb_reused.retract(ttfb_ns),
        }
    }
    let transfer = Timed::between(first_ns, record.last_ns);
    group.take_back_time(|phases| &mut phases.transfer, transfer);
    let Some(pickup) = pickup(record) else {
        group.requests.pickups_unseen = group.requests.pickups_unseen.saturating_sub(1);
        return;
    };
    group.take_back_time(|phases| &mut phases.pickup, pickup);
    if let Some(pickup_ns) = pickup.known_ns() {
        group
            .requests
            .put_back(pickup_ns, record.pickup_run_queue_ns);
        if pickup_ns >= turn::SLOW_PICKUP_NS && record.pickup_run_queue_ns != turn::UNMEASURED {
            let run_queue_ns = record.pickup_run_queue_ns.min(pickup_ns);
            group.phases.pickup_cpu.retract(run_queue_ns);
        }
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zerocopy::FromZeros;

    use super::*;
    use crate::in_flight::InFlight;

    fn record(
        [number, start_ns, first_ns, last_ns, previous_ns, pickup_ns]: [u32; 6],
    ) -> TurnRecord {
        let mut record = TurnRecord::new_zeroed();
        record.number = number % 4 + 1;
        record.start_ns = start_ns.into();
        record.first_ns = first_ns.into();
        record.last_ns = last_ns.into();
        record.previous_ns = if record.number == 1 {
            0
        } else {
            previous_ns.into()
        };
        record.pickup_ns = pickup_ns.into();
        record.pickup_run_queue_ns = if pickup_ns % 2 == 0 {
            turn::UNMEASURED
        } else {
            7
        };
        record
    }

    proptest! {
        /// Everything that was counted is taken back, in any order, but for the peak of requests in flight.
        #[test]
        fn taken_back(turns in proptest::collection::vec((any::<[u32; 6]>(), 0..4_u8), 1..20)) {
            let turns: Vec<_> = turns.into_iter().map(|(numbers, answer)| {
                let record = record(numbers);
                let answer = match answer {
                    0 => FirstByte::None,
                    1 => FirstByte::Unknown,
                    2 => FirstByte::Inferred(record.first_ns),
                    _ => FirstByte::Known(record.first_ns),
                };
                (record, answer)
            }).collect();
            let mut group = Group::default();
            for (record, answer) in &turns {
                apply(record, *answer, record.number == 1, &mut group);
            }
            for (record, answer) in &turns {
                retract(record, *answer, &mut group);
            }
            group.requests.in_flight = InFlight::default();
            let none = Group::default();
            prop_assert_eq!(&group.requests, &none.requests);
            prop_assert_eq!(group.negative_durations, 0);
            for phase in [&group.phases.ttfb, &group.phases.ttfb_first, &group.phases.ttfb_reused, &group.phases.transfer, &group.phases.pickup, &group.phases.pickup_cpu, &group.phases.idle] {
                prop_assert_eq!(phase.count(), 0);
            }
        }
    }
}
