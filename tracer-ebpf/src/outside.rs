//! Surroundings of a connection in the kernel: loops by a helper, reports to user space, and a map as the out-of-order
//! queue.

use aya_ebpf::bindings::BPF_NOEXIST;
use tracer_common::{counter::Counter, record::note};
use tracer_flow::{
    conn::Conn,
    outside::{ClearPiece, Early, Loops, Piece, Queue, Reports, TlsRecordPassed},
    segment::Segment,
    source::Source,
};

use crate::{
    clear_frames, count, emit,
    maps::{self, global},
    out_of_order::{self, QueuedSegment},
    repeat, tls_writer,
};

/// The kernel, as the flow of a connection needs it.
pub struct Kernel;

impl Loops for Kernel {
    #[inline(always)]
    fn repeat(most: u32, step: impl FnMut() -> bool) {
        repeat::repeat(most, step);
    }
}

impl Reports for Kernel {
    #[inline(always)]
    fn count(&mut self, counter: Counter) {
        count::count(counter);
    }

    #[inline(always)]
    fn bytes<S: Source>(&mut self, source: &S, cookie: u64, piece: &Piece) -> bool {
        emit::hello::bytes(source, cookie, piece)
    }

    #[inline(always)]
    fn note(&mut self, conn: &Conn, note: u8) {
        emit::note(conn, note, 0);
    }

    #[inline(always)]
    fn read_late(&mut self, conn: &Conn, late_us: u32) {
        emit::note(conn, note::READ_LATE, late_us);
    }

    #[inline(always)]
    fn handshake(&mut self, conn: &Conn, cookie: u64) {
        emit::tls(conn, cookie);
    }

    #[inline(always)]
    fn tunnel(&mut self, conn: &Conn, outcome: u8, cookie: u64) {
        emit::tunnel(conn, outcome, cookie);
    }

    #[inline(always)]
    fn http2(&self) -> u32 {
        global!(HTTP2.mode)
    }

    #[inline(always)]
    fn claim(&mut self, cookie: u64) -> bool {
        maps::CLAIMS.insert(cookie, 1, BPF_NOEXIST.into()).is_ok()
    }

    #[inline(always)]
    fn release(&mut self, cookie: u64) {
        let _ = maps::CLAIMS.remove(cookie);
    }

    #[inline(always)]
    fn passed(&mut self, record: &TlsRecordPassed) {
        emit::http2::passed(record);
    }

    #[inline(always)]
    fn late(&mut self, cookie: u64, sequence: u32, now_ns: u64) {
        emit::http2::late(cookie, sequence, now_ns);
    }

    #[inline(always)]
    fn bind(&mut self, cookie: u64, is_first: bool, now_ns: u64) -> bool {
        let bound = tls_writer::bound(cookie, is_first);
        if let Some(bound) = &bound {
            emit::http2::bind(cookie, now_ns, bound);
        }
        bound.is_some()
    }

    #[inline(always)]
    fn begin_clear(&mut self, cookie: u64) -> bool {
        clear_frames::begin(cookie)
    }

    #[inline(always)]
    fn clear<S: Source>(&mut self, source: &S, piece: &ClearPiece) -> bool {
        clear_frames::take::<S, Self>(source, piece)
    }

    #[inline(always)]
    fn turn(&mut self, conn: &Conn, ended: u8, cookie: u64, now_ns: u64) {
        emit::turn::turn(conn, ended, cookie, now_ns);
    }

    #[inline(always)]
    fn turns(&mut self, conn: &mut Conn, cookie: u64, now_ns: u64) {
        emit::turn::turns(conn, cookie, now_ns);
    }
}

impl Queue for Kernel {
    type Payload = QueuedSegment;

    #[inline(always)]
    fn push<S: Source>(&mut self, source: &S, segment: &Segment, cookie: u64, slot: u32) -> bool {
        out_of_order::push(source, segment, cookie, slot)
    }

    #[inline(always)]
    fn get(&mut self, cookie: u64, slot: u32) -> Option<Early<QueuedSegment>> {
        out_of_order::get(cookie, slot)
    }

    #[inline(always)]
    fn remove(&mut self, cookie: u64, slot: u32) {
        out_of_order::remove(cookie, slot);
    }
}
