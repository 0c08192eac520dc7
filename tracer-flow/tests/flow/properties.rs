//! Properties that hold for any segments.

use proptest::{collection::vec, prelude::*, sample::Index};
use tracer_common::{config::http2, record::turn::TURNS};
use tracer_flow::driver::{Driver, Report};

use crate::script::{
    DATA, Message, Play, client, client_hello, full_12, full_13, play, record, resumed_12,
    resumed_13, server,
};

fn scripts() -> impl Strategy<Value = Vec<Message>> {
    let handshakes = prop_oneof![
        Just(full_12()),
        Just(resumed_12()),
        Just(full_13()),
        Just(resumed_13()),
    ];
    // Requests and responses are longer than the segments in which control records are looked for, and than the last
    // flight of a handshake, which a third request of that length would show in a tunnel.
    let turn = (160..3000u16, vec(60..9000u16, 1..4));
    (handshakes, vec(turn, 0..12)).prop_map(|(mut script, turns)| {
        for (number, (request, responses)) in (0..).zip(turns) {
            let responses: Vec<_> = responses.iter().map(|it| record(DATA, *it)).collect();
            script.push(client(10_000 + 2000 * number, &[record(DATA, request)]));
            script.push(server(11_000 + 2000 * number, &responses));
        }
        script
    })
}

/// A segment of any bytes, at any place near the beginning of the stream.
fn segments() -> impl Strategy<Value = (bool, u32, Vec<u8>)> {
    let header = (20..25u8, 0..60u16).prop_map(|(kind, length)| record(kind, length));
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..100),
        header.clone(),
        vec(header, 1..30).prop_map(|records| records.concat()),
        Just(client_hello()),
        vec(any::<u8>(), 4000..5000),
    ];
    (any::<bool>(), prop_oneof![Just(0), 0..600u32], bytes)
}

proptest! {
    #[test]
    fn segmentation_changes_nothing(script in scripts(), cuts in vec(vec(any::<Index>(), 0..6), 40)) {
        let expected = play(&script);
        let mut play = Play::new();
        for (message, cuts) in script.iter().zip(cuts.iter().cycle()) {
            let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(message.cuts().end)).collect();
            ends.sort_unstable();
            play.cut(message, &ends);
        }
        prop_assert_eq!(play.end(), expected);
    }

    #[test]
    fn any_segments_are_taken(
        segments in vec(segments(), 0..60),
        follows in vec(any::<bool>(), 60),
        http2 in http2::OFF..=http2::FRAMES,
    ) {
        let mut driver = Driver::new(99, 999);
        driver.read_http_2(http2);
        let mut next = [100u32, 1000];
        for (number, ((is_sent, offset, bytes), follows)) in segments.iter().zip(follows).enumerate() {
            let now_ns = 1000 * number as u64;
            let next = &mut next[usize::from(!is_sent)];
            let sequence = if follows { *next } else { next.wrapping_sub(300).wrapping_add(*offset) };
            if *is_sent {
                driver.sent(sequence, bytes, now_ns);
            } else {
                driver.received(sequence, bytes, now_ns);
            }
            driver.read(now_ns + 100);
            *next = sequence.wrapping_add(bytes.len() as u32);
        }
        driver.close(0, 1_000_000);
        check_reports(&driver)?;
    }
}

/// Steps of a response on its way: a segment of so many bytes comes, or the application reads as many. Each with the time
/// since the step before.
fn steps() -> impl Strategy<Value = Vec<(bool, u32, u64)>> {
    vec((any::<bool>(), 1..5000u32, 1..1000u64), 1..60)
}

proptest! {
    /// A pickup is never longer than the longest wait of a byte, and never shorter than the wait of the last one.
    #[test]
    fn a_pickup_is_the_wait_of_a_byte(steps in steps()) {
        let mut play = Play::new();
        play.whole(&client(1000, &[b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()]));
        let (mut now_ns, mut arrivals, mut waits) = (2000, Vec::new(), Vec::new());
        for (number, (reads, bytes, since_ns)) in steps.into_iter().chain([(true, u32::MAX, 5)]).enumerate() {
            now_ns += since_ns;
            // The first step is a segment, which begins with a status line.
            if reads && number != 0 {
                play.driver().read_some(bytes, now_ns);
                let some = arrivals.drain(..arrivals.len().min(bytes as usize));
                waits.extend(some.map(|arrived_ns| now_ns - arrived_ns));
            } else {
                let head = if number == 0 { "HTTP/1.1 200 OK\r\n" } else { "" };
                let segment = [head.as_bytes(), &vec![b'x'; bytes as usize]].concat();
                arrivals.resize(arrivals.len() + segment.len(), now_ns);
                play.whole(&server(now_ns, &[segment]));
            }
        }
        let pickup_ns = play.end().turns[0].pickup_ns;
        prop_assert!(Some(&pickup_ns) <= waits.iter().max(), "{pickup_ns}");
        prop_assert!(Some(&pickup_ns) >= waits.last(), "{pickup_ns}");
    }
}

/// A handshake has one outcome at most, and turns are numbered one by one.
fn check_reports(driver: &Driver) -> Result<(), TestCaseError> {
    let mut number = 0;
    for report in driver.reports() {
        let numbers = match report {
            Report::Bytes(_)
            | Report::Note(_)
            | Report::ReadLate(_)
            | Report::Tunnel(_)
            | Report::Handshake(_)
            | Report::Passed(_)
            | Report::Late(..)
            | Report::Bound(..)
            | Report::Frames(..) => continue,
            Report::Turn(record) => record.number..record.number + 1,
            Report::FirstTurn(record) => record.turn.number..record.turn.number + 1,
            Report::Turns(head, turns) => {
                prop_assert!((1..=TURNS).contains(&turns.len()));
                head.number..head.number + turns.len() as u32
            }
        };
        prop_assert_eq!(numbers.start, number + 1);
        number = numbers.end - 1;
    }
    prop_assert_eq!(number, driver.conn().request.number);
    Ok(())
}
