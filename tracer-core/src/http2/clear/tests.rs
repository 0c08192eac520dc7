//! Tests of bytes in clear that come behind gaps.

use proptest::{collection::vec, prelude::*, sample::Index};
use tracer_common::http2::{Frame, frames};
use zerocopy::FromZeros;

use super::*;
use crate::http2::track::End;

/// Bytes of a frame of the tests, with its header.
const FRAME: u64 = 100;

/// Frames whose headers end in these bytes.
fn frames_in(bytes: &Range<u64>) -> Vec<Frame> {
    let header_ends = (0..).map(|number| number * FRAME + 8);
    let inside = header_ends
        .skip_while(|end| *end < bytes.start)
        .take_while(|end| *end < bytes.end);
    inside
        .map(|position| Frame {
            position,
            length: FRAME as u32 - 9,
            stream: 1,
            ..Frame::new_zeroed()
        })
        .collect()
}

/// Arrival of bytes of the server; frames are told by those that are new.
fn received(bytes: Range<u64>, new_from: u64, at_ns: u64, flags: u8) -> Call {
    Call {
        side: Side::Server,
        at_ns,
        position: bytes.start,
        length: (bytes.end - bytes.start) as u32,
        flags,
        frames: frames_in(&(new_from.max(bytes.start)..bytes.end)),
    }
}

/// Begin and end of each frame that has ended, ns.
fn ended(happenings: &[Happening]) -> Vec<(u64, u64)> {
    let mut begins = happenings.iter().filter_map(|it| match it {
        Happening::Begins(_, at_ns) => Some(*at_ns),
        Happening::Ends(..) => None,
    });
    let ends = happenings.iter().filter_map(|it| match it {
        Happening::Ends(_, End { at_ns, .. }) => Some(*at_ns),
        Happening::Begins(..) => None,
    });
    ends.filter_map(|end| Some((begins.next()?, end))).collect()
}

fn check(calls: Vec<Call>, expected: &[(u64, u64)]) {
    let (mut clear, mut happenings) = (Clear::default(), Vec::new());
    for call in calls {
        assert!(clear.take(call, &mut happenings).is_ok());
    }
    assert_eq!(ended(&happenings), expected);
}

#[test]
fn what_is_behind_a_gap_arrives_when_it_is_filled() {
    let late = vec![
        received(0..150, 0, 1, 0),
        received(170..400, 170, 2, 0),
        received(150..170, 400, 3, 0),
    ];
    check(late, &[(1, 1), (1, 3), (3, 3), (3, 3)]);
    // The segment that fills the gap brings new bytes.
    let late = vec![
        received(0..150, 0, 1, 0),
        received(170..300, 170, 2, 0),
        received(150..400, 300, 3, 0),
        received(400..500, 400, 4, frames::WHOLE),
    ];
    check(late, &[(1, 1), (1, 3), (3, 3), (3, 3), (4, 4)]);
}

/// The segment that has filled the gap was not seen, and a later one shows that it has come.
#[test]
fn gaps_whose_end_was_not_seen() {
    let calls = vec![
        received(0..150, 0, 1, frames::WHOLE),
        received(170..300, 170, 2, 0),
        received(300..400, 300, 3, 0),
        received(400..500, 400, 4, frames::WHOLE),
    ];
    check(calls, &[(1, 1), (1, 4), (4, 4), (4, 4), (4, 4)]);
}

/// Bytes of the client are sent, whatever was not seen of those before them.
#[test]
fn the_client_needs_no_order() {
    let sent = |bytes, at_ns| Call {
        side: Side::Client,
        ..received(bytes, 0, at_ns, 0)
    };
    check(vec![sent(0..50, 1), sent(60..200, 2)], &[(1, 2), (2, 2)]);
    let mut clear = Clear::default();
    let mut none = Vec::new();
    assert!(clear.take(sent(0..50, 1), &mut none).is_ok());
    assert!(clear.take(sent(10..60, 2), &mut none).is_err());
}

proptest! {
    /// Each frame has the times at which its first and its last byte could be read.
    #[test]
    fn frames_arrive_when_they_can_be_read(
        pieces in vec((any::<Index>(), 1..300_u64), 1..60),
        order in any::<bool>(),
    ) {
        const LENGTH: u64 = 1000;
        let (mut clear, mut happenings) = (Clear::default(), Vec::new());
        let mut arrived = vec![false; LENGTH as usize];
        let mut readable_ns = Vec::new();
        let mut told = 0;
        let all = pieces.iter().map(|(from, length)| {
            let from = if order { 0 } else { from.index(LENGTH as usize) as u64 };
            from..(from + length).min(LENGTH)
        });
        // The first bytes come first, and all are there in the end.
        let all = std::iter::once(0..1).chain(all).chain(std::iter::once(0..LENGTH));
        for (at_ns, bytes) in (1..).zip(all) {
            arrived[bytes.start as usize..bytes.end as usize].fill(true);
            while arrived.get(readable_ns.len()) == Some(&true) {
                readable_ns.push(at_ns);
            }
            let call = received(bytes.clone(), told, at_ns, 0);
            told = told.max(bytes.end);
            clear.take(call, &mut happenings).map_err(|_| TestCaseError::fail("lost"))?;
        }
        // Headers in gaps are not known, as with the kernel programs.
        let ended = happenings.iter().map(|it| match it {
            Happening::Begins(frame, at_ns) => (frame.position - 8, *at_ns),
            Happening::Ends(frame, end) => (frame.position + u64::from(frame.length), end.at_ns),
        });
        for (position, at_ns) in ended {
            prop_assert_eq!(at_ns, readable_ns[position as usize], "{}", position);
        }
    }
}
