//! Frames of HTTP/2 (RFC 9113 4) in one direction of a connection, from its plaintext as it comes in pieces of any size.
//! Only the headers of frames are read, and the few bytes of payload that say how a stream or the connection ends, or how many
//! streams the server allows. All other payload is passed over.

use tracer_common::http2::{Frame, NO_VALUE};

use crate::{
    bound::{between_one_and, masked},
    difference::bytes_between,
    outside::Loops,
    source::Source,
};

mod header;

pub use header::{HEADER, begins_requests, begins_responses, begins_settings};
use header::{is_allowed, parse};

/// Bytes with which a client begins (RFC 9113 3.4).
pub const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113 6).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// Flags of frames (RFC 9113 6).
pub(crate) mod flag {
    pub(crate) const ACK: u8 = 0x1;
    pub(crate) const END_HEADERS: u8 = 0x4;
}

/// Meanings of the bytes that are gathered.
mod step {
    /// Header of a frame.
    pub(super) const HEADER: u8 = 0;
    /// Part of the preface.
    pub(super) const PREFACE: u8 = 1;
    /// Header of the first frame, which holds settings (RFC 9113 3.4).
    pub(super) const FIRST: u8 = 2;
    /// Error code of RST_STREAM.
    pub(super) const ERROR: u8 = 3;
    /// Last stream and error code of GOAWAY.
    pub(super) const LAST_STREAM: u8 = 4;
    /// A setting.
    pub(super) const SETTING: u8 = 5;
}

/// Bytes of the preface that are compared at once.
const PREFACE_PART: u32 = 8;
/// Bytes of a setting, of an error code, and of what GOAWAY begins with (RFC 9113 6.5.1, 6.4, 6.8).
const SETTING: u32 = 6;
const ERROR: u32 = 4;
const LAST_STREAM: u32 = 8;
/// Settings of one frame that are read at most.
const MOST_SETTINGS: u8 = 8;
/// Steps for one piece at most. A frame takes two at most, a SETTINGS frame a few more: so a piece of 1 MiB may consist
/// of nothing but the shortest frames.
const MOST_STEPS: u32 = 1 << 18;

/// Receiver of frames.
pub trait Taker {
    /// Takes a frame.
    fn take(&mut self, frame: &Frame);
}

/// Progress in the frames of one direction. All zero it is at the begin of a frame, and everything was seen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Follower {
    /// Position of the next byte in the plaintext.
    pub position: u64,
    /// Frame whose value is being gathered.
    frame: Frame,
    /// Bytes that are gathered. The size of 24 is for the verifier.
    part: [u8; 24],
    /// Bytes in `part`.
    have: u32,
    /// Bytes of payload before the next header.
    skip: u32,
    /// Position in the current piece, and its end.
    at: u32,
    end: u32,
    /// Stream whose header block goes on in the next frame; 0 if there is none (RFC 9113 6.10).
    continues: u32,
    /// Meaning of the bytes that are gathered, one of [`step`].
    step: u8,
    /// Number of parts of the preface, or of settings, that were read.
    parts: u8,
    /// 1: direction of the server.
    server: u8,
    /// 1: the bytes could not be followed.
    lost: u8,
    /// Zero.
    pad: u32,
}

impl Follower {
    /// State that is all zero, as the kernel makes it.
    pub const fn zeroed() -> Self {
        // SAFETY: plain integers.
        unsafe { core::mem::zeroed() }
    }

    /// Begins with the preface of a client.
    #[inline(always)]
    pub fn begin_client(&mut self) {
        self.restart(step::PREFACE, 0);
    }

    /// Begins with the first frame of a server.
    #[inline(always)]
    pub fn begin_server(&mut self) {
        self.restart(step::FIRST, 1);
    }

    /// Begins in the middle of a connection, with the header of a frame. `server`: 1 for the direction of the server.
    #[inline(always)]
    pub fn begin_middle(&mut self, server: u8) {
        self.restart(step::HEADER, server);
    }

    #[inline(always)]
    fn restart(&mut self, step: u8, server: u8) {
        self.position = 0;
        self.have = 0;
        self.skip = 0;
        self.continues = 0;
        self.step = step;
        self.parts = 0;
        self.server = server;
        self.lost = 0;
        self.pad = 0;
    }

    /// Passes over bytes that have not come, if they belong to payload; otherwise the bytes are lost.
    #[inline(always)]
    pub fn miss(&mut self, count: u32) {
        if count == 0 {
            return;
        }
        if self.have != 0 || self.skip < count {
            self.lost = 1;
            return;
        }
        self.skip -= count;
        self.position += u64::from(count);
    }

    /// True if a frame has been found.
    #[inline(always)]
    pub fn has_begun(&self) -> bool {
        !matches!(self.step, step::PREFACE | step::FIRST)
    }

    /// True if the bytes could not be followed. Then nothing that comes later can be.
    #[inline(always)]
    pub fn is_lost(&self) -> bool {
        self.lost == 1
    }

    /// Gives the bytes up.
    #[inline(always)]
    pub fn lose(&mut self) {
        self.lost = 1;
    }

    /// Bytes needed in `part`.
    #[inline(always)]
    fn want(&self) -> u32 {
        match self.step {
            step::PREFACE => PREFACE_PART,
            step::ERROR => ERROR,
            step::LAST_STREAM => LAST_STREAM,
            step::SETTING => SETTING,
            _ => HEADER,
        }
    }
}

/// Follows the bytes of `source` from `begin` to `end`, which are the next ones of the plaintext. A frame is given away with
/// the last byte of its header, or with that of its value.
#[inline(always)]
pub fn follow<S: Source, L: Loops, T: Taker>(
    follower: &mut Follower,
    source: &S,
    begin: u32,
    end: u32,
    taker: &mut T,
) {
    follower.at = begin;
    follower.end = end;
    // The closure holds only pointers, so that the verifier sees the same state in every iteration.
    L::repeat(MOST_STEPS, || next(follower, source, taker));
    if follower.at < follower.end {
        follower.lost = 1;
    }
}

/// Passes over payload, or gathers bytes and reads them; true at the end.
#[inline(always)]
fn next<S: Source, T: Taker>(follower: &mut Follower, source: &S, taker: &mut T) -> bool {
    if follower.lost == 1 || !pass_over(follower) {
        return true;
    }
    if !gather(follower, source) {
        return false;
    }
    follower.have = 0;
    match follower.step {
        step::PREFACE => preface(follower),
        step::ERROR => {
            follower.frame.value = number(follower, 0);
            over(follower, ERROR, taker);
        }
        step::LAST_STREAM => {
            follower.frame.last_stream = number(follower, 0) & !RESERVED;
            follower.frame.value = number(follower, 4);
            over(follower, LAST_STREAM, taker);
        }
        step::SETTING => setting(follower, taker),
        _ => begins(follower, taker),
    }
    false
}

/// Bit before a stream identifier (RFC 9113 4.1).
const RESERVED: u32 = 1 << 31;

/// Passes over payload; false at the end of the piece.
#[inline(always)]
fn pass_over(follower: &mut Follower) -> bool {
    let there = bytes_between(follower.at, follower.end);
    let count = if follower.skip < there {
        follower.skip
    } else {
        there
    };
    follower.skip -= count;
    follower.at += count;
    follower.position += u64::from(count);
    follower.at < follower.end
}

/// Adds the bytes of this piece to those that are gathered; false while some are missing.
#[inline(always)]
fn gather<S: Source>(follower: &mut Follower, source: &S) -> bool {
    const MOST: u64 = HEADER as u64;
    let there = bytes_between(follower.at, follower.end);
    let missing = bytes_between(follower.have, follower.want());
    let count = between_one_and::<MOST>(if missing < there { missing } else { there });
    let at = masked::<15>(follower.have);
    // SAFETY: at most 15 + 9 bytes into an array of 24.
    let is_loaded = unsafe {
        let to = (&raw mut follower.part).cast::<u8>().add(at);
        source.load(follower.at, to, count)
    };
    if !is_loaded {
        follower.lost = 1;
        return false;
    }
    follower.have += count;
    follower.at += count;
    follower.position += u64::from(count);
    follower.have >= follower.want()
}

/// Compares a part of the preface.
#[inline(always)]
fn preface(follower: &mut Follower) {
    let part = &follower.part;
    let found = u64::from_be_bytes([
        part[0], part[1], part[2], part[3], part[4], part[5], part[6], part[7],
    ]);
    let expected = match follower.parts {
        0 => u64::from_be_bytes(*b"PRI * HT"),
        1 => u64::from_be_bytes(*b"TP/2.0\r\n"),
        _ => u64::from_be_bytes(*b"\r\nSM\r\n\r\n"),
    };
    if found != expected {
        follower.lost = 1;
        return;
    }
    follower.parts += 1;
    if u32::from(follower.parts) * PREFACE_PART == PREFACE.len() as u32 {
        follower.step = step::FIRST;
        follower.parts = 0;
    }
}

/// Handles the complete header of a frame.
#[inline(always)]
fn begins<T: Taker>(follower: &mut Follower, taker: &mut T) {
    let mut frame = parse(&follower.part);
    let is_first = follower.step == step::FIRST;
    if !is_allowed(&frame, follower.server == 1, follower.continues)
        || (is_first && (frame.kind != kind::SETTINGS || frame.flags & flag::ACK != 0))
    {
        follower.lost = 1;
        return;
    }
    let stream = frame.stream & !RESERVED;
    frame.position = follower.position.saturating_sub(1);
    frame.stream = stream;
    if matches!(
        frame.kind,
        kind::HEADERS | kind::CONTINUATION | kind::PUSH_PROMISE
    ) {
        let is_whole = frame.flags & flag::END_HEADERS != 0;
        follower.continues = if is_whole { 0 } else { stream };
    }
    follower.parts = 0;
    follower.step = match frame.kind {
        kind::RST_STREAM => step::ERROR,
        kind::GOAWAY => step::LAST_STREAM,
        kind::SETTINGS if frame.length != 0 => step::SETTING,
        _ => step::HEADER,
    };
    if frame.kind == kind::SETTINGS {
        frame.value = NO_VALUE;
    }
    follower.frame = frame;
    if follower.step == step::HEADER {
        over(follower, 0, taker);
    }
}

/// Reads a setting. The rest of the settings is passed over when there are very many.
#[inline(always)]
fn setting<T: Taker>(follower: &mut Follower, taker: &mut T) {
    const MAX_CONCURRENT_STREAMS: u16 = 3;
    follower.parts += 1;
    let identifier = u16::from_be_bytes([follower.part[0], follower.part[1]]);
    if identifier == MAX_CONCURRENT_STREAMS {
        follower.frame.value = number(follower, 2);
    }
    let read = u32::from(follower.parts) * SETTING;
    if read >= follower.frame.length || follower.parts >= MOST_SETTINGS {
        over(follower, read, taker);
    }
}

/// Gives the frame away, of whose payload `read` bytes have been read.
#[inline(always)]
fn over<T: Taker>(follower: &mut Follower, read: u32, taker: &mut T) {
    follower.skip = follower.frame.length.saturating_sub(read);
    follower.step = step::HEADER;
    follower.parts = 0;
    taker.take(&follower.frame);
}

/// Number of four bytes at a place in the gathered ones.
#[inline(always)]
fn number(follower: &Follower, at: usize) -> u32 {
    let part = &follower.part;
    u32::from_be_bytes([part[at], part[at + 1], part[at + 2], part[at + 3]])
}
