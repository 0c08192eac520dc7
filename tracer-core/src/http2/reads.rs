//! Joins what a client has read from its TLS library with the TLS records that it has received.

use std::collections::VecDeque;

mod alignment;

use self::alignment::{PROOF, RECORDS_TRIED};
use super::{
    call::Call,
    fit::{Arrived, Fit, Read, Rules, Use, fit},
    track::{Happening, Track},
    wire::TlsRecord,
    writes::LostSync,
};

/// Limits of what is kept until the other side of the pair comes. A client that reads late lets megabytes wait in its socket, in
/// records of one small frame each.
const MOST_RECORDS: usize = 1 << 18;
const MOST_READS: usize = 16_384;
/// Records at the begin of a connection, among which messages of TLS are to be expected.
const EARLY: usize = 24;
/// Uses of early records that stay open until so many later ones are known, or until `SETTLED_NS` have passed.
const HELD: usize = 4;
const SETTLED_NS: u64 = 50_000_000;
/// Reads that wait for that at most.
const MOST_HELD: usize = 1024;
/// After this many reads whose records are not found, tracer gives up. Reads of a gap do not count.
const MOST_APART: usize = 512;

/// Bytes of the header of a TLS record.
const HEADER: u64 = 5;

/// Reads of one connection.
#[derive(Debug)]
pub(super) struct Reads {
    overheads: &'static [u16],
    has_messages: bool,
    records: VecDeque<TlsRecord>,
    /// Records behind a gap, if there is one.
    behind_gap: Option<VecDeque<TlsRecord>>,
    /// Number of bytes that the gap took on the wire.
    missing: u64,
    reads: VecDeque<Read>,
    /// Position behind the last read.
    end: Option<u64>,
    /// True if the first read and the first record need not belong together.
    is_apart: bool,
    /// Number of records whose use is settled.
    settled: usize,
    /// Length of the last of them, and how many there were with it in a row.
    before: (u16, usize),
    /// True while the use of some records is known and not settled.
    holds: bool,
    track: Track,
}

impl Reads {
    /// Makes a join; records have one of these `overheads` in addition to their plaintext. `has_messages`: messages of TLS
    /// look like data.
    pub(super) fn new(overheads: &'static [u16], has_messages: bool) -> Self {
        Self {
            overheads,
            has_messages,
            records: VecDeque::new(),
            behind_gap: None,
            missing: 0,
            reads: VecDeque::new(),
            end: None,
            is_apart: false,
            settled: 0,
            before: (0, 0),
            holds: false,
            track: Track::default(),
        }
    }

    /// Notes that the first reads or the first records are missing.
    pub(super) fn begin_apart(&mut self) {
        self.is_apart = true;
    }

    /// Notes that records are missing before the next one, which took so many bytes on the wire.
    pub(super) fn miss_records(&mut self, missing: u64) {
        if self.is_apart && self.settled == 0 {
            return self.records.clear();
        }
        // Records between two gaps are taken for a part of one gap.
        let between = if let Some(behind) = &mut self.behind_gap {
            Some(on_the_wire(behind.drain(..)))
        } else if self.is_apart {
            Some(on_the_wire(self.records.drain(..)))
        } else {
            None
        };
        let before = match between {
            Some(between) => self.missing.saturating_add(between),
            None => on_the_wire(
                self.records
                    .pop_back_if(|last| last.end_ns == 0)
                    .into_iter(),
            ),
        };
        self.missing = missing.saturating_add(before);
        if !self.is_apart {
            self.behind_gap.get_or_insert_default();
        }
    }

    /// True if no read was taken.
    pub(super) fn is_unread(&self) -> bool {
        self.end.is_none()
    }

    /// True while it is not known where reads and records begin together.
    pub(super) fn is_apart(&self) -> bool {
        self.is_apart
    }

    /// Records that wait for reads, to add the next one.
    pub(super) fn records_mut(&mut self) -> &mut VecDeque<TlsRecord> {
        self.behind_gap.as_mut().unwrap_or(&mut self.records)
    }

    /// Records that wait for reads: those before a gap, and those behind it.
    pub(super) fn waiting(
        &mut self,
    ) -> (&mut VecDeque<TlsRecord>, Option<&mut VecDeque<TlsRecord>>) {
        (&mut self.records, self.behind_gap.as_mut())
    }

    /// Checks the limit of the records that wait.
    pub(super) fn passed(&self) -> Result<(), LostSync> {
        let behind = self.behind_gap.as_ref().map_or(0, VecDeque::len);
        match self.records.len() + behind > MOST_RECORDS {
            true => Err(LostSync),
            false => Ok(()),
        }
    }

    /// Takes a read.
    pub(super) fn read(&mut self, call: Call) -> Result<(), LostSync> {
        if self.end.is_some_and(|end| end != call.position) {
            return Err(LostSync);
        }
        if self.end.is_none() {
            self.track.begin_at(call.position);
        }
        let to = call.end();
        self.end = Some(to);
        if call.length != 0 {
            self.reads.push_back(Read {
                to,
                length: call.length,
                at_ns: call.at_ns,
            });
        }
        self.track.add(call.frames, to);
        match self.reads.len() > MOST_READS || self.track.kept() > MOST_RECORDS {
            true => Err(LostSync),
            false => Ok(()),
        }
    }

    /// Joins what can be joined at `now_ns`; at the end of the connection nothing more will come.
    pub(super) fn join(
        &mut self,
        now_ns: u64,
        is_over: bool,
        into: &mut Vec<Happening>,
    ) -> Result<(), LostSync> {
        self.holds = false;
        self.pass_gap();
        if self.is_apart && !self.find(self.is_quiet(now_ns)) {
            return match self.reads_behind() > MOST_APART || (is_over && self.settled != 0) {
                true => Err(LostSync),
                false => Ok(()),
            };
        }
        if let Some(found) = self.fit(is_over)? {
            let count = self.settled_of(&found, now_ns, is_over);
            self.holds = count < found.uses.len();
            self.settle(&found.uses[..count]);
            if is_over && found.is_short {
                return Err(LostSync);
            }
            if found.is_short && self.behind_gap.is_some() {
                // What is left before the gap was not read, or its reads are not known yet.
                self.settle(&found.uses[count..]);
                self.records.clear();
            }
        }
        self.track.drain(into);
        Ok(())
    }

    /// Number of reads that wait, without those that a gap of known length has taken.
    fn reads_behind(&self) -> usize {
        let behind = self.track.covered().saturating_add(self.missing);
        let first = self.reads.partition_point(|read| read.to <= behind);
        self.reads.len().saturating_sub(first)
    }

    /// Goes on behind a gap when everything before it was read.
    fn pass_gap(&mut self) {
        if self.records.is_empty()
            && let Some(behind) = self.behind_gap.take()
        {
            self.records = behind;
            self.is_apart = true;
        }
    }

    /// True if nothing has come for so long that all records were read.
    fn is_quiet(&self, now_ns: u64) -> bool {
        let read_ns = self.reads.back().map_or(0, |read| read.at_ns);
        let record_ns = self.records.back().map_or(0, |record| record.end_ns);
        let last_ns = read_ns.max(record_ns);
        record_ns != 0 && last_ns.saturating_add(SETTLED_NS) <= now_ns
    }

    /// Looks behind a gap where reads and records belong together, before more of them come at `now_ns`: after a silence all
    /// records were read.
    pub(super) fn rest(&mut self, now_ns: u64) {
        self.pass_gap();
        if self.is_apart && self.is_quiet(now_ns) {
            self.find(true);
        }
    }

    /// True if nothing was ever read from a known record.
    pub(super) fn is_unsettled(&self) -> bool {
        self.settled == 0
    }

    /// Time up to which everything that has passed was reported, ns. Records that wait for their reads were not.
    pub(super) fn told_until(&self) -> u64 {
        let behind = self.behind_gap.iter().flatten();
        let waiting = self.records.iter().chain(behind).next();
        match (self.holds, waiting) {
            (true, _) => 0,
            (false, Some(record)) => record.begin_ns,
            (false, None) => u64::MAX,
        }
    }

    /// Fit of reads and records; None while there are none, or while two overheads explain them in different ways: the wrong
    /// one soon does not.
    fn fit(&mut self, is_over: bool) -> Result<Option<Fit>, LostSync> {
        if self.reads.is_empty() {
            return Ok(None);
        }
        let reads = self.reads.make_contiguous();
        let arrived = arrived(&self.records, reads.len());
        let (has_messages, before) = (self.has_messages, self.before);
        let fits = self.overheads.iter().filter_map(|overhead| {
            let rules = Rules {
                overhead: *overhead,
                has_messages,
                before,
            };
            Some((overhead, fit(&arrived, reads, rules)?))
        });
        let mut fits: Vec<_> = fits.collect();
        // Of several that explain as much the first is the likeliest.
        fits.sort_by_key(|(_, fit)| std::cmp::Reverse(fit.read));
        if let [(_, best), (_, other), ..] = fits.as_slice()
            && 2 * other.read > best.read
            && other.uses != best.uses
            && !is_over
            && reads.len() < MOST_HELD
        {
            return Ok(None);
        }
        let (overhead, found) = fits.into_iter().next().ok_or(LostSync)?;
        if found.read >= PROOF {
            self.overheads = std::slice::from_ref(overhead);
        }
        Ok(Some(found))
    }

    /// Number of uses that do not change any more: those before the last few records that were read. A record that was passed
    /// over is a message only if later ones go on to fit.
    fn settled_of(&self, found: &Fit, now_ns: u64, is_over: bool) -> usize {
        let has_message = found.uses.contains(&Use::Message);
        if is_over || !self.has_messages || (self.settled >= EARLY && !has_message) {
            return found.uses.len();
        }
        let quiet = self
            .reads
            .back()
            .is_some_and(|read| read.at_ns.saturating_add(SETTLED_NS) <= now_ns);
        if quiet || self.reads.len() > MOST_HELD {
            return found.uses.len();
        }
        let is_read = |one: &Use| *one != Use::Message;
        let mut read = found.uses.iter().enumerate().rev();
        read.by_ref()
            .filter(|(_, one)| is_read(one))
            .nth(HELD - 1)
            .map_or(0, |(at, _)| at)
    }

    fn settle(&mut self, uses: &[Use]) {
        for one in uses {
            let Some(record) = self.records.pop_front() else {
                return;
            };
            self.settled += 1;
            let run = if self.before.0 == record.length {
                self.before.1
            } else {
                0
            };
            self.before = (record.length, run + 1);
            let Use::Read(count) = one else { continue };
            for read in self.reads.drain(..*count) {
                let length = read.to.saturating_sub(self.track.covered());
                self.track.cover(length, record.times(read.at_ns));
            }
        }
    }
}

/// Number of bytes that records took on the wire.
fn on_the_wire(records: impl Iterator<Item = TlsRecord>) -> u64 {
    records
        .map(|record| HEADER + u64::from(record.length))
        .sum()
}

/// First records that have arrived, as many as so many reads may concern.
fn arrived(records: &VecDeque<TlsRecord>, reads: usize) -> Vec<Arrived> {
    let most = 2 * reads + RECORDS_TRIED;
    let whole = records.iter().take(most).take_while(|one| one.end_ns != 0);
    whole
        .map(|record| Arrived {
            length: record.length,
            end_ns: record.end_ns,
        })
        .collect()
}

#[cfg(test)]
mod tests;
