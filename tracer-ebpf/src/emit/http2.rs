//! Records of HTTP/2.

use tracer_common::{
    counter::Counter,
    http2::{
        BindRecord, FRAMES, Frame, FramesRecord, Passed, RecordsRecord, frames::MORE, records,
    },
    record::{Header, direction, kind},
};
use tracer_flow::{
    bound::{between_one_and, masked},
    frames::Taker,
    outside::TlsRecordPassed,
};

use super::{header, record, try_record_at, wakes};
use crate::{count::count, maps};

/// Record of a call or of a segment that is being made: it is written out when it is full, and goes on.
pub struct FramesOut<'a> {
    /// The record.
    pub record: &'a mut FramesRecord,
    /// Cookie of the socket, or 0.
    pub cookie: u64,
}

impl Taker for FramesOut<'_> {
    #[inline(always)]
    fn take(&mut self, frame: &Frame) {
        let at = masked::<{ FRAMES as u64 - 1 }>(u32::from(self.record.count));
        self.record.frames[at] = *frame;
        self.record.count += 1;
        if usize::from(self.record.count) == FRAMES {
            self.record.flags |= MORE;
            frames(self.record, self.cookie);
            self.record.flags &= !MORE;
            self.record.count = 0;
        }
    }
}

/// Writes a record of frames, as long as it has frames.
#[inline(never)]
pub fn frames(record: &mut FramesRecord, cookie: u64) {
    const HEAD: u32 = core::mem::offset_of!(FramesRecord, frames) as u32;
    let length = HEAD + u32::from(record.count) * size_of::<Frame>() as u32;
    let size = between_one_and::<{ size_of::<FramesRecord>() as u64 }>(length);
    record.header = header::<FramesRecord>(record.at_ns, kind::HTTP2_FRAMES, cookie);
    record.header.size = size;
    write(record, size);
}

/// A [`RecordsRecord`] with one entry, and the bytes that the ring adds anyway.
#[repr(C)]
struct OneRecord {
    header: Header,
    at_ns: u64,
    direction: u8,
    count: u8,
    flags: u8,
    pad: u8,
    sequence: u32,
    passed: [Passed; 2],
}

/// Reports a TLS record that begins or ends in a segment.
#[inline(always)]
pub fn passed(passed: &TlsRecordPassed) {
    const SIZE: u32 =
        core::mem::offset_of!(RecordsRecord, passed) as u32 + size_of::<Passed>() as u32;
    let fill = |record: &mut OneRecord| {
        record.header.size = SIZE;
        record.at_ns = passed.now_ns;
        record.direction = passed.direction;
        record.count = 1;
        record.flags = passed.flags;
        record.pad = 0;
        record.sequence = passed.sequence;
        record.passed = [passed.passed, Passed::default()];
    };
    if !try_record_at(passed.now_ns, kind::HTTP2_RECORDS, passed.cookie, fill) {
        count(Counter::RingFull);
    }
}

/// Reports a segment of the server that fills a gap before TLS records.
#[inline(always)]
pub fn late(cookie: u64, sequence: u32, now_ns: u64) {
    const SIZE: u32 = core::mem::offset_of!(RecordsRecord, passed) as u32;
    let fill = |record: &mut OneRecord| {
        record.header.size = SIZE;
        record.at_ns = now_ns;
        record.direction = direction::INGRESS;
        record.count = 0;
        record.flags = records::LATE;
        record.pad = 0;
        record.sequence = sequence;
        record.passed = [Passed::default(); 2];
    };
    if !try_record_at(now_ns, kind::HTTP2_RECORDS, cookie, fill) {
        count(Counter::RingFull);
    }
}

/// Reports the socket of a TLS object.
#[inline(always)]
pub fn bind(cookie: u64, at_ns: u64, bound: &BindRecord) {
    record(kind::HTTP2_BIND, cookie, |record: &mut BindRecord| {
        record.at_ns = at_ns;
        record.object = bound.object;
        record.position = bound.position;
        record.tgid = bound.tgid;
        record.how = bound.how;
        record.pad = [0; 3];
    });
}

/// Writes the first `size` bytes of a record; counts it as lost when there is no room.
#[inline(always)]
fn write<T>(record: &T, size: u32) {
    // SAFETY: the record is plain bytes, and has at least this size.
    let bytes =
        unsafe { core::slice::from_raw_parts((&raw const *record).cast::<u8>(), size as usize) };
    let now_ns = crate::clock::now_ns();
    if maps::RECORDS.output::<[u8]>(bytes, wakes(now_ns)).is_err() {
        return count(Counter::RingFull);
    }
    count(Counter::Emitted);
}
