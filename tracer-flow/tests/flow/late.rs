//! Segments that are lost and sent again, in other pieces than before: what is behind a gap can be read only when the gap is
//! filled, and the reports tell when that was.

use std::ops::Range;

use proptest::{collection::vec, prelude::*};
use tracer_common::{config::http2, http2::passed, record::direction};
use tracer_flow::{
    driver::Report,
    frames::PREFACE,
    outside::{ClearPiece, TlsRecordPassed},
};

use crate::{
    http2::{frame, handshake, play},
    script::{DATA, Play, Side, client, record, server},
};

/// Part of what the server sends, and the time at which it arrives, ns.
type Arrival = (Range<usize>, u64);

/// Progress of the bytes that the server sends.
struct Line {
    arrived: Vec<bool>,
    /// Time at which each byte could be read, ns.
    readable_ns: Vec<u64>,
    sent: usize,
    arrivals: Vec<Arrival>,
}

impl Line {
    fn new(length: usize) -> Self {
        Self {
            arrived: vec![false; length],
            readable_ns: Vec::new(),
            sent: 0,
            arrivals: Vec::new(),
        }
    }

    fn arrive(&mut self, from: usize, size: usize) {
        let at_ns = 10_000 + 10 * self.arrivals.len() as u64;
        self.arrive_at(from, size, at_ns);
    }

    fn arrive_at(&mut self, from: usize, size: usize, at_ns: u64) {
        let to = (from + size).min(self.arrived.len());
        self.arrived[from..to].fill(true);
        self.sent = self.sent.max(to);
        while self.arrived.get(self.readable_ns.len()) == Some(&true) {
            self.readable_ns.push(at_ns);
        }
        self.arrivals.push((from..to, at_ns));
    }

    /// Beginning of the last gap.
    fn last_gap(&self) -> Option<usize> {
        let last = self.arrived[..self.sent].iter().rposition(|it| !it)?;
        let before = self.arrived[..last].iter().rposition(|it| *it);
        Some(before.map_or(0, |before| before + 1))
    }

    /// Takes the next step: a segment is lost, fills the first or the last gap and maybe goes on behind it, or is new.
    fn step(&mut self, what: u8, size: usize) {
        let next = self.readable_ns.len();
        match (what % 8, self.last_gap()) {
            (0, _) if self.sent < self.arrived.len() => {
                self.sent = (self.sent + size).min(self.arrived.len());
            }
            (1, _) if next < self.sent => self.arrive(next, size),
            (2, Some(gap)) => self.arrive(gap, size),
            _ if self.sent < self.arrived.len() => self.arrive(self.sent, size),
            _ => self.arrive(next, size),
        }
    }
}

/// Line on which all bytes have arrived in the end.
fn line(length: usize, steps: &[(u8, u16)]) -> Line {
    let mut line = Line::new(length);
    for (what, size) in steps.iter().cycle() {
        if line.readable_ns.len() == length {
            break;
        }
        line.step(*what, usize::from(*size));
    }
    line
}

fn steps() -> impl Strategy<Value = Vec<(u8, u16)>> {
    vec((any::<u8>(), 1..3000_u16), 1..40)
}

/// Lets the bytes of the server arrive; gives the sequence number of the first one.
fn receive(play: &mut Play, bytes: &[u8], line: &Line) -> u32 {
    let first = play.next(Side::Server);
    for (range, at_ns) in &line.arrivals {
        let sequence = first.wrapping_add(range.start as u32);
        play.segment(Side::Server, sequence, &bytes[range.clone()], *at_ns);
    }
    first
}

/// Times of a record's first and last byte as reports tell them, ns. A late segment delays what is behind it.
struct Told {
    at: u32,
    length: u32,
    begin_ns: u64,
    end_ns: u64,
}

impl Told {
    fn wait_for(&mut self, at: u32, at_ns: u64) {
        if at <= self.at {
            self.begin_ns = self.begin_ns.max(at_ns);
        }
        if at < self.at + 5 + self.length && self.end_ns != 0 {
            self.end_ns = self.end_ns.max(at_ns);
        }
    }
}

fn told(play: &mut Play, first: u32) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for report in play.driver().reports() {
        match report {
            Report::Late(sequence, at_ns) => {
                let at = sequence.wrapping_sub(first);
                told.iter_mut().for_each(|one| one.wait_for(at, *at_ns));
            }
            Report::Passed(one) if one.direction == direction::INGRESS => {
                pass(&mut told, one, first)
            }
            _ => {}
        }
    }
    told
}

fn pass(told: &mut Vec<Told>, one: &TlsRecordPassed, first: u32) {
    let at = one.sequence.wrapping_sub(first);
    if one.passed.flags & passed::BEGINS != 0 {
        told.push(Told {
            at,
            length: one.passed.length.into(),
            begin_ns: one.now_ns,
            end_ns: 0,
        });
    }
    if one.passed.flags & passed::ENDS != 0
        && let Some(open) = told.last_mut().filter(|open| open.at == at)
    {
        open.end_ns = one.now_ns;
    }
}

/// A segment that fills a gap and brings new bytes delays the records behind the gap as any other does.
#[test]
fn a_segment_that_fills_a_gap_and_brings_new_bytes_is_told() {
    let mut play = play(&handshake(32));
    let bytes = [record(DATA, 2000), record(DATA, 100), record(DATA, 900)].concat();
    let mut line = Line::new(bytes.len());
    line.arrive(0, 1000);
    line.arrive(1500, 610);
    // From the gap on to the middle of the third record, and once more without a gap.
    line.arrive(1000, 1500);
    line.arrive(2400, 900);
    let first = receive(&mut play, &bytes, &line);
    let times = told(&mut play, first)
        .iter()
        .map(|one| (one.at, one.begin_ns, one.end_ns))
        .collect::<Vec<_>>();
    let expected = [
        (0, 10_000, 10_020),
        (2005, 10_020, 10_020),
        (2110, 10_020, 10_030),
    ];
    assert_eq!(times, expected);
    let is_late = |it: &&Report| matches!(it, Report::Late(..));
    assert_eq!(play.driver().reports().iter().filter(is_late).count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn records_arrive_when_they_can_be_read(lengths in vec(20..4000_u16, 1..12), steps in steps()) {
        let mut play = play(&handshake(32));
        let bytes: Vec<u8> = lengths.iter().flat_map(|length| record(DATA, *length)).collect();
        let line = line(bytes.len(), &steps);
        let first = receive(&mut play, &bytes, &line);
        for one in told(&mut play, first) {
            let (header, last) = (one.at as usize + 4, (one.at + one.length) as usize + 4);
            prop_assert_eq!(one.begin_ns, line.readable_ns[header], "{}", one.at);
            if one.end_ns != 0 {
                prop_assert_eq!(one.end_ns, line.readable_ns[last], "{}", one.at);
            }
        }
    }

    /// The pieces in clear tell of each byte when it came, so that the times at which it could be read follow from them.
    #[test]
    fn bytes_in_clear_are_told_when_they_come(lengths in vec(0..9000_u32, 1..9), steps in steps()) {
        let mut play = Play::new();
        play.driver().read_http_2(http2::FRAMES);
        play.whole(&client(1000, &[PREFACE.to_vec(), frame(4, 0, 0, 6)]));
        let bytes: Vec<u8> = lengths.iter().flat_map(|length| frame(0, 0, 1, *length)).collect();
        let line = line(bytes.len(), &steps);
        play.whole(&server(2000, &[frame(4, 0, 0, 0)]));
        let before = pieces(&mut play).len();
        receive(&mut play, &bytes, &line);
        let (mut told, mut next) = (Line::new(bytes.len()), 0);
        for piece in pieces(&mut play).split_off(before) {
            next += piece.missing as usize;
            prop_assert!(piece.is_whole == 0 || told.readable_ns.len() >= next);
            told.arrive_at(next - piece.again as usize, piece.arrived() as usize, piece.now_ns);
            next += (piece.to - piece.from) as usize;
        }
        prop_assert_eq!(told.readable_ns, line.readable_ns);
    }
}

fn pieces(play: &mut Play) -> Vec<ClearPiece> {
    let piece = |report: &Report| match report {
        Report::Frames(piece, _) if piece.direction == direction::INGRESS => Some(*piece),
        _ => None,
    };
    play.driver().reports().iter().filter_map(piece).collect()
}
