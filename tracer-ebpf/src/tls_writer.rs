//! Threads that write to TLS objects, by which an object is bound to its socket: the object's bytes leave through the send
//! inside of the function that writes, or, when the library writes to memory, through the thread's next send.

use tracer_common::http2::BindRecord;

use crate::{
    maps,
    sock::Task,
    state::tls_object::{ObjectKey, Writer, progress},
};

/// Values of [`BindRecord::how`].
const INSIDE: u8 = 1;
const NEXT: u8 = 2;

/// Notes that the thread begins to write to an object whose socket is not known.
#[inline(always)]
pub fn enters(thread: u64, object: u64, position: u64) {
    let mut writer = Writer {
        object,
        position,
        call_position: position,
        inside: 1,
        unsent: 0,
        ambiguous: 0,
        pad: [0; 5],
    };
    if let Some(earlier) = maps::TLS_WRITERS.get_ptr(thread) {
        // SAFETY: a value of the map.
        let earlier = unsafe { &*earlier };
        if earlier.unsent == 1 && earlier.object == object {
            writer.position = earlier.position;
            writer.unsent = 1;
            writer.ambiguous = earlier.ambiguous;
        } else {
            writer.ambiguous = earlier.unsent;
        }
    }
    let _ = maps::TLS_WRITERS.insert(thread, writer, 0);
}

/// Notes that the function that writes has returned. `wrote`: it has written something.
#[inline(always)]
pub fn returns(thread: u64, object: u64, wrote: bool) {
    let Some(writer) = maps::TLS_WRITERS.get_ptr_mut(thread) else {
        return;
    };
    // SAFETY: a value of the map, which only this thread changes.
    let writer = unsafe { &mut *writer };
    if writer.object != object {
        return;
    }
    writer.inside = 0;
    if wrote {
        writer.unsent = 1;
    }
    if writer.unsent == 0 {
        let _ = maps::TLS_WRITERS.remove(thread);
    }
}

/// TLS object of which the current thread sends bytes through the socket with this cookie, and how that is known. `is_first`: the
/// segment has the first application data of its connection, so the object must be at its first byte, and otherwise it must
/// not.
///
/// In the middle of a connection the same socket has to be found twice. Only the second time it is sure that all bytes which
/// were written to memory before have been seen on their way; and bytes that another socket sends in an interrupt of the thread
/// do not come twice.
#[inline(always)]
pub fn bound(cookie: u64, is_first: bool) -> Option<BindRecord> {
    let task = Task::current();
    let (tgid, tid) = (task.tgid(), task.tid());
    let thread = (u64::from(tgid) << 32) | u64::from(tid);
    let writer = maps::TLS_WRITERS.get_ptr_mut(thread)?;
    // SAFETY: a value of the map. An interrupt of the thread may be here at the same time as the thread itself; then one of
    // the two finds the bytes sent.
    let writer = unsafe { &mut *writer };
    let address = writer.object;
    let found = found(writer);
    writer.unsent = 0;
    let (position, how) = found?;
    let key = ObjectKey {
        object: address,
        tgid,
        pad: 0,
    };
    let object = maps::TLS_OBJECTS.get_ptr_mut(key)?;
    // SAFETY: a value of the map.
    let object = unsafe { &mut *object };
    let begins = object.sent_progress == progress::BEGAN && position == 0;
    if object.bound == 1 || begins != is_first {
        return None;
    }
    if !is_first && object.candidate != cookie {
        object.candidate = cookie;
        return None;
    }
    object.bound = 1;
    let _ = maps::TLS_WRITERS.remove(thread);
    // SAFETY: plain integers.
    let mut record: BindRecord = unsafe { core::mem::zeroed() };
    record.object = address;
    record.position = position;
    record.tgid = tgid;
    record.how = how;
    Some(record)
}

/// Position in the plaintext at which the bytes begin that the thread sends, and how that is known.
#[inline(always)]
fn found(writer: &Writer) -> Option<(u64, u8)> {
    if writer.inside == 1 {
        Some((writer.call_position, INSIDE))
    } else if writer.unsent == 1 && writer.ambiguous == 0 {
        Some((writer.position, NEXT))
    } else {
        None
    }
}
