//! Plaintext of one direction: which stretch of it was on the wire when, and the frames in it.

use std::collections::VecDeque;

use tracer_common::http2::Frame;

/// Bytes of a frame's header (RFC 9113 4.1).
const HEADER: u64 = 9;
/// Types of frames that say nothing about a stream's request or response (RFC 9113 6.3, 6.7, 6.9), and the last type that it
/// knows. A peer may send thousands of them while the other side waits.
const SILENT: [u8; 3] = [2, 6, 8];
const LAST_TYPE: u8 = 9;
/// Bytes before the end of the last call in which the next frame may begin: a header, and the settings behind it.
const BEHIND: u64 = HEADER + 64;

/// Stretch of plaintext that one TLS record has carried.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Position behind its last byte.
    to: u64,
    times: Times,
}

/// Times of a stretch of plaintext, ns; 0 for one that is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// Time of the record's first byte.
    pub(super) begin_ns: u64,
    /// Time of the record's last byte.
    pub(super) end_ns: u64,
    /// Time at which the last byte of the stretch was read.
    pub(super) read_ns: u64,
}

/// End of a frame: times, ns; 0 for one that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// Time of the frame's last byte.
    pub(super) at_ns: u64,
    /// Time at which the client has read it.
    pub(super) read_ns: u64,
}

/// Event of a direction, in the order of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// A frame begins. The time is that of the record with the first byte of its header, ns; 0 when it is not known.
    Begins(Frame, u64),
    /// A frame ends.
    Ends(Frame, End),
}

/// Plaintext of one direction.
#[derive(Debug, Default)]
pub(super) struct Track {
    stretches: VecDeque<Stretch>,
    /// Position where the first stretch begins.
    from: u64,
    /// Position up to which it is known when the bytes were on the wire.
    covered: u64,
    /// Frames that have not begun on the wire, as far as it is known.
    frames: VecDeque<Frame>,
    /// Frame that has begun and not ended.
    tail: Option<Frame>,
    /// Position up to which the calls are known.
    told: u64,
}

impl Track {
    /// Position up to which it is known when the bytes were on the wire.
    pub(super) fn covered(&self) -> u64 {
        self.covered
    }

    /// Number of stretches and frames that are kept.
    pub(super) fn kept(&self) -> usize {
        self.stretches.len() + self.frames.len()
    }

    /// Says that nothing is known of the wire up to a position.
    pub(super) fn begin_at(&mut self, position: u64) {
        self.stretches.clear();
        (self.from, self.covered) = (position, position);
    }

    /// Adds the frames of a call that ends at `end`.
    pub(super) fn add(&mut self, frames: Vec<Frame>, end: u64) {
        let tells = |frame: &Frame| frame.kind <= LAST_TYPE && !SILENT.contains(&frame.kind);
        self.frames.extend(frames.into_iter().filter(tells));
        self.told = self.told.max(end);
    }

    /// Adds the next stretch of plaintext.
    pub(super) fn cover(&mut self, length: u64, times: Times) {
        self.covered = self.covered.saturating_add(length);
        self.stretches.push_back(Stretch {
            to: self.covered,
            times,
        });
    }

    /// Takes what has happened on the wire up to now.
    pub(super) fn drain(&mut self, into: &mut Vec<Happening>) {
        loop {
            if let Some(frame) = self.tail {
                let last = frame.position.saturating_add(frame.length.into());
                if last >= self.covered {
                    break;
                }
                self.tail = None;
                let times = self.at(last);
                let end = End {
                    at_ns: times.end_ns,
                    read_ns: times.read_ns,
                };
                into.push(Happening::Ends(frame, end));
            }
            let Some(&frame) = self.frames.front() else {
                break;
            };
            if frame.position >= self.covered {
                break;
            }
            self.frames.pop_front();
            let first = frame.position.saturating_sub(HEADER - 1);
            into.push(Happening::Begins(frame, self.at(first).begin_ns));
            self.tail = Some(frame);
        }
        self.forget();
    }

    fn at(&self, position: u64) -> Times {
        if position < self.from {
            return Times::default();
        }
        let place = self.stretches.partition_point(|one| one.to <= position);
        self.stretches
            .get(place)
            .map_or(Times::default(), |one| one.times)
    }

    /// Forgets the stretches that no frame needs any more: the header of the next one may begin before the last call's end.
    fn forget(&mut self) {
        let frame = self.frames.front().map_or(self.told, |next| next.position);
        let tail = self.tail.map_or(frame, |tail| {
            tail.position.saturating_add(tail.length.into())
        });
        let needed = frame.min(tail).min(self.told).saturating_sub(BEHIND);
        while let Some(first) = self.stretches.front()
            && first.to <= needed
        {
            self.from = first.to;
            self.stretches.pop_front();
        }
    }
}
