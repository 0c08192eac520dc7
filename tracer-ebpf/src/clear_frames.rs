//! HTTP/2 in clear: progress of the frames of each such connection, by the cookie of its socket.

use tracer_common::{
    http2::{FramesRecord, frames},
    record::direction::EGRESS,
};
use tracer_flow::{
    frames::{Follower, follow},
    outside::{ClearPiece, Loops},
    source::Source,
};

use crate::{
    emit::http2::{self, FramesOut},
    maps,
};

/// Makes ready for a connection. False when there is no room.
#[inline(always)]
pub fn begin(cookie: u64) -> bool {
    let Some(empty) = maps::EMPTY_CLEAR.get_ptr(0) else {
        return false;
    };
    #[expect(
        clippy::needless_borrows_for_generic_args,
        reason = "by value it would not fit the stack"
    )]
    // SAFETY: a value of the map.
    let is_made = unsafe { maps::CLEAR_FRAMES.insert(cookie, &*empty, 0) }.is_ok();
    let Some(state) = maps::CLEAR_FRAMES.get_ptr_mut(cookie) else {
        return false;
    };
    // SAFETY: a value of the map.
    let state = unsafe { &mut *state };
    state.sent.begin_client();
    state.got.begin_server();
    is_made
}

/// Takes the next bytes of a direction; false if it does not even begin like HTTP/2.
#[inline(always)]
pub fn take<S: Source, L: Loops>(source: &S, piece: &ClearPiece) -> bool {
    let Some(state) = maps::CLEAR_FRAMES.get_ptr_mut(piece.cookie) else {
        return false;
    };
    // SAFETY: a value of the map.
    let state = unsafe { &mut *state };
    if piece.direction == EGRESS {
        report::<S, L>(source, piece, &mut state.sent, &mut state.sent_record)
    } else {
        report::<S, L>(source, piece, &mut state.got, &mut state.got_record)
    }
}

/// Reports the frames in the bytes.
#[inline(always)]
fn report<S: Source, L: Loops>(
    source: &S,
    piece: &ClearPiece,
    follower: &mut Follower,
    record: &mut FramesRecord,
) -> bool {
    if follower.is_lost() {
        return true;
    }
    let began = follower.has_begun();
    follower.miss(piece.missing);
    record.at_ns = piece.now_ns;
    record.object = 0;
    record.position = follower.position.saturating_sub(piece.again.into());
    record.length = piece.arrived();
    record.tgid = piece.tgid;
    record.tid = 0;
    record.direction = piece.direction;
    record.count = 0;
    record.flags = if follower.position == 0 {
        frames::BEGINS
    } else {
        0
    };
    if piece.is_whole == 1 {
        record.flags |= frames::WHOLE;
    }
    record.pad = 0;
    let mut out = FramesOut {
        record,
        cookie: piece.cookie,
    };
    follow::<S, L, _>(follower, source, piece.from, piece.to, &mut out);
    if follower.is_lost() {
        if !began {
            return false;
        }
        record.flags |= frames::LOST;
    }
    http2::frames(record, piece.cookie);
    true
}
