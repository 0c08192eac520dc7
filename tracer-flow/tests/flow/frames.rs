//! Frames of HTTP/2, cut into calls in every way, against a model that has all bytes at once.

use proptest::prelude::*;
use tracer_common::http2::{Frame, NO_VALUE};
use tracer_flow::{
    driver::Slice,
    frames::{Follower, HEADER, PREFACE, Taker, begins_requests, begins_responses, follow},
    outside::Loops,
};

struct Plain;

impl Loops for Plain {
    fn repeat(most: u32, mut step: impl FnMut() -> bool) {
        for _ in 0..most {
            if step() {
                return;
            }
        }
    }
}

#[derive(Default)]
struct Taken(Vec<Frame>);

impl Taker for Taken {
    fn take(&mut self, frame: &Frame) {
        self.0.push(*frame);
    }
}

/// A frame as a peer sends it.
#[derive(Clone, Debug)]
struct Sent {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

fn sent(kind: u8, flags: u8, stream: u32, payload: Vec<u8>) -> Sent {
    Sent {
        kind,
        flags,
        stream,
        payload,
    }
}

impl Sent {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&(self.payload.len() as u32).to_be_bytes()[1..]);
        to.extend_from_slice(&[self.kind, self.flags]);
        to.extend_from_slice(&self.stream.to_be_bytes());
        to.extend_from_slice(&self.payload);
    }

    /// The frame as it is to be found, when its header begins at `position`.
    fn found(&self, position: usize) -> Frame {
        let number = |at: usize| number(&self.payload[at..]);
        let (value, last_stream) = match self.kind {
            3 => (number(0), 0),
            4 => (streams_allowed(&self.payload), 0),
            7 => (number(4), number(0) & 0x7fff_ffff),
            _ => (0, 0),
        };
        Frame {
            position: (position + HEADER as usize - 1) as u64,
            stream: self.stream,
            length: self.payload.len() as u32,
            value,
            last_stream,
            kind: self.kind,
            flags: self.flags,
            pad: [0; 6],
        }
    }
}

/// Number of the first four bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes[..4]
        .iter()
        .fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

/// Value of SETTINGS_MAX_CONCURRENT_STREAMS among the first eight settings.
fn streams_allowed(settings: &[u8]) -> u32 {
    let allowed = settings
        .chunks(6)
        .take(8)
        .filter(|setting| setting[..2] == [0, 3]);
    allowed
        .map(|setting| number(&setting[2..]))
        .fold(NO_VALUE, |_, last| last)
}

fn bytes(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), length)
}

fn settings() -> impl Strategy<Value = Vec<u8>> {
    let setting = (1u16..7, any::<u32>()).prop_map(|(id, value)| {
        let mut setting = id.to_be_bytes().to_vec();
        setting.extend_from_slice(&value.to_be_bytes());
        setting
    });
    prop::collection::vec(setting, 0..12).prop_map(|settings| settings.concat())
}

/// A frame, or several that belong together. `server`: sent by a server.
fn frames(server: bool) -> impl Strategy<Value = Vec<Sent>> {
    let stream = || (0u32..1000).prop_map(|n| 2 * n + 1);
    let one = |sent: Sent| vec![sent];
    prop_oneof![
        (stream(), 0u8..2, bytes(0..400)).prop_map(move |(s, f, p)| one(sent(0, f | 8, s, p))),
        (stream(), 0u8..2, bytes(0..80)).prop_map(move |(s, f, p)| one(sent(1, f | 4, s, p))),
        (stream(), bytes(1..40), bytes(1..40), bytes(0..40)).prop_map(|(s, a, b, c)| vec![
            sent(1, 1, s, a),
            sent(9, 0, s, b),
            sent(9, 4, s, c)
        ]),
        (stream(), bytes(5)).prop_map(move |(s, p)| one(sent(2, 0, s, p))),
        (stream(), bytes(4)).prop_map(move |(s, p)| one(sent(3, 0, s, p))),
        settings().prop_map(move |p| one(sent(4, 0, 0, p))),
        Just(one(sent(4, 1, 0, Vec::new()))),
        (stream(), bytes(4..60)).prop_map(move |(s, p)| if server {
            one(sent(5, 4, s, p))
        } else {
            one(sent(8, 0, s, p[..4].to_vec()))
        }),
        (0u8..2, bytes(8)).prop_map(move |(f, p)| one(sent(6, f, 0, p))),
        bytes(8..30).prop_map(move |p| one(sent(7, 0, 0, p))),
        (0u32..99, bytes(4)).prop_map(move |(s, p)| one(sent(8, 0, s, p))),
        (10u8..255, any::<u8>(), bytes(0..60)).prop_map(move |(k, f, p)| one(sent(k, f, 0, p))),
    ]
}

/// All bytes of a direction, and the frames to be found in them.
fn direction(server: bool) -> impl Strategy<Value = (Vec<u8>, Vec<Frame>)> {
    let frames = prop::collection::vec(frames(server), 0..30);
    (settings(), frames).prop_map(move |(first, frames)| {
        let mut all = if server { Vec::new() } else { PREFACE.to_vec() };
        let mut found = Vec::new();
        for sent in std::iter::once(sent(4, 0, 0, first)).chain(frames.into_iter().flatten()) {
            found.push(sent.found(all.len()));
            sent.write(&mut all);
        }
        (all, found)
    })
}

fn begin(server: bool) -> Follower {
    let mut follower = Follower::zeroed();
    if server {
        follower.begin_server();
    } else {
        follower.begin_client();
    }
    follower
}

/// Frames found in `bytes`, which come in calls that end at `cuts`.
fn found(mut follower: Follower, bytes: &[u8], cuts: &[usize]) -> (Vec<Frame>, Follower) {
    let mut taken = Taken::default();
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        let call = &bytes[from..to];
        follow::<_, Plain, _>(
            &mut follower,
            &Slice(call),
            0,
            call.len() as u32,
            &mut taken,
        );
        from = to;
    }
    (taken.0, follower)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn frames_are_found_however_they_are_cut(
        ((bytes, expected), parts) in any::<bool>().prop_flat_map(direction).prop_flat_map(|made| {
            let length = made.0.len();
            (Just(made), prop::collection::vec(0..=length, 0..60))
        }),
    ) {
        let server = bytes.first() != PREFACE.first();
        let mut cuts = parts;
        cuts.sort_unstable();
        let (taken, follower) = found(begin(server), &bytes, &cuts);
        prop_assert_eq!(taken, expected);
        prop_assert!(!follower.is_lost());
        prop_assert_eq!(follower.position, bytes.len() as u64);
    }

    #[test]
    fn any_bytes_are_followed_or_lost(server: bool, bytes in bytes(0..4000), cut in 0usize..4000) {
        let cut = cut.min(bytes.len());
        let (once, whole) = found(begin(server), &bytes, &[]);
        let (twice, parts) = found(begin(server), &bytes, &[cut]);
        prop_assert_eq!(once, twice);
        prop_assert_eq!(whole.is_lost(), parts.is_lost());
    }
}

#[test]
fn each_byte_may_be_a_call() {
    let mut bytes = PREFACE.to_vec();
    let frames = [
        sent(4, 0, 0, vec![0, 3, 0, 0, 0, 100, 0, 4, 0, 1, 0, 0]),
        sent(1, 5, 1, vec![0x82; 20]),
        sent(3, 0, 1, vec![0, 0, 0, 8]),
        sent(7, 0, 0, vec![0, 0, 0, 1, 0, 0, 0, 2, 9, 9]),
    ];
    let mut expected = Vec::new();
    for frame in &frames {
        expected.push(frame.found(bytes.len()));
        frame.write(&mut bytes);
    }
    let cuts: Vec<usize> = (0..bytes.len()).collect();
    let (taken, _) = found(begin(false), &bytes, &cuts);
    assert_eq!(taken, expected);
    assert_eq!((taken[0].value, taken[2].value), (100, 8));
    assert_eq!((taken[3].last_stream, taken[3].value), (1, 2));
}

#[test]
fn a_mebibyte_of_the_shortest_frames_is_one_call() {
    let mut bytes = PREFACE.to_vec();
    sent(4, 0, 0, Vec::new()).write(&mut bytes);
    while bytes.len() < 1 << 20 {
        sent(0, 0, 1, Vec::new()).write(&mut bytes);
    }
    let (taken, follower) = found(begin(false), &bytes, &[]);
    assert_eq!(taken.len(), (bytes.len() - 24) / 9);
    assert!(!follower.is_lost());
}

#[test]
fn frames_against_the_rules_are_lost() {
    let check = |server: bool, bad: Sent| {
        let mut bytes = if server { Vec::new() } else { PREFACE.to_vec() };
        sent(4, 0, 0, Vec::new()).write(&mut bytes);
        bad.write(&mut bytes);
        let (taken, follower) = found(begin(server), &bytes, &[]);
        assert!(follower.is_lost(), "{bad:?}");
        assert_eq!(taken.len(), 1, "{bad:?}");
    };
    check(false, sent(1, 4, 0, vec![1]));
    check(false, sent(1, 4, 2, vec![1]));
    check(false, sent(1, 4, 1 | 1 << 31, vec![1]));
    check(false, sent(0, 0, 2, vec![1]));
    check(true, sent(0, 0, 0, vec![1]));
    check(false, sent(4, 0, 1, Vec::new()));
    check(false, sent(4, 0, 0, vec![0; 7]));
    check(false, sent(4, 1, 0, vec![0; 6]));
    check(false, sent(6, 0, 0, vec![0; 7]));
    check(false, sent(6, 0, 1, vec![0; 8]));
    check(true, sent(3, 0, 1, vec![0; 5]));
    check(true, sent(8, 0, 1, vec![0; 3]));
    check(false, sent(5, 4, 1, vec![0; 8]));
    check(false, sent(9, 4, 1, vec![0; 8]));
    check(false, sent(0x30, 0, 0, vec![0; 20_000]));
}

#[test]
fn the_first_frame_is_one_of_settings() {
    let mut bytes = Vec::new();
    sent(1, 4, 1, vec![1]).write(&mut bytes);
    assert!(found(begin(true), &bytes, &[]).1.is_lost());
    assert!(
        found(begin(false), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[])
            .1
            .is_lost()
    );
}

#[test]
fn in_the_middle_requests_begin_with_any_frame_and_responses_with_headers() {
    let bytes = |sent: Sent| {
        let mut bytes = Vec::new();
        sent.write(&mut bytes);
        Slice(bytes)
    };
    assert!(begins_requests(&bytes(sent(8, 0, 0, vec![0; 4])), 0));
    assert!(begins_requests(&bytes(sent(0, 1, 7, vec![0; 40])), 0));
    assert!(!begins_requests(&Slice(b"GET / HTTP/1.1\r\n"), 0));
    assert!(!begins_requests(&bytes(sent(0, 2, 7, vec![0; 40])), 0));
    assert!(!begins_requests(&bytes(sent(0, 0, 7, vec![0; 20_000])), 0));
    assert!(begins_responses(&bytes(sent(1, 4, 7, vec![0; 40])), 0));
    assert!(!begins_responses(&bytes(sent(1, 4, 8, vec![0; 40])), 0));
    assert!(!begins_responses(&bytes(sent(0, 1, 7, vec![0; 40])), 0));
}
