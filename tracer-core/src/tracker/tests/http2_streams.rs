//! Tests of streams: each is a request, with the times of the wire.

use tracer_common::{
    http2::records,
    record::{closer, direction},
};

use super::super::*;
use super::http2_model::{DATA, END, HEADERS, MS, Model, OPEN, frame, go_away, reset, settings};
use crate::phase::Phase;

const BEGIN: u64 = 100 * MS;

/// Samples of a phase, in ms.
#[track_caller]
fn check_phase(group: &Group, phase: Phase, expected: &[u64]) {
    let latency = group.phases.get(phase);
    let found: Vec<u64> = latency
        .counts()
        .flat_map(|(_, count)| std::iter::repeat_n(0, count as usize))
        .collect();
    assert_eq!(found.len(), expected.len(), "samples of {}", phase.key());
    let summary = latency.summary();
    if let (Some(least), Some(most)) = (expected.iter().min(), expected.iter().max()) {
        let (most, least) = (most * MS, least * MS);
        assert!(
            summary.max_ns.abs_diff(most) <= most / 100,
            "{} {}",
            phase.key(),
            summary.max_ns
        );
        let low = latency.quantile(0.0).unwrap_or(0);
        assert!(
            low.abs_diff(least) <= least / 100 + 1,
            "{} {low}",
            phase.key()
        );
    }
}

#[track_caller]
fn check_source(group: &Group, frames: u64, lost: u64) {
    let http2 = &group.http2;
    assert_eq!(
        (http2.source.frames, http2.none_because.lost_sync),
        (frames, lost)
    );
    assert_eq!(group.connections.http2, frames + lost);
}

/// A response of two frames, each of which waits 30 ms for its read.
#[test]
fn responses_that_are_read_late() {
    let mut model = Model {
        read_after_ns: 30 * MS,
        ..Model::new()
    };
    model.begin(BEGIN);
    for (at, stream) in [(200, 1), (300, 3)] {
        model.request(at * MS, stream);
        model.answer((at + 40) * MS, stream);
    }
    let group = model.totals(500 * MS);
    check_phase(&group, Phase::Pickup, &[30, 30]);
    let requests = &group.requests;
    assert_eq!(
        (requests.slow_pickups, requests.slow_pickups_measured),
        (2, 0)
    );
    check_phase(&group, Phase::Ttfb, &[40, 40]);
}

#[test]
fn one_after_the_other() {
    let mut model = Model::new();
    model.begin(BEGIN);
    for (at, stream) in [(200, 1), (300, 3), (400, 5)] {
        model.request(at * MS, stream);
        model.answer((at + 40) * MS, stream);
    }
    let group = model.totals(500 * MS);
    check_source(&group, 1, 0);
    let requests = &group.requests;
    assert_eq!(
        (requests.count, requests.http2, requests.connections),
        (3, 3, 1)
    );
    assert_eq!(
        (requests.failed, requests.h2_turns, requests.inferred),
        (0, 0, 0)
    );
    assert_eq!(
        (group.http2.streams, group.http2.max_concurrent_streams),
        (3, Some(100))
    );
    assert_eq!(
        (group.http2.in_flight_peak, requests.in_flight.peak()),
        (1, 1)
    );
    check_phase(&group, Phase::Ttfb, &[40, 40, 40]);
    check_phase(&group, Phase::TtfbFirst, &[40]);
    check_phase(&group, Phase::TtfbReused, &[40, 40]);
    check_phase(&group, Phase::Idle, &[60, 60]);
    check_phase(&group, Phase::IdleAtClose, &[60]);
    check_phase(&group, Phase::Transfer, &[0, 0, 0]);
}

/// Streams that begin 1 ms apart and take 500 ms each, in every way in which a library may cut and delay its calls.
#[test]
fn many_at_once() {
    for count in [1_u32, 8, 50, 200] {
        for (writes_early, read_size, longest, overheads) in [
            (false, 16_384, 16_384, [17, 17]),
            (true, 9, 16_384, [17, 33]),
            (true, 100, 1000, [17, 17]),
            (false, 4096, 500, [17, 33]),
        ] {
            let mut model = Model {
                writes_early,
                read_size,
                longest,
                overheads,
                ..Model::new()
            };
            model.begin(BEGIN);
            for at in 0..count {
                model.request((1000 + u64::from(at)) * MS, 2 * at + 1);
            }
            for at in 0..count {
                let stream = 2 * at + 1;
                let first_ns = (1500 + u64::from(at)) * MS;
                model.receive(first_ns, &[frame(HEADERS, OPEN, stream, 50)]);
            }
            for at in 0..count {
                let stream = 2 * at + 1;
                let last_ns = (2500 + u64::from(at)) * MS;
                model.receive(last_ns, &[frame(DATA, END, stream, 2000)]);
            }
            let group = model.totals(4000 * MS);
            check_source(&group, 1, 0);
            let all = vec![500; count as usize];
            assert_eq!(group.requests.count, u64::from(count));
            check_phase(&group, Phase::Ttfb, &all);
            check_phase(&group, Phase::Transfer, &vec![1000; count as usize]);
            check_phase(&group, Phase::Idle, &[]);
            assert_eq!(group.http2.in_flight_peak, u64::from(count));
            assert_eq!(group.requests.in_flight.peak(), u64::from(count));
        }
    }
}

#[test]
fn tickets_of_tls_are_no_frames() {
    let mut model = Model::new();
    // As a server sends them: two behind the handshake, one in between.
    model.records(direction::INGRESS, BEGIN - MS, &[250, 250], 0);
    model.begin(BEGIN);
    model.request(200 * MS, 1);
    model.records(direction::INGRESS, 210 * MS, &[300], 0);
    model.answer(240 * MS, 1);
    model.request(300 * MS, 3);
    model.answer(340 * MS, 3);
    let group = model.totals(500 * MS);
    check_source(&group, 1, 0);
    check_phase(&group, Phase::Ttfb, &[40, 40]);
}

#[test]
fn interim_responses_trailers_and_continuation() {
    let mut model = Model::new();
    model.begin(BEGIN);
    model.request(200 * MS, 1);
    // 103, then the response, with trailers.
    model.receive(210 * MS, &[frame(HEADERS, OPEN, 1, 30)]);
    model.receive(240 * MS, &[frame(HEADERS, OPEN, 1, 40)]);
    model.receive(250 * MS, &[frame(DATA, 0, 1, 100)]);
    model.receive(260 * MS, &[frame(HEADERS, END, 1, 20)]);
    // A header block over two frames.
    model.request(300 * MS, 3);
    model.receive(340 * MS, &[frame(HEADERS, 1, 3, 900)]);
    model.receive(360 * MS, &[frame(9, 4, 3, 400)]);
    let group = model.totals(500 * MS);
    assert_eq!((group.requests.count, group.requests.failed), (2, 0));
    check_phase(&group, Phase::Ttfb, &[40, 40]);
    check_phase(&group, Phase::Transfer, &[20, 20]);
}

/// A client that resets a stream before it has read the end of the response, which is there already, gives up nothing.
#[test]
fn a_reset_after_an_answer_that_is_read_later() {
    let mut model = Model::new();
    model.begin(BEGIN);
    model.request(200 * MS, 1);
    let answer = [frame(HEADERS, OPEN, 1, 50), frame(DATA, END, 1, 800)];
    model.read_after_ns = 20 * MS;
    model.receive_around(240 * MS, &answer, |model| {
        model.write(250 * MS, &[reset(1, 5)])
    });
    let group = model.totals(300 * MS);
    assert_eq!((group.requests.failed, group.http2.reset_by_client), (0, 0));
    check_phase(&group, Phase::Ttfb, &[40]);
    check_phase(&group, Phase::Transfer, &[0]);
}

#[test]
fn streams_that_fail() {
    let mut model = Model::new();
    model.begin(BEGIN);
    for stream in [1, 3, 5, 7, 9] {
        model.request(200 * MS, stream);
    }
    model.receive(210 * MS, &[reset(1, 7)]);
    model.receive(220 * MS, &[reset(3, 2)]);
    model.write(230 * MS, &[reset(5, 8)]);
    model.answer(240 * MS, 7);
    // A reset of what is complete, and one that the server may send on a stream that it pushes.
    model.write(250 * MS, &[reset(7, 8), reset(2, 7)]);
    model.close(300 * MS, closer::SERVER);
    let group = model.tracker.snapshot().totals;
    let (http2, requests) = (&group.http2, &group.requests);
    assert_eq!(
        (http2.refused, http2.reset_by_server, http2.reset_by_client),
        (1, 1, 1)
    );
    assert_eq!(
        (
            requests.count,
            requests.failed,
            requests.aborted,
            requests.stale
        ),
        (5, 4, 1, 1)
    );
    check_phase(&group, Phase::Aborted, &[30]);
    check_phase(&group, Phase::Ttfb, &[40]);
}

#[test]
fn goaway_refuses_later_streams() {
    let mut model = Model::new();
    model.begin(BEGIN);
    for stream in [1, 3, 5] {
        model.request(200 * MS, stream);
    }
    model.receive(220 * MS, &[go_away(3)]);
    // The client has not read it yet.
    model.request(220 * MS, 7);
    model.answer(240 * MS, 1);
    model.answer(250 * MS, 3);
    let group = model.totals(300 * MS);
    assert_eq!((group.http2.goaway, group.http2.refused), (1, 2));
    assert_eq!((group.requests.count, group.requests.failed), (4, 2));
    check_phase(&group, Phase::Ttfb, &[40, 50]);
}

#[test]
fn lengths_that_do_not_fit_lose_the_rest() {
    let mut model = Model::new();
    model.begin(BEGIN);
    model.request(200 * MS, 1);
    model.answer(240 * MS, 1);
    model.request(300 * MS, 3);
    model.overheads[0] = 25;
    model.request(310 * MS, 5);
    model.answer(340 * MS, 3);
    let group = model.totals(500 * MS);
    check_source(&group, 0, 1);
    // The two requests are known, and of the second nothing else.
    assert_eq!((group.requests.count, group.requests.failed), (2, 0));
    check_phase(&group, Phase::Ttfb, &[40]);
}

#[test]
fn a_gap_in_what_is_sent_loses_the_rest() {
    let mut model = Model::new();
    model.begin(BEGIN);
    model.request(200 * MS, 1);
    model.answer(240 * MS, 1);
    model.records(direction::EGRESS, 250 * MS, &[500], records::GAP);
    model.request(300 * MS, 3);
    model.answer(340 * MS, 3);
    let group = model.totals(500 * MS);
    check_source(&group, 0, 1);
    assert_eq!(group.requests.count, 1);
}

/// A record of the server that was not seen takes the times of its frames with it, and nothing else.
#[test]
fn a_gap_in_what_is_received_is_passed_over() {
    for flags in [records::GAP, 0] {
        check_gap(10, flags);
        check_gap(0, flags);
    }
}

/// Checks answers whose lengths differ by so much, after a record was not seen: the kernel programs say so in `flags`, or the
/// ring buffer had no room for it.
fn check_gap(differ: u32, flags: u8) {
    let mut model = Model::new();
    model.begin(BEGIN);
    for at in 0..10_u32 {
        let stream = 2 * at + 1;
        let at_ms = 200 + 100 * u64::from(at);
        model.request(at_ms * MS, stream);
        model.misses = at == 2;
        model.flags = match at {
            3 => flags,
            _ => 0,
        };
        let length = 100 + differ * (at % 4);
        model.receive((at_ms + 40) * MS, &[frame(HEADERS, END, stream, length)]);
    }
    let group = model.totals(5000 * MS);
    check_source(&group, 1, 0);
    assert_eq!((group.requests.count, group.requests.failed), (10, 0));
    check_phase(&group, Phase::Ttfb, &[40; 9]);
    assert_eq!(group.http2.untimed, 1);
}

/// A probe is placed while a response comes in. Requests are known by the numbers of their streams, and later ones exactly.
#[test]
fn frames_from_the_middle_on() {
    let mut model = Model {
        begin: tracer_common::http2::frames::MIDDLE,
        ..Model::new()
    };
    // The rest of the answer to the fourth request, of which the beginning was read before.
    model.receive(
        190 * MS,
        &[frame(DATA, 0, 7, 700), frame(DATA, END, 7, 300)],
    );
    for (at, stream) in [(200, 9), (300, 11), (400, 13)] {
        model.request(at * MS, stream);
        model.receive((at + 40) * MS, &[frame(HEADERS, OPEN, stream, 50 + stream)]);
        model.receive((at + 50) * MS, &[frame(DATA, END, stream, 800 + stream)]);
    }
    let group = model.totals(500 * MS);
    check_source(&group, 1, 0);
    assert_eq!((group.requests.count, group.requests.failed), (7, 0));
    assert_eq!((group.requests.connections, group.http2.streams), (1, 7));
    check_phase(&group, Phase::Ttfb, &[40, 40, 40]);
    check_phase(&group, Phase::TtfbFirst, &[]);
    check_phase(&group, Phase::Transfer, &[10, 10, 10]);
}

/// The address of a TLS object belongs to another connection later.
#[test]
fn an_address_that_is_used_again() {
    let mut model = Model::new();
    for cookie in 1..4 {
        if cookie > 1 {
            model.cookie = cookie;
            model.connect();
        }
        model.begin(BEGIN * cookie);
        model.request((100 * cookie + 20) * MS, 1);
        model.answer((100 * cookie + 60) * MS, 1);
    }
    for cookie in 1..4 {
        model.cookie = cookie;
        model.close(500 * MS, closer::CLIENT);
    }
    let group = model.tracker.snapshot().totals;
    check_source(&group, 3, 0);
    assert_eq!((group.requests.count, group.requests.connections), (3, 3));
    check_phase(&group, Phase::TtfbFirst, &[40, 40, 40]);
}

/// A server sends its SETTINGS, and the client reads them, before the client has written anything.
#[test]
fn settings_before_the_preface() {
    let mut model = Model {
        writes_early: true,
        ..Model::new()
    };
    model.receive(BEGIN - MS, &[settings(100)]);
    model.request(200 * MS, 1);
    model.answer(240 * MS, 1);
    let group = model.totals(500 * MS);
    check_source(&group, 1, 0);
    assert_eq!(
        (group.requests.count, group.http2.max_concurrent_streams),
        (1, Some(100))
    );
    check_phase(&group, Phase::Ttfb, &[40]);
}

/// A pass over the sockets tells what is in flight, and the end of the trace counts answers that have begun.
#[test]
fn under_way() {
    use tracer_common::record::{SocketRecord, kind};
    use zerocopy::{FromZeros, IntoBytes};

    let mut model = Model::new();
    model.begin(BEGIN);
    for stream in [1, 3, 5] {
        model.request(200 * MS, stream);
    }
    model.answer(240 * MS, 1);
    model.receive(250 * MS, &[frame(HEADERS, OPEN, 3, 50)]);
    let mut socket = SocketRecord::new_zeroed();
    socket.header = super::fixture::header::<SocketRecord>(kind::SOCKET, 1, 900 * MS);
    (socket.endpoint.family, socket.endpoint.remote_port) = (2, 443);
    socket.state = 1;
    model.tracker.watch(900 * MS, socket.as_bytes());
    let snapshot = model.tracker.snapshot();
    assert_eq!(snapshot.totals.requests.in_flight_now, 1);
    let live = snapshot.connections.shown[0].clone();
    let now = live.http2.and_then(|http2| http2.now).expect("streams");
    assert_eq!((live.turns, now.open, now.unanswered), (Some(3), 2, 1));
    model.tracker.take_sweep(socket.as_bytes(), true);
    let group = model.tracker.snapshot().totals;
    assert_eq!((group.requests.count, group.requests.in_flight_now), (2, 1));
    check_phase(&group, Phase::Ttfb, &[40, 50]);
    assert_eq!(group.http2.max_concurrent_streams, Some(100));
    model.receive(950 * MS, &[settings(8)]);
}
