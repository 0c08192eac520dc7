//! Joins what a client has written into its TLS library with the TLS records that it has sent. One pair of a position and
//! a record is known from the binding of the TLS object; from there on each write is carried by whole records.

use std::collections::VecDeque;

use super::{
    call::Call,
    track::{Happening, Track},
    wire::TlsRecord,
};

/// Limits of what is kept until the other side of the pair comes. What a client has written may wait in a socket of some
/// megabytes while the server reads nothing, in writes of one small frame each.
const MOST_RECORDS: usize = 65_536;
const MOST_CALLS: usize = 1 << 18;
/// Bytes of the shortest frame, which is its header. A record with less at the beginning of a write is no part of it: it
/// is an alert or a KeyUpdate.
const SHORTEST_FRAME: u64 = 9;

/// Writes and records do not fit, or too many of them wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LostSync;

/// Knowledge of the record with which a position begins.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    /// No record is known.
    None,
    /// The position begins in the segment that comes next.
    Bound { position: u64 },
    /// The position begins with one of the first records of the queue.
    Near { position: u64, records: usize },
    /// The first record of the queue goes on where the track ends.
    Sure,
}

/// Stretch of plaintext of one write.
#[derive(Debug, Clone, Copy)]
struct Write {
    from: u64,
    to: u64,
}

/// Writes of one connection.
#[derive(Debug)]
pub(super) struct Writes {
    anchor: Anchor,
    overheads: &'static [u16],
    records: VecDeque<TlsRecord>,
    writes: VecDeque<Write>,
    /// Position behind the last write.
    end: Option<u64>,
    track: Track,
}

impl Writes {
    /// Makes a join that knows nothing yet; records have one of these `overheads` in addition to their plaintext.
    pub(super) fn new(overheads: &'static [u16]) -> Self {
        Self {
            anchor: Anchor::None,
            overheads,
            records: VecDeque::new(),
            writes: VecDeque::new(),
            end: None,
            track: Track::default(),
        }
    }

    /// Notes that the next segment has a record that begins at this position.
    pub(super) fn bind(&mut self, position: u64) {
        if let Anchor::None | Anchor::Bound { .. } = self.anchor {
            self.anchor = Anchor::Bound { position };
        }
    }

    /// True if no position is known yet.
    pub(super) fn is_unbound(&self) -> bool {
        matches!(self.anchor, Anchor::None)
    }

    /// True if no write was taken.
    pub(super) fn is_unwritten(&self) -> bool {
        self.end.is_none()
    }

    /// True once a write was found on the wire.
    pub(super) fn is_sure(&self) -> bool {
        matches!(self.anchor, Anchor::Sure)
    }

    /// Takes the records that begin in one segment.
    pub(super) fn passed(
        &mut self,
        records: impl Iterator<Item = TlsRecord>,
    ) -> Result<(), LostSync> {
        if self.is_unbound() {
            return Ok(());
        }
        let before = self.records.len();
        self.records.extend(records);
        let added = self.records.len() - before;
        if let Anchor::Bound { position } = self.anchor
            && added != 0
        {
            self.anchor = Anchor::Near {
                position,
                records: added,
            };
        }
        match self.records.len() > MOST_RECORDS {
            true => Err(LostSync),
            false => Ok(()),
        }
    }

    /// Takes a write.
    pub(super) fn wrote(&mut self, call: Call) -> Result<(), LostSync> {
        if self.end.is_some_and(|end| end != call.position) {
            return Err(LostSync);
        }
        let to = call.end();
        self.end = Some(to);
        if call.length != 0 {
            self.writes.push_back(Write {
                from: call.position,
                to,
            });
        }
        self.track.add(call.frames, to);
        match self.writes.len() > MOST_CALLS || self.track.kept() > MOST_RECORDS {
            true => Err(LostSync),
            false => Ok(()),
        }
    }

    /// Joins what can be joined by now.
    pub(super) fn join(&mut self, into: &mut Vec<Happening>) -> Result<(), LostSync> {
        if let Anchor::Near { position, records } = self.anchor {
            self.find(position, records)?;
        }
        if self.is_sure() {
            while self.step()? {}
            self.track.drain(into);
        }
        Ok(())
    }

    /// Looks for the record with which the write begins that holds `position`.
    fn find(&mut self, position: u64, records: usize) -> Result<(), LostSync> {
        while self
            .writes
            .front()
            .is_some_and(|write| write.to <= position)
        {
            self.writes.pop_front();
        }
        let Some(write) = self.writes.front().copied() else {
            return Ok(());
        };
        if write.from > position {
            return Err(LostSync);
        }
        let mut may_come = false;
        for overhead in self.overheads {
            for skipped in 0..records {
                match self.fits(skipped, *overhead, write.to - position) {
                    Some(true) => {
                        self.records.drain(..skipped);
                        self.begin(position, overhead);
                        return Ok(());
                    }
                    Some(false) => {}
                    None => may_come = true,
                }
            }
        }
        match may_come {
            true => Ok(()),
            false => Err(LostSync),
        }
    }

    fn begin(&mut self, position: u64, overhead: &'static u16) {
        self.overheads = std::slice::from_ref(overhead);
        self.track.begin_at(position);
        self.anchor = Anchor::Sure;
    }

    /// Tells whether the records from one on carry exactly `bytes` up to the end of one of them; None when it takes more
    /// records to tell.
    fn fits(&self, skipped: usize, overhead: u16, bytes: u64) -> Option<bool> {
        let mut sum = 0;
        for record in self.records.iter().skip(skipped) {
            let Some(plain) = record.length.checked_sub(overhead) else {
                return Some(false);
            };
            sum += u64::from(plain);
            if sum >= bytes {
                return Some(sum == bytes);
            }
        }
        None
    }

    /// Joins the next record. False when a record or a write is missing for it.
    fn step(&mut self) -> Result<bool, LostSync> {
        let covered = self.track.covered();
        while self.writes.front().is_some_and(|write| write.to <= covered) {
            self.writes.pop_front();
        }
        let (Some(write), Some(record)) = (self.writes.front(), self.records.front()) else {
            return Ok(false);
        };
        let overhead = self.overheads.first().copied().unwrap_or(0);
        let plain = record.length.checked_sub(overhead).ok_or(LostSync)?;
        let (plain, left) = (u64::from(plain), write.to - covered);
        let is_message = covered == write.from && plain < SHORTEST_FRAME.min(left);
        if !is_message {
            if plain > left {
                return Err(LostSync);
            }
            self.track.cover(plain, record.times(0));
        }
        self.records.pop_front();
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
