//! TLS objects of traced processes: what is written to them and read from them, followed frame by frame if it is HTTP/2.
//! The programs read no plaintext but the headers of frames, and what [`tracer_flow::frames`] needs besides.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use tracer_common::{config::http2::FRAMES, record::direction::EGRESS};
use tracer_flow::{
    difference::address_difference,
    frames::{HEADER, begins_requests, begins_settings},
    source::Source,
};

use crate::{
    filter,
    maps::{self, global},
    sock::Task,
    state::tls_object::{Call, CallKey, Object, ObjectKey, progress},
    tls_writer,
    user::{self, UserBytes},
};

mod bytes;

use bytes::Passed;

/// Writes that look like no frame, after which an object is taken for one that speaks another protocol.
const MOST_STRIKES: u8 = 4;

/// Thread and process as the kernel joins them.
#[inline(always)]
pub fn thread() -> u64 {
    bpf_get_current_pid_tgid()
}

/// Notes that a function which writes or reads was called. `context`: its thread or goroutine. `depth`: its place in the stack.
#[inline(always)]
pub fn entered(context: u64, depth: u64, mut call: Call) {
    if global!(HTTP2.mode) != FRAMES {
        return;
    }
    let task = Task::current();
    let key = ObjectKey {
        object: call.object,
        tgid: task.tgid(),
        pad: 0,
    };
    let is_write = call.direction == u32::from(EGRESS);
    let goes_on = if is_write {
        enters_write(task, &key, &mut call)
    } else {
        enters_read(task, &key, &mut call)
    };
    if !goes_on {
        return;
    }
    let call_key = CallKey {
        context,
        depth,
        tgid: key.tgid,
        pad: 0,
    };
    let _ = maps::TLS_CALLS.insert(call_key, call, 0);
}

/// Prepares for a write; false if it does not matter.
#[inline(always)]
fn enters_write(task: Task, key: &ObjectKey, call: &mut Call) -> bool {
    let is_preface = begins_preface(call.buffer, call.length);
    let object = match object_at(key) {
        Some(object) if is_preface => {
            begin(object);
            object
        }
        Some(object) if object.other == 1 || object.sent.is_lost() => return false,
        Some(object) => object,
        None => {
            let Some(object) = new_object(task, key) else {
                return false;
            };
            if is_preface {
                begin(object);
            }
            object
        }
    };
    if object.sent_progress == progress::WAITS && !begins_in_middle(object, call) {
        return false;
    }
    call.position = object.sent.position;
    if object.bound == 0 {
        tls_writer::enters(thread(), call.object, call.position);
    }
    true
}

/// Prepares for a read; false if it does not matter. What an object reads before it has written anything may tell that it
/// speaks HTTP/2.
#[inline(always)]
fn enters_read(task: Task, key: &ObjectKey, call: &mut Call) -> bool {
    let Some(object) = object_at(key) else {
        return filter::admits_process(task, key.tgid);
    };
    call.position = object.got.position;
    object.other == 0 && object.strikes == 0 && !object.got.is_lost()
}

/// Begins both directions of an object that writes the preface. A write that is tried again changes nothing, and a server
/// may have sent its settings before.
#[inline(always)]
fn begin(object: &mut Object) {
    let is_again = object.sent_progress == progress::BEGAN && object.sent.position == 0;
    let read_first = object.sent_progress == progress::WAITS
        && object.got_progress == progress::BEGAN
        && !object.got.is_lost();
    if is_again {
        return;
    }
    object.other = 0;
    object.bound = 0;
    object.candidate = 0;
    object.strikes = 0;
    object.sent.begin_client();
    object.sent_progress = progress::BEGAN;
    if !read_first {
        object.got.begin_server();
        object.got_progress = progress::BEGAN;
    }
}

/// Looks whether the first write of an object that was seen begins with a frame. A server begins with its settings.
#[inline(always)]
fn begins_in_middle(object: &mut Object, call: &Call) -> bool {
    let bytes = UserBytes(call.buffer);
    let has_header = call.length >= u64::from(HEADER);
    if has_header && begins_settings(&bytes, 0) {
        object.other = 1;
        return false;
    }
    if has_header && begins_requests(&bytes, 0) {
        object.sent.begin_middle(0);
        object.sent_progress = progress::MIDDLE;
        object.strikes = 0;
        return true;
    }
    object.strikes += 1;
    if object.strikes >= MOST_STRIKES {
        object.other = 1;
    }
    false
}

/// Notes that a function has returned `value`. `stack_end`: the end of the goroutine's stack now; 0 in C.
#[inline(always)]
pub fn returned(context: u64, depth: u64, value: u64, stack_end: u64) {
    let task = Task::current();
    let key = CallKey {
        context,
        depth,
        tgid: task.tgid(),
        pad: 0,
    };
    let Some(call) = maps::TLS_CALLS.get_ptr(key) else {
        return;
    };
    // SAFETY: a value of the map; the copy is on the stack.
    let call = unsafe { *call };
    let _ = maps::TLS_CALLS.remove(key);
    let count = count_of(&call, value);
    if call.direction == u32::from(EGRESS) {
        tls_writer::returns(thread(), call.object, count != 0);
    }
    if count == 0 || count > call.length || count > u64::from(u32::MAX) {
        return;
    }
    let key = ObjectKey {
        object: call.object,
        tgid: key.tgid,
        pad: 0,
    };
    let passed = Passed {
        buffer: buffer_of(&call, stack_end),
        count: count as u32,
        // A goroutine that waits for another one's write begins before that write has ended.
        position: if call.go == 1 {
            None
        } else {
            Some(call.position)
        },
    };
    if call.direction == u32::from(EGRESS) {
        bytes::written(task, &key, &passed);
    } else {
        bytes::read(task, &key, &passed);
    }
}

/// Number of bytes that a call has written or read.
#[inline(always)]
fn count_of(call: &Call, value: u64) -> u64 {
    let returned = if call.go == 1 {
        value as i64
    } else {
        i64::from(value as u32 as i32)
    };
    if call.count_at != 0 {
        return if returned == 1 {
            user::word(call.count_at).unwrap_or(0)
        } else {
            0
        };
    }
    if returned > 0 { returned as u64 } else { 0 }
}

/// Address of the bytes of a call. In Go they may have moved with the stack.
#[inline(always)]
fn buffer_of(call: &Call, stack_end: u64) -> u64 {
    let is_in_stack = call.buffer >= call.stack && call.buffer < call.stack_end;
    if is_in_stack && stack_end != 0 {
        call.buffer
            .wrapping_add(address_difference(call.stack_end, stack_end))
    } else {
        call.buffer
    }
}

/// Notes that an object was freed.
#[inline(always)]
pub fn freed(object: u64) {
    let task = Task::current();
    let key = ObjectKey {
        object,
        tgid: task.tgid(),
        pad: 0,
    };
    let Some(known) = object_at(&key) else {
        return;
    };
    let position = known.sent.position;
    let is_followed = known.other == 0
        && (known.sent_progress != progress::WAITS || known.got_progress != progress::WAITS);
    let _ = maps::TLS_OBJECTS.remove(key);
    if is_followed {
        bytes::no_more(task, &key, position);
    }
}

#[inline(always)]
fn object_at(key: &ObjectKey) -> Option<&'static mut Object> {
    let object = maps::TLS_OBJECTS.get_ptr_mut(key)?;
    // SAFETY: a value of the map.
    Some(unsafe { &mut *object })
}

/// A new object of a process that is traced.
#[inline(always)]
fn new_object(task: Task, key: &ObjectKey) -> Option<&'static mut Object> {
    if !filter::admits_process(task, key.tgid) {
        return None;
    }
    // SAFETY: plain integers.
    let object: Object = unsafe { core::mem::zeroed() };
    maps::TLS_OBJECTS.insert(key, object, 0).ok()?;
    object_at(key)
}

/// True if bytes that are written begin with the preface of HTTP/2.
#[inline(always)]
fn begins_preface(buffer: u64, length: u64) -> bool {
    length >= 8 && begins_preface_at(&UserBytes(buffer))
}

#[inline(always)]
fn begins_preface_at(bytes: &UserBytes) -> bool {
    bytes.bytes::<8>(0) == Some(*b"PRI * HT")
}
