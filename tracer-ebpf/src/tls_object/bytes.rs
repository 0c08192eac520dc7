//! Bytes that a call has written or read: the frames in them are followed and reported.

use tracer_common::{
    http2::{FramesRecord, frames},
    record::direction::{EGRESS, INGRESS},
};
use tracer_flow::frames::{Follower, HEADER, begins_responses, begins_settings, follow};

use super::{begins_preface_at, new_object, object_at};
use crate::{
    clock::now_ns,
    emit::http2::{self, FramesOut},
    outside::Kernel,
    sock::Task,
    state::tls_object::{ObjectKey, progress},
    storage,
    user::UserBytes,
};

/// Bytes that a call has written or read.
pub struct Passed {
    /// Address of the bytes.
    pub buffer: u64,
    /// Number of the bytes.
    pub count: u32,
    /// Position in the plaintext when the call began, if it tells whether the call has called another function that has been
    /// counted.
    pub position: Option<u64>,
}

impl Passed {
    /// True if these bytes have been counted by another function that this one has called.
    #[inline(always)]
    fn is_counted(&self, follower: &Follower) -> bool {
        self.position
            .is_some_and(|position| position != follower.position)
    }
}

/// Follows bytes that were written.
#[inline(always)]
pub fn written(task: Task, key: &ObjectKey, passed: &Passed) {
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
pub fn read(task: Task, key: &ObjectKey, passed: &Passed) {
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

/// Reports that an object was freed, to which bytes up to `position` were written.
#[inline(always)]
pub fn no_more(task: Task, key: &ObjectKey, position: u64) {
    let Some(room) = storage::frames_room(task) else {
        return;
    };
    let record = &mut room.record;
    fill(record, task, key);
    record.position = position;
    record.length = 0;
    record.direction = EGRESS;
    record.flags = frames::FREED;
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
