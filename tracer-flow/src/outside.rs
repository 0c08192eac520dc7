//! Traits for everything around a connection: loops, reports and the out-of-order queue. The kernel programs have them from
//! helpers and maps, the host from plain code.

use tracer_common::{counter::Counter, http2::Passed};

use crate::{conn::Conn, segment::Segment, source::Source};

/// Bytes of a segment kept in the out-of-order queue at most.
pub const QUEUED_BYTES: usize = 4096;
/// Segments kept in the out-of-order queue of a connection at most: those of a server's flight with a long chain of
/// certificates, when the first of them is lost.
pub const QUEUED_SEGMENTS: u32 = 32;

/// Loops that the kernel's verifier does not unroll.
pub trait Loops {
    /// Calls `step` at most `most` times, until it returns true.
    fn repeat(most: u32, step: impl FnMut() -> bool);
}

/// Bytes of a segment that are reported: a part of the hellos, or the beginning of a request or response in clear.
#[derive(Clone, Copy)]
pub struct Piece {
    /// Time of the segment, ns.
    pub now_ns: u64,
    /// Position in the stream.
    pub offset: u32,
    /// Position in the segment.
    pub position: u32,
    /// Number of bytes.
    pub length: u32,
    /// Direction, one of `record::direction`.
    pub direction: u8,
    /// 1: the stream is not TLS, and nothing else reports that. Otherwise 0, or one of `record::note` that comes with
    /// bytes.
    pub clear: u8,
}

/// TLS record, all of which or a part of which is in a segment.
#[derive(Clone, Copy, Debug)]
pub struct TlsRecordPassed {
    /// Time of the segment, ns.
    pub now_ns: u64,
    /// Cookie of the socket.
    pub cookie: u64,
    /// Direction, one of `record::direction`.
    pub direction: u8,
    /// Bits of `http2::records`.
    pub flags: u8,
    /// Sequence number of the first byte of the record's header.
    pub sequence: u32,
    /// The record.
    pub passed: Passed,
}

/// Bytes of HTTP/2 in clear: the next ones of a direction.
#[derive(Clone, Copy, Debug)]
pub struct ClearPiece {
    /// Time of the segment, ns.
    pub now_ns: u64,
    /// Cookie of the socket.
    pub cookie: u64,
    /// Process id of the owner.
    pub tgid: u32,
    /// Number of bytes before these that have not come.
    pub missing: u32,
    /// Number of bytes from the segment's first one to the next new one, if the segment fills a gap; 0 for others.
    pub again: u32,
    /// Position in the segment of the first new byte.
    pub from: u32,
    /// Position in the segment behind the last byte.
    pub to: u32,
    /// Direction, one of `record::direction`.
    pub direction: u8,
    /// 1: the socket has all bytes before the new ones.
    pub is_whole: u8,
}

impl ClearPiece {
    /// Number of bytes that have arrived now: the new ones, and those that fill a gap.
    #[inline(always)]
    pub fn arrived(&self) -> u32 {
        if self.again == 0 {
            self.to.saturating_sub(self.from)
        } else {
            self.to
        }
    }
}

/// Receiver of everything that is found out about connections.
pub trait Reports {
    /// Adds one to a counter.
    fn count(&mut self, counter: Counter);

    /// Takes the bytes of a piece; false when there is no room.
    fn bytes<S: Source>(&mut self, source: &S, cookie: u64, piece: &Piece) -> bool;

    /// Takes a note on a connection, one of `record::note`.
    fn note(&mut self, conn: &Conn, note: u8);

    /// Takes the time from the last byte of the last response to its last read, in microseconds.
    fn read_late(&mut self, conn: &Conn, late_us: u32);

    /// Takes the outcome of a handshake.
    fn handshake(&mut self, conn: &Conn, cookie: u64);

    /// Takes the end of an exchange with a proxy. `outcome`: one of `record::tunnel`.
    fn tunnel(&mut self, conn: &Conn, outcome: u8, cookie: u64);

    /// Way in which HTTP/2 is read, one of `config::http2`.
    fn http2(&self) -> u32;

    /// Claims the direction of the server of a connection for this processor; false while another one has it.
    fn claim(&mut self, cookie: u64) -> bool;

    /// Gives back what was claimed.
    fn release(&mut self, cookie: u64);

    /// Takes a TLS record that begins or ends in a segment.
    fn passed(&mut self, record: &TlsRecordPassed);

    /// Takes the sequence number of a segment of the server that fills a gap: what has come behind it can be read only now.
    fn late(&mut self, cookie: u64, sequence: u32, now_ns: u64);

    /// Reports the TLS object that writes to the socket with this cookie, if it is known; false otherwise. `is_first`: the
    /// current segment has the first application data.
    fn bind(&mut self, cookie: u64, is_first: bool, now_ns: u64) -> bool;

    /// Makes ready for frames in clear on the socket with this cookie. False when there is no room.
    fn begin_clear(&mut self, cookie: u64) -> bool;

    /// Takes bytes of HTTP/2 in clear; false if the direction does not even begin like HTTP/2.
    fn clear<S: Source>(&mut self, source: &S, piece: &ClearPiece) -> bool;

    /// Takes the current turn. `ended`: `record::turn::NEXT`, `CLOSE` or `OPEN`.
    fn turn(&mut self, conn: &Conn, ended: u8, cookie: u64, now_ns: u64);

    /// Takes the turns of the batch; there is at least one.
    fn turns(&mut self, conn: &mut Conn, cookie: u64, now_ns: u64);
}

/// A segment in the out-of-order queue.
pub struct Early<S> {
    /// Place of the segment.
    pub segment: Segment,
    /// Payload of the segment.
    pub source: S,
}

/// The out-of-order queue: segments of a handshake that arrived early, in slots of their connection.
pub trait Queue {
    /// Payload of a segment in the queue.
    type Payload: Source;

    /// Puts a segment into a slot. False when it does not fit.
    fn push<S: Source>(&mut self, source: &S, segment: &Segment, cookie: u64, slot: u32) -> bool;

    /// Segment in a slot.
    fn get(&mut self, cookie: u64, slot: u32) -> Option<Early<Self::Payload>>;

    /// Empties a slot.
    fn remove(&mut self, cookie: u64, slot: u32);
}

/// Everything around a connection.
pub trait Outside: Loops + Reports + Queue {}

impl<T: Loops + Reports + Queue> Outside for T {}
