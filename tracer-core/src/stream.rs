//! Counts streams of HTTP/2 by their times. A stream is a request.

use tracer_common::record::{closer, turn};

use crate::{
    elapsed::{Timed, elapsed},
    group::Group,
    http2::news::{Ended, Outcome},
};

/// Connection of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Carrier {
    /// True if no request of the connection was counted before.
    pub is_new: bool,
    /// True if the connection was open before tracing began.
    pub is_adopted: bool,
    /// True if only the lengths of records tell its requests.
    pub is_inferred: bool,
    /// Way in which the connection was ended, one of `record::closer`, if that ended the stream.
    pub closer: u8,
}

/// Counts a stream that has ended.
pub fn apply(ended: &Ended, carrier: Carrier, group: &mut Group) {
    if ended.begin_ns != 0 && ended.last_ns != 0 {
        group.in_flight(ended.begin_ns, ended.last_ns);
    }
    let requests = &mut group.requests;
    requests.count += 1;
    requests.http2 += 1;
    requests.connections += u64::from(carrier.is_new);
    match carrier.is_inferred {
        true => requests.inferred += 1,
        false => group.http2.streams += 1,
    }
    match ended.outcome {
        Outcome::Refused => group.http2.refused += 1,
        Outcome::ResetByServer => group.http2.reset_by_server += 1,
        Outcome::ResetByClient => group.http2.reset_by_client += 1,
        Outcome::Answered | Outcome::Closed | Outcome::Unknown => {}
    }
    if let Some(idle_ns) = ended.idle_ns {
        group.phases.idle.record(idle_ns);
    }
    if let Some(pickup_ns) = ended.pickup_ns {
        group.phases.pickup.record(pickup_ns);
        group.requests.pick_up(pickup_ns, turn::UNMEASURED);
    }
    match ended.first_ns {
        Some(first_ns) => count_times(ended, first_ns, carrier, group),
        None if ended.outcome == Outcome::Unknown => {}
        None => count_failed(ended, carrier, group),
    }
}

fn count_failed(ended: &Ended, carrier: Carrier, group: &mut Group) {
    let closer = match ended.outcome {
        Outcome::ResetByClient => closer::CLIENT,
        Outcome::Closed => carrier.closer,
        _ => closer::UNKNOWN,
    };
    group.requests.failed += 1;
    match closer {
        closer::CLIENT | closer::CLIENT_RESET => {
            group.requests.aborted += 1;
            let age_ns = elapsed(ended.last_ns, ended.begin_ns).unwrap_or(0);
            group.phases.aborted.record(age_ns);
        }
        closer::SERVER | closer::SERVER_RESET if !ended.is_first => group.requests.stale += 1,
        _ => {}
    }
}

fn count_times(ended: &Ended, first_ns: u64, carrier: Carrier, group: &mut Group) {
    let is_known = ended.begin_ns != 0 && first_ns != 0 && ended.last_ns != 0;
    // Streams under way at the end of the trace have no end yet, and inferred ones are timed only where they were alone.
    if !is_known && !carrier.is_inferred && ended.outcome != Outcome::Unknown {
        group.http2.untimed += 1;
    }
    if ended.begin_ns != 0 && first_ns != 0 {
        let ttfb = Timed::between(ended.begin_ns, first_ns);
        group.time(|phases| &mut phases.ttfb, ttfb);
        if let Some(ttfb_ns) = ttfb.known_ns() {
            match (ended.is_first, carrier.is_adopted) {
                (true, false) => group.phases.ttfb_first.record(ttfb_ns),
                (true, true) => {}
                (false, _) => group.phases.ttfb_reused.record(ttfb_ns),
            }
        }
    }
    if first_ns != 0 && ended.last_ns != 0 {
        let transfer = Timed::between(first_ns, ended.last_ns);
        group.time(|phases| &mut phases.transfer, transfer);
    }
}
