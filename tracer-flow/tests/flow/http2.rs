//! TLS records of connections that speak HTTP/2, and frames in clear.

use proptest::{collection::vec, prelude::*, sample::Index};
use tracer_common::{
    config::http2,
    http2::{passed, records},
    record::direction,
};
use tracer_flow::{
    driver::{Driver, Report},
    frames::PREFACE,
    outside::TlsRecordPassed,
};

use crate::script::{
    DATA, Message, Play, Side, client, client_hello, full_12, full_13, record, resumed_12,
    resumed_13, server, server_hello,
};

const WHOLE: u8 = passed::BEGINS | passed::ENDS;

/// Handshake of TLS 1.3 in which the record with EncryptedExtensions has this length.
pub(crate) fn handshake(encrypted_extensions: u16) -> Vec<Message> {
    let flight = [
        server_hello(),
        record(DATA, encrypted_extensions),
        record(DATA, 2900),
        record(DATA, 53),
    ];
    vec![
        client(1000, &[client_hello()]),
        server(2000, &flight),
        client(3000, &[record(DATA, 53)]),
    ]
}

/// Play of a script while HTTP/2 is read.
pub(crate) fn play(script: &[Message]) -> Play {
    let mut play = Play::new();
    play.driver().read_http_2(http2::WIRE);
    for message in script {
        play.whole(message);
    }
    play
}

fn all_passed(driver: &Driver) -> Vec<TlsRecordPassed> {
    let passed = |report: &Report| match report {
        Report::Passed(passed) => Some(*passed),
        _ => None,
    };
    let all: Vec<_> = driver.reports().iter().filter_map(passed).collect();
    check_places(&all);
    all
}

/// Checks that each record lies behind the one before it, where nothing is missing between them.
fn check_places(all: &[TlsRecordPassed]) {
    let mut behind = [None; 2];
    for one in all {
        let behind = &mut behind[usize::from(one.direction)];
        let end = one.sequence.wrapping_add(5 + u32::from(one.passed.length));
        let is_begin = one.passed.flags & passed::BEGINS != 0;
        if let Some(behind) = *behind
            && one.flags & records::GAP == 0
        {
            let expected = if is_begin { one.sequence } else { end };
            assert_eq!(expected, behind, "{one:?}");
        }
        *behind = Some(end);
    }
}

/// Records that passed: time, direction, length and flags.
fn brief(driver: &Driver) -> Vec<(u64, u8, u16, u8)> {
    let brief = |it: TlsRecordPassed| (it.now_ns, it.direction, it.passed.length, it.passed.flags);
    all_passed(driver).into_iter().map(brief).collect()
}

#[test]
fn encrypted_extensions_tell_the_protocol() {
    let check = |length: u16, is_followed: bool| {
        let mut script = handshake(length);
        script.push(client(4000, &[record(DATA, 64 + 17)]));
        let mut play = play(&script);
        let expected = [(4000, direction::EGRESS, 81, WHOLE)];
        let expected = if is_followed { &expected[..] } else { &[] };
        assert_eq!(brief(play.driver()), expected, "{length}");
    };
    for length in [32, 36, 900] {
        check(length, true);
    }
    for length in [23, 27, 38, 42] {
        check(length, false);
    }
}

#[test]
fn nothing_is_followed_unless_it_is_asked_for() {
    let mut play = Play::new();
    for message in &handshake(32) {
        play.whole(message);
    }
    play.whole(&client(4000, &[record(DATA, 81)]));
    assert_eq!(brief(play.driver()), []);
}

#[test]
fn records_behind_the_handshake_in_its_last_segment_are_told() {
    let mut script = handshake(32);
    script[2] = client(
        3000,
        &[record(DATA, 53), record(DATA, 81), record(DATA, 26)],
    );
    let mut play = play(&script);
    let sent = |length| (3000, direction::EGRESS, length, WHOLE);
    assert_eq!(brief(play.driver()), [sent(81), sent(26)]);
}

#[test]
fn records_before_the_clients_finished_are_told() {
    let mut script = handshake(32);
    script.insert(2, server(2500, &[record(DATA, 240), record(DATA, 57)]));
    script.push(server(4000, &[record(DATA, 99)]));
    let mut play = play(&script);
    let got = |at_ns, length| (at_ns, direction::INGRESS, length, WHOLE);
    let expected = [got(2500, 240), got(2500, 57), got(4000, 99)];
    assert_eq!(brief(play.driver()), expected);
}

#[test]
fn without_a_sign_records_are_told_for_ten_of_the_client() {
    let mut play = play(&full_12());
    for number in 0..20 {
        play.whole(&client(5000 + 100 * number, &[record(DATA, 300)]));
        play.whole(&server(5050 + 100 * number, &[record(DATA, 900)]));
    }
    let sent = brief(play.driver())
        .iter()
        .filter(|it| it.1 == direction::EGRESS)
        .count();
    assert_eq!(sent, 10);
    let story = play.end();
    assert_eq!(story.turns.len(), 20);
}

#[test]
fn with_a_sign_records_are_told_for_ever() {
    let mut play = play(&full_12());
    play.whole(&client(
        5000,
        &[record(DATA, 64 + 24), record(DATA, 9 + 24)],
    ));
    for number in 0..40 {
        play.whole(&client(6000 + number, &[record(DATA, 300)]));
    }
    assert_eq!(brief(play.driver()).len(), 42);
}

#[test]
fn many_records_of_a_server_without_a_sign_end_the_search() {
    let mut play = play(&full_12());
    play.whole(&client(5000, &[record(DATA, 300)]));
    for number in 0..200 {
        play.whole(&server(6000 + number, &[record(DATA, 1000)]));
    }
    assert!(brief(play.driver()).len() < 80);
}

#[test]
fn a_hole_inside_of_a_record_loses_nothing() {
    let mut play = play(&handshake(32));
    let message = server(5000, &[record(DATA, 4000), record(DATA, 100)]);
    play.shuffled(&message, &[1000, 2000, 4005], &[0, 2, 1, 3]);
    let got = |length, flags| (5000, direction::INGRESS, length, flags);
    let expected = [
        got(4000, passed::BEGINS),
        got(4000, passed::ENDS),
        got(100, WHOLE),
    ];
    assert_eq!(brief(play.driver()), expected);
}

#[test]
fn behind_a_hole_with_a_header_records_are_found_again() {
    let mut play = play(&handshake(32));
    play.pass(Side::Server, 700);
    play.whole(&server(5000, &[vec![0xaa; 600]]));
    play.whole(&server(6000, &[record(DATA, 100)]));
    play.whole(&server(7000, &[record(DATA, 100)]));
    let found = all_passed(play.driver());
    let flags: Vec<u8> = found.iter().map(|it| it.flags).collect();
    assert_eq!(flags, [records::GAP, 0]);
    assert_eq!(found[0].now_ns, 6000);
}

#[test]
fn records_are_found_again_anywhere_in_a_segment() {
    for before in [0, 1, 26, 27, 28, 31, 32, 33, 200, 1300] {
        let mut play = play(&handshake(32));
        play.pass(Side::Server, 700);
        // Bytes that look like the header of a record, and others that look so until the next header.
        let mut bytes = vec![DATA, 3, 3, 0x7f];
        bytes.extend([DATA, 3, 3, 0, 10]);
        bytes.resize(40 + before, DATA);
        bytes.extend(record(DATA, 100));
        bytes.extend(record(DATA, 50));
        play.whole(&server(6000, &[bytes]));
        let got = |length| (6000, direction::INGRESS, length, WHOLE);
        assert_eq!(brief(play.driver()), [got(100), got(50)], "{before}");
    }
}

#[test]
fn a_segment_that_fills_a_gap_is_told() {
    let mut play = play(&handshake(32));
    let first = play.next(Side::Server);
    let message = server(5000, &[record(DATA, 4000), record(DATA, 100)]);
    play.shuffled(&message, &[1000, 2000, 4005], &[0, 2, 1, 3]);
    // The same bytes once more fill nothing.
    play.segment(Side::Server, first, &[0; 1000], 6000);
    let late: Vec<_> = play
        .driver()
        .reports()
        .iter()
        .filter_map(|report| match report {
            Report::Late(sequence, at_ns) => Some((*sequence, *at_ns)),
            _ => None,
        })
        .collect();
    assert_eq!(late, [(first.wrapping_add(1000), 5000)]);
}

#[test]
fn acknowledgements_that_do_not_cover_the_request_are_marked() {
    let mut play = play(&handshake(32));
    let before = play.next(Side::Client);
    play.whole(&client(4000, &[record(DATA, 81)]));
    let after = play.next(Side::Client);
    for (acknowledged, flags) in [(before, records::UNACKNOWLEDGED), (after, 0)] {
        play.driver().acknowledge(acknowledged);
        play.whole(&server(5000, &[record(DATA, 50)]));
        assert_eq!(
            all_passed(play.driver()).last().map(|it| it.flags),
            Some(flags)
        );
    }
}

#[test]
fn a_tls_object_is_asked_for_until_it_is_known() {
    let mut play = play(&handshake(900));
    play.driver().read_http_2(http2::FRAMES);
    play.whole(&client(4000, &[record(DATA, 81)]));
    play.driver().let_bind();
    play.whole(&client(5000, &[record(DATA, 81)]));
    play.whole(&client(6000, &[record(DATA, 81)]));
    let bound = |report: &Report| match report {
        Report::Bound(is_first, now_ns) => Some((*is_first, *now_ns)),
        _ => None,
    };
    let bound: Vec<_> = play.driver().reports().iter().filter_map(bound).collect();
    assert_eq!(bound, [(false, 5000)]);
}

#[test]
fn the_first_application_data_is_known() {
    let mut play = Play::new();
    play.driver().read_http_2(http2::FRAMES);
    play.driver().let_bind();
    for message in &handshake(32) {
        play.whole(message);
    }
    play.whole(&client(4000, &[record(DATA, 81)]));
    let reports = play.driver().reports();
    assert!(
        reports
            .iter()
            .any(|it| matches!(it, Report::Bound(true, 4000)))
    );
}

/// Records of a connection behind its handshake: side and length of each.
fn traffic() -> impl Strategy<Value = Vec<(bool, Vec<u16>)>> {
    vec((any::<bool>(), vec(20..3000u16, 1..5)), 1..30)
}

/// Handshake, and the bytes that encryption adds behind it.
fn handshakes() -> impl Strategy<Value = (Vec<Message>, u16)> {
    prop_oneof![
        Just((full_12(), 24)),
        Just((resumed_12(), 16)),
        Just((full_13(), 17)),
        Just((resumed_13(), 17)),
    ]
}

proptest! {
    #[test]
    fn records_are_told_however_they_are_cut(
        (mut script, added) in handshakes(),
        traffic in traffic(),
        cuts in vec(vec(any::<Index>(), 0..6), 40),
    ) {
        let sign = client(9000, &[record(DATA, 9 + added)]);
        script.push(sign);
        let mut followed = play(&script);
        let mut plain = Play::new();
        script.iter().for_each(|message| plain.whole(message));
        let mut expected = vec![(9000, direction::EGRESS, 9 + added)];
        for (number, (is_sent, lengths)) in traffic.iter().enumerate() {
            let now_ns = 10_000 + 1000 * number as u64;
            let parts: Vec<_> = lengths.iter().map(|length| record(DATA, *length)).collect();
            let message = if *is_sent { client(now_ns, &parts) } else { server(now_ns, &parts) };
            let mut ends: Vec<_> = cuts[number % cuts.len()]
                .iter()
                .map(|cut| cut.index(message.cuts().end))
                .collect();
            ends.sort_unstable();
            followed.cut(&message, &ends);
            plain.cut(&message, &ends);
            let direction = if *is_sent { direction::EGRESS } else { direction::INGRESS };
            expected.extend(lengths.iter().map(|length| (now_ns, direction, *length)));
        }
        let found = brief(followed.driver());
        for flag in [passed::BEGINS, passed::ENDS] {
            let found = found.iter().filter(|it| it.3 & flag != 0);
            let found: Vec<_> = found.map(|it| (it.0, it.1, it.2)).collect();
            prop_assert_eq!(&found, &expected);
        }
        // What is found out about turns does not depend on it.
        prop_assert_eq!(followed.end(), plain.end());
    }
}

/// Header and payload of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, length: u32) -> Vec<u8> {
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.resize(bytes.len() + length as usize, 0);
    bytes
}

/// Frames in clear that were found: time, direction, type and stream.
fn clear(driver: &Driver) -> Vec<(u64, u8, u8, u32)> {
    let mut found = Vec::new();
    for report in driver.reports() {
        if let Report::Frames(piece, frames) = report {
            found.extend(
                frames
                    .iter()
                    .map(|it| (piece.now_ns, piece.direction, it.kind, it.stream)),
            );
        }
    }
    found
}

#[test]
fn frames_in_clear_are_found() {
    let mut play = Play::new();
    play.driver().read_http_2(http2::FRAMES);
    let preface = [PREFACE.to_vec(), frame(4, 0, 0, 6), frame(1, 5, 1, 30)];
    play.cut(&client(1000, &preface), &[10, 40]);
    let answer = [frame(4, 0, 0, 0), frame(1, 4, 1, 50), frame(0, 1, 1, 3000)];
    play.shuffled(&server(2000, &answer), &[1000, 2000], &[0, 2, 1]);
    play.whole(&server(3000, &[frame(6, 0, 0, 8)]));
    let expected = [
        (1000, direction::EGRESS, 4, 0),
        (1000, direction::EGRESS, 1, 1),
        (2000, direction::INGRESS, 4, 0),
        (2000, direction::INGRESS, 1, 1),
        (2000, direction::INGRESS, 0, 1),
        (3000, direction::INGRESS, 6, 0),
    ];
    assert_eq!(clear(play.driver()), expected);
}

#[test]
fn frames_behind_an_upgrade_are_found() {
    let mut play = Play::new();
    play.driver().read_http_2(http2::FRAMES);
    play.whole(&client(
        1000,
        &[b"GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n".to_vec()],
    ));
    let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n".to_vec();
    play.whole(&server(2000, &[head, frame(4, 0, 0, 6)]));
    play.whole(&client(3000, &[PREFACE.to_vec(), frame(4, 0, 0, 0)]));
    play.whole(&server(4000, &[frame(1, 4, 1, 30)]));
    let expected = [
        (2000, direction::INGRESS, 4, 0),
        (3000, direction::EGRESS, 4, 0),
        (4000, direction::INGRESS, 1, 1),
    ];
    assert_eq!(clear(play.driver()), expected);
}

#[test]
fn another_protocol_behind_an_upgrade_is_left_alone() {
    let mut play = Play::new();
    play.driver().read_http_2(http2::FRAMES);
    play.whole(&client(
        1000,
        &[b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec()],
    ));
    let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".to_vec();
    play.whole(&server(2000, &[head]));
    for number in 0..9 {
        play.whole(&client(
            3000 + number,
            &[vec![0x81, 0x85, 1, 2, 3, 4, 9, 9, 9, 9, 9]],
        ));
    }
    assert_eq!(clear(play.driver()), []);
}
