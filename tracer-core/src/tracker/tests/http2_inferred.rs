//! Tests of requests over HTTP/2 that are told by the lengths and times of TLS records alone.

use tracer_common::{
    http2::records::UNACKNOWLEDGED,
    record::{
        closer,
        direction::{EGRESS, INGRESS},
    },
};

use super::super::*;
use super::http2::handshaken;
use super::http2_model::{DATA, END, HEADERS, MS, Model, OPEN, frame};

/// Connection whose handshake has chosen HTTP/2, and whose records have so many bytes in addition to their plaintext.
struct Wire {
    model: Model,
    added: u16,
}

impl Wire {
    fn new(added: u16) -> Self {
        let model = Model {
            tracker: handshaken(32),
            ..Model::new()
        };
        Self { model, added }
    }

    fn sent(&mut self, at_ms: u64, plain: u16) {
        let length = plain + self.added;
        self.model.records(EGRESS, at_ms * MS, &[length], 0);
    }

    fn got(&mut self, at_ms: u64, plain: u16) {
        let length = plain + self.added;
        self.model.records(INGRESS, at_ms * MS, &[length], 0);
    }

    /// Preface with SETTINGS and a window update, SETTINGS of the server, both acknowledgements.
    fn begin(&mut self) {
        self.sent(100, 24 + 9 + 18 + 13);
        self.got(101, 9 + 18);
        self.sent(102, 9);
        self.got(103, 9);
    }
}

/// Checks the counted and the timed requests, and whether there may be more than counted.
#[track_caller]
fn check(group: &Group, (count, timed, at_least): (u64, u64, u64)) {
    let requests = &group.requests;
    assert_eq!(
        (requests.count, requests.http2, requests.inferred),
        (count, count, count)
    );
    assert_eq!(
        (group.phases.ttfb.count(), group.http2.at_least),
        (timed, at_least)
    );
    assert_eq!((group.http2.source.inferred, group.http2.streams), (1, 0));
    assert_eq!(
        (requests.connections, requests.h2_turns),
        (u64::from(count != 0), 0)
    );
}

#[test]
fn one_after_the_other() {
    for added in [17, 33] {
        let mut wire = Wire::new(added);
        wire.begin();
        for at in 0..40 {
            let at_ms = 200 + 100 * at;
            wire.sent(at_ms, 40);
            wire.got(at_ms + 40, 60);
            wire.got(at_ms + 45, 900);
            // What is sent in answer is no request: a window update, a PING and its acknowledgement.
            wire.sent(at_ms + 46, 13);
            wire.got(at_ms + 47, 17);
            wire.sent(at_ms + 48, 17);
        }
        let group = wire.model.totals(9000 * MS);
        // The first answer cannot be told from tickets.
        check(&group, (40, 39, 0));
        assert_eq!(group.requests.failed, 0);
        let ttfb = group.phases.ttfb.summary();
        assert!(ttfb.max_ns.abs_diff(40 * MS) < MS && ttfb.min_ns.abs_diff(40 * MS) < MS);
        assert!(group.phases.transfer.summary().max_ns.abs_diff(5 * MS) < MS);
        assert!(group.phases.idle.summary().max_ns.abs_diff(55 * MS) < MS);
    }
}

/// Two requests without an answer between them overlap, and that they alternate with answers later restores no trust.
#[test]
fn overlaps_hold_until_both_sides_were_silent() {
    let mut wire = Wire::new(17);
    wire.begin();
    wire.sent(200, 40);
    wire.got(240, 300);
    wire.sent(300, 40);
    wire.sent(301, 40);
    wire.got(340, 300);
    for at in 0..10 {
        wire.sent(400 + 50 * at, 40);
        wire.got(430 + 50 * at, 300);
    }
    // Silence of more than a second.
    for at in 0..2 {
        wire.sent(3000 + 100 * at, 40);
        wire.got(3040 + 100 * at, 300);
    }
    let group = wire.model.totals(9000 * MS);
    check(&group, (15, 2, 1));
}

#[test]
fn other_proofs_of_an_overlap() {
    // The server's records are not acknowledged, so they answer something else.
    let mut wire = Wire::new(17);
    wire.begin();
    for at in 0..3 {
        wire.sent(200 + 100 * at, 40);
        wire.model
            .records(INGRESS, (210 + 100 * at) * MS, &[300], UNACKNOWLEDGED);
        wire.got(240 + 100 * at, 300);
    }
    let group = wire.model.totals(9000 * MS);
    check(&group, (3, 0, 1));
    // The answer before may go on.
    let mut wire = Wire::new(17);
    wire.begin();
    for at in 0..3 {
        wire.sent(200 + 100 * at, 40);
        wire.got(240 + 100 * at, 16_384);
    }
    let group = wire.model.totals(9000 * MS);
    check(&group, (3, 0, 1));
}

/// Clients open connections for requests that take another one in the end.
#[test]
fn closed_without_a_request() {
    for records in 0..2 {
        let mut wire = Wire::new(17);
        for at in 0..records {
            wire.got(90 + at, 250);
        }
        wire.model.close(200 * MS, closer::CLIENT);
        let group = wire.model.totals(9000 * MS);
        let source = group.http2.source;
        assert_eq!((source.never_used, source.inferred, source.none), (1, 0, 0));
        assert_eq!((group.connections.http2, group.requests.count), (1, 0));
        assert_eq!(group.connections.never_used(), 1);
    }
}

/// A connection that waits for its first request is never used so far, whatever the server has sent.
#[test]
fn open_without_a_request() {
    let check = |wire: &Wire, expected: (u64, u64)| {
        let source = wire.model.tracker.snapshot().totals.http2.source;
        assert_eq!((source.never_used, source.inferred), expected);
        assert_eq!((source.frames, source.none), (0, 0));
    };
    let mut wire = Wire::new(17);
    wire.got(90, 250);
    check(&wire, (1, 0));
    wire.got(91, 9);
    check(&wire, (1, 0));
    wire.sent(100, 150);
    check(&wire, (0, 1));
    wire.got(140, 300);
    check(&wire, (0, 1));
    wire.model.close(200 * MS, closer::CLIENT);
    assert_eq!(wire.model.totals(9000 * MS).requests.count, 1);
    // The same without a request, until the end of the trace.
    let mut wire = Wire::new(17);
    wire.got(90, 250);
    let group = wire.model.totals(9000 * MS);
    assert_eq!(
        (group.http2.source.never_used, group.requests.count),
        (1, 0)
    );
}

#[test]
fn prefaces_with_and_without_a_request() {
    for (preface, next, expected) in [
        // With a request, with SETTINGS behind it, and with a request if none comes before the acknowledgement.
        (150, &[9][..], 1),
        (24, &[9 + 18, 9], 0),
        (90, &[9], 1),
        (90, &[50, 9], 1),
        (64, &[9, 40], 1),
    ] {
        let mut wire = Wire::new(17);
        wire.sent(100, preface);
        wire.got(101, 9 + 18);
        for (at, plain) in (102..).zip(next) {
            wire.sent(at, *plain);
        }
        wire.got(140, 300);
        let group = wire.model.totals(9000 * MS);
        assert_eq!(group.requests.count, expected, "{preface} {next:?}");
    }
}

#[test]
fn bodies_are_no_requests() {
    let mut wire = Wire::new(17);
    wire.begin();
    for at in 0..5 {
        wire.sent(200 + 100 * at, 60);
        wire.sent(201 + 100 * at, 8000);
        wire.sent(205 + 100 * at, 2000);
        wire.got(240 + 100 * at, 300);
    }
    let group = wire.model.totals(9000 * MS);
    check(&group, (5, 4, 0));
}

/// Inferred requests are dropped when frames come.
#[test]
fn frames_take_its_place() {
    let mut model = Model {
        tracker: handshaken(32),
        ..Model::new()
    };
    model.tracker = handshaken(32);
    model.records(INGRESS, 90 * MS, &[250], 0);
    model.begin(100 * MS);
    for at in 0..3 {
        model.request((200 + 10 * at) * MS, 2 * at as u32 + 1);
    }
    for at in 0..3 {
        let stream = 2 * at as u32 + 1;
        let all = [
            frame(HEADERS, OPEN, stream, 50),
            frame(DATA, END, stream, 10),
        ];
        model.receive((240 + 10 * at) * MS, &all);
    }
    let group = model.totals(500 * MS);
    assert_eq!((group.requests.count, group.requests.inferred), (3, 0));
    assert_eq!((group.http2.source.frames, group.http2.streams), (1, 3));
    assert_eq!(group.phases.ttfb.count(), 3);
}
