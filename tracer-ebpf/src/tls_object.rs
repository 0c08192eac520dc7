//! TLS objects of traced processes: what is written to them and read from them, followed frame by frame if it is HTTP/2.
//! Of the plaintext only the headers of frames are read, and what [`tracer_flow::frames`] needs besides.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use tracer_common::{
    config::http2::FRAMES,
    http2::{FramesRecord, frames},
    record::direction::{EGRESS, INGRESS},
};
use tracer_flow::{
    difference::address_difference,
    frames::{Follower, HEADER, begins_requests, begins_responses, begins_settings, follow},
    source::Source,
};

use crate::{
    clock::now_ns,
    emit::http2::{self, FramesOut},
    filter,
    maps::{self, global},
    outside::Kernel,
    sock::Task,
    state::tls_object::{Call, CallKey, Object, ObjectKey, progress},
    storage, tls_writer,
    user::{self, UserBytes},
};

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
        written(task, &key, &passed);
    } else {
        read(task, &key, &passed);
    }
}

/// Bytes that a call has written or read.
struct Passed {
    buffer: u64,
    count: u32,
    /// Position in the plaintext when the call began, if it tells whether the call has called another function that has been
    /// counted.
    position: Option<u64>,
}

impl Passed {
    /// True if these bytes have been counted by another function that this one has called.
    #[inline(always)]
    fn is_counted(&self, follower: &Follower) -> bool {
        self.position
            .is_some_and(|position| position != follower.position)
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

/// Follows bytes that were written.
#[inline(always)]
fn written(task: Task, key: &ObjectKey, passed: &Passed) {
    let Some(object) = object_at(key) else {
        return;
    };
    if object.other == 1
        || object.sent_progress == progress::WAITS
        || object.sent.is_lost()
        || passed.is_counted(&object.sent)
    {
        return;
    }
    report(
        task,
        key,
        passed,
        &mut object.sent,
        object.sent_progress,
        EGRESS,
    );
}

/// Follows bytes that were read.
#[inline(always)]
fn read(task: Task, key: &ObjectKey, passed: &Passed) {
    let bytes = UserBytes(passed.buffer);
    let has_header = passed.count >= HEADER;
    let known = object_at(key);
    let is_known = known
        .as_ref()
        .is_some_and(|object| object.sent_progress != progress::WAITS);
    let object = match known {
        Some(object) => object,
        None if has_header && (begins_settings(&bytes, 0) || begins_preface_at(&bytes)) => {
            let Some(object) = new_object(task, key) else {
                return;
            };
            object
        }
        None => return,
    };
    if object.other == 1 || object.got.is_lost() || passed.is_counted(&object.got) {
        return;
    }
    if object.got_progress == progress::WAITS {
        if !has_header {
            return;
        }
        if is_known && begins_responses(&bytes, 0) {
            object.got.begin_middle(1);
            object.got_progress = progress::MIDDLE;
        } else if !is_known && begins_settings(&bytes, 0) {
            object.got.begin_server();
            object.got_progress = progress::BEGAN;
        } else {
            // The object of a server reads the preface.
            object.other = u8::from(!is_known && begins_preface_at(&bytes));
            return;
        }
    }
    report(
        task,
        key,
        passed,
        &mut object.got,
        object.got_progress,
        INGRESS,
    );
}

/// Reports the frames in the bytes of a call.
#[inline(always)]
fn report(
    task: Task,
    key: &ObjectKey,
    passed: &Passed,
    follower: &mut Follower,
    progress: u8,
    direction: u8,
) {
    let Some(room) = storage::frames_room(task) else {
        follower.lose();
        return;
    };
    let record = &mut room.record;
    fill(record, task, key);
    record.position = follower.position;
    record.length = passed.count;
    record.direction = direction;
    record.flags = match (follower.position, progress) {
        (0, progress::BEGAN) => frames::BEGINS,
        (0, progress::MIDDLE) => frames::MIDDLE,
        _ => 0,
    };
    let source = UserBytes(passed.buffer);
    let mut out = FramesOut { record, cookie: 0 };
    follow::<_, Kernel, _>(follower, &source, 0, passed.count, &mut out);
    if follower.is_lost() {
        record.flags |= frames::LOST;
    }
    http2::frames(record, 0);
}

/// Fills what the records of a TLS object have in common.
#[inline(always)]
fn fill(record: &mut FramesRecord, task: Task, key: &ObjectKey) {
    record.at_ns = now_ns();
    record.object = key.object;
    record.tgid = key.tgid;
    record.tid = task.tid();
    record.count = 0;
    record.pad = 0;
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
    if is_followed && let Some(room) = storage::frames_room(task) {
        let record = &mut room.record;
        fill(record, task, &key);
        record.position = position;
        record.length = 0;
        record.direction = EGRESS;
        record.flags = frames::FREED;
        http2::frames(record, 0);
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
