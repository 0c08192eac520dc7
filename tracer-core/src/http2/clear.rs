//! Frames of HTTP/2 in clear, which have the times of their segments. Bytes of the server that come behind a gap can be read
//! only when the gap is filled, so they arrive with the segment that fills it.

use std::ops::Range;

use tracer_common::http2::frames;

use super::{
    call::Call,
    track::{Happening, Times, Track},
    writes::LostSync,
};
use crate::tls::Side;

/// Limits of what waits behind a gap: gaps, and frames. Beyond them the bytes count as arrived.
const MOST_GAPS: usize = 1024;
const MOST_KEPT: usize = 1 << 16;

/// Both directions of a connection in clear.
#[derive(Debug, Default)]
pub(super) struct Clear {
    client: Track,
    server: Track,
    /// Bytes of the server behind gaps, in order, with gaps between.
    behind: Vec<Range<u64>>,
}

impl Clear {
    /// Takes the bytes of a segment, and gives what has happened by it.
    pub(super) fn take(
        &mut self,
        call: Call,
        happenings: &mut Vec<Happening>,
    ) -> Result<(), LostSync> {
        match call.side {
            Side::Client => self.sent(call, happenings),
            Side::Server => {
                self.received(call, happenings);
                Ok(())
            }
        }
    }

    fn sent(&mut self, call: Call, happenings: &mut Vec<Happening>) -> Result<(), LostSync> {
        let track = &mut self.client;
        if track.covered() == 0 {
            track.begin_at(call.position);
        }
        // Bytes whose segment was not seen were sent before.
        let between = call.position.checked_sub(track.covered()).ok_or(LostSync)?;
        let (times, end) = (times(call.at_ns), call.end());
        track.add(call.frames, end);
        track.cover(between, times);
        track.cover(call.length.into(), times);
        track.drain(happenings);
        Ok(())
    }

    fn received(&mut self, call: Call, happenings: &mut Vec<Happening>) {
        let (from, to) = (call.position, call.end());
        let is_whole = call.has(frames::WHOLE);
        let track = &mut self.server;
        if track.covered() == 0 {
            track.begin_at(from);
        }
        track.add(call.frames, to);
        let is_too_much = self.behind.len() > MOST_GAPS || track.kept() > MOST_KEPT;
        if is_whole || is_too_much {
            // The segments that have filled the gaps were not seen.
            let missing = from.saturating_sub(track.covered());
            track.cover(missing, times(call.at_ns));
        }
        self.hold(from..to);
        self.release(call.at_ns);
        self.server.drain(happenings);
    }

    /// Adds bytes to those that have come, and joins them with those that touch them.
    fn hold(&mut self, bytes: Range<u64>) {
        let first = self.behind.partition_point(|one| one.end < bytes.start);
        let last = self.behind.partition_point(|one| one.start <= bytes.end);
        let touching = self.behind.drain(first..last.max(first));
        let joined = touching.fold(bytes, |all, one| {
            all.start.min(one.start)..all.end.max(one.end)
        });
        self.behind.insert(first, joined);
    }

    /// Lets the bytes arrive that have no gap before them.
    fn release(&mut self, at_ns: u64) {
        while let Some(first) = self.behind.first()
            && first.start <= self.server.covered()
        {
            let new = first.end.saturating_sub(self.server.covered());
            self.server.cover(new, times(at_ns));
            self.behind.remove(0);
        }
    }
}

/// Times of bytes whose segment came at `at_ns`, ns.
fn times(at_ns: u64) -> Times {
    // A segment without the header of a frame need not be told.
    Times {
        begin_ns: at_ns,
        end_ns: at_ns,
        read_ns: 0,
    }
}

#[cfg(test)]
mod tests;
