//! Surroundings of a connection on the host: they keep all reports.

use alloc::{boxed::Box, vec::Vec};

use tracer_common::{
    counter::Counter,
    http2::Frame,
    record::{FirstTurnRecord, TunnelRecord, direction},
};

use super::{Bytes, Handshake, Report, Slice};
use crate::{
    conn::Conn,
    frames::{Follower, Taker, follow},
    outside::{
        ClearPiece, Early, Loops, Piece, QUEUED_BYTES, QUEUED_SEGMENTS, Queue, Reports,
        TlsRecordPassed,
    },
    record::{fill, fill_first, fill_tunnel},
    segment::Segment,
    source::Source,
};

/// Surroundings of a connection.
#[derive(Default)]
pub(super) struct Around {
    /// Everything reported so far.
    pub(super) reports: Vec<Report>,
    /// Counters that were added to so far.
    pub(super) counted: Vec<Counter>,
    /// Way in which HTTP/2 is read.
    pub(super) http2: u32,
    /// True if the TLS object of the connection is known.
    pub(super) binds: bool,
    queue: [Option<(Segment, Vec<u8>)>; QUEUED_SEGMENTS as usize],
    clear: Option<Box<[Follower; 2]>>,
}

/// Frames of one segment.
struct Taken(Vec<Frame>);

impl Taker for Taken {
    fn take(&mut self, frame: &Frame) {
        self.0.push(*frame);
    }
}

impl Loops for Around {
    fn repeat(most: u32, mut step: impl FnMut() -> bool) {
        for _ in 0..most {
            if step() {
                return;
            }
        }
    }
}

impl Reports for Around {
    fn count(&mut self, counter: Counter) {
        self.counted.push(counter);
    }

    fn bytes<S: Source>(&mut self, source: &S, _cookie: u64, piece: &Piece) -> bool {
        let mut bytes = alloc::vec![0; piece.length as usize];
        // SAFETY: the vector has as many bytes.
        if !unsafe { source.load(piece.position, bytes.as_mut_ptr(), piece.length) } {
            bytes.clear();
        }
        self.reports.push(Report::Bytes(Bytes {
            offset: piece.offset,
            direction: piece.direction,
            clear: piece.clear,
            bytes,
        }));
        true
    }

    fn note(&mut self, _conn: &Conn, note: u8) {
        self.reports.push(Report::Note(note));
    }

    fn read_late(&mut self, _conn: &Conn, late_us: u32) {
        self.reports.push(Report::ReadLate(late_us));
    }

    fn handshake(&mut self, conn: &Conn, _cookie: u64) {
        self.reports.push(Report::Handshake(Handshake {
            start_ns: conn.tls_start_ns,
            end_ns: conn.tls_end_ns,
            outcome: conn.outcome,
            flow: conn.flow,
            resumed: conn.resumed,
            early_data: conn.early_data,
            ended_by: conn.ended_by,
            alert: conn.alert,
        }));
    }

    fn tunnel(&mut self, conn: &Conn, outcome: u8, _cookie: u64) {
        // SAFETY: plain integers.
        let mut record: TunnelRecord = unsafe { core::mem::zeroed() };
        fill_tunnel(conn, outcome, &mut record);
        self.reports.push(Report::Tunnel(record));
    }

    fn http2(&self) -> u32 {
        self.http2
    }

    fn claim(&mut self, _cookie: u64) -> bool {
        true
    }

    fn release(&mut self, _cookie: u64) {}

    fn passed(&mut self, record: &TlsRecordPassed) {
        self.reports.push(Report::Passed(*record));
    }

    fn late(&mut self, _cookie: u64, sequence: u32, now_ns: u64) {
        self.reports.push(Report::Late(sequence, now_ns));
    }

    fn bind(&mut self, _cookie: u64, is_first: bool, now_ns: u64) -> bool {
        if self.binds {
            self.reports.push(Report::Bound(is_first, now_ns));
        }
        self.binds
    }

    fn begin_clear(&mut self, _cookie: u64) -> bool {
        let mut followers = Box::new([Follower::zeroed(); 2]);
        followers[usize::from(direction::EGRESS)].begin_client();
        followers[usize::from(direction::INGRESS)].begin_server();
        self.clear = Some(followers);
        true
    }

    fn clear<S: Source>(&mut self, source: &S, piece: &ClearPiece) -> bool {
        let Some(followers) = &mut self.clear else {
            return false;
        };
        let follower = &mut followers[usize::from(piece.direction)];
        let began = follower.has_begun();
        follower.miss(piece.missing);
        let mut taken = Taken(Vec::new());
        follow::<S, Self, _>(follower, source, piece.from, piece.to, &mut taken);
        self.reports.push(Report::Frames(*piece, taken.0));
        began || !follower.is_lost()
    }

    fn turn(&mut self, conn: &Conn, ended: u8, _cookie: u64, _now_ns: u64) {
        // SAFETY: plain integers.
        let mut record: FirstTurnRecord = unsafe { core::mem::zeroed() };
        self.reports.push(if conn.has_evidence() {
            fill_first(conn, ended, &mut record);
            Report::FirstTurn(record)
        } else {
            fill(conn, ended, &mut record.turn);
            Report::Turn(record.turn)
        });
    }

    fn turns(&mut self, conn: &mut Conn, _cookie: u64, _now_ns: u64) {
        let count = conn.request.batched;
        let batch = conn.batch();
        let mut head = batch.head;
        head.count = count;
        let turns = batch.turns[..usize::from(count)].to_vec();
        self.reports.push(Report::Turns(head, turns));
    }
}

impl Queue for Around {
    type Payload = Slice<Vec<u8>>;

    fn push<S: Source>(&mut self, source: &S, segment: &Segment, _cookie: u64, slot: u32) -> bool {
        let length = segment.length as usize;
        let Some(place) = self.queue.get_mut(slot as usize) else {
            self.counted.push(Counter::OutOfOrderFull);
            return false;
        };
        let mut bytes = alloc::vec![0; length];
        // SAFETY: the vector has as many bytes.
        let fits =
            length <= QUEUED_BYTES && unsafe { source.load(0, bytes.as_mut_ptr(), segment.length) };
        if fits {
            *place = Some((*segment, bytes));
        } else {
            self.counted.push(Counter::OutOfOrderFull);
        }
        fits
    }

    fn get(&mut self, _cookie: u64, slot: u32) -> Option<Early<Self::Payload>> {
        let (segment, bytes) = self.queue.get(slot as usize)?.as_ref()?;
        Some(Early {
            segment: *segment,
            source: Slice(bytes.clone()),
        })
    }

    fn remove(&mut self, _cookie: u64, slot: u32) {
        if let Some(place) = self.queue.get_mut(slot as usize) {
            *place = None;
        }
    }
}
