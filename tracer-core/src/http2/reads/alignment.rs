//! Search for the read and the record that begin together: on a connection that was open before tracing began, and behind
//! records that were not seen.

use super::{
    super::fit::{Fit, Rules, Use, fit},
    HEADER, Reads, arrived,
};

/// Records in a row that have to fit their reads.
pub(super) const PROOF: usize = 3;
/// Records, and reads, that the search tries as the first one.
pub(super) const RECORDS_TRIED: usize = 16;
const READS_TRIED: usize = 8;

/// Most bytes of the plaintext of a record (RFC 8446 5.1).
const LONGEST_PLAINTEXT: u64 = 1 << 14;

impl Reads {
    /// Looks for the read and the record that begin together. `is_quiet`: all records were read.
    pub(super) fn find(&mut self, is_quiet: bool) -> bool {
        if self.settled != 0 {
            return self.find_behind(is_quiet);
        }
        let reads = self.reads.make_contiguous();
        let arrived = arrived(&self.records, reads.len() + RECORDS_TRIED);
        let mut found = None;
        for overhead in self.overheads {
            for first in 0..reads.len().min(READS_TRIED) {
                for record in 0..arrived.len().min(RECORDS_TRIED) {
                    let rules = Rules {
                        overhead: *overhead,
                        has_messages: false,
                        before: (0, 0),
                    };
                    let Some(fit) = fit(&arrived[record..], &reads[first..], rules) else {
                        continue;
                    };
                    let is_all = fit.uses.len() == arrived.len() - record && !fit.is_short;
                    if fit.read < PROOF && !(is_quiet && is_all && fit.read != 0) {
                        continue;
                    }
                    if is_quiet && !is_all {
                        continue;
                    }
                    let begins = (overhead, first, record, shift(&fit, first, record));
                    match found {
                        None => found = Some(begins),
                        // Two ways to join them say nothing, unless one is a part of the other.
                        Some(other) if other.3 == begins.3 => {}
                        Some(_) => return false,
                    }
                }
            }
        }
        let Some((overhead, first, record, _)) = found else {
            return false;
        };
        self.begin_together(overhead, first, record);
        true
    }

    /// Looks for the read that begins with the first record behind a gap of known length. Whole records are missing there,
    /// and each took a header and an overhead more than its plaintext; so the length of the gap tells which reads fit.
    fn find_behind(&mut self, is_quiet: bool) -> bool {
        let (from, missing) = (self.track.covered(), self.missing);
        let behind = from.saturating_add(missing);
        if !is_quiet && self.end.is_none_or(|end| end < behind) {
            return false;
        }
        let reads = self.reads.make_contiguous();
        let arrived = arrived(&self.records, reads.len() + RECORDS_TRIED);
        let mut found = None;
        for overhead in self.overheads {
            let each = HEADER + u64::from(*overhead);
            for first in 0..=reads.len() {
                let position = first.checked_sub(1).map_or(from, |last| reads[last].to);
                let Some(rest) = behind.checked_sub(position) else {
                    break;
                };
                let plain = missing.saturating_sub(rest);
                if rest % each != 0 || plain > rest / each * LONGEST_PLAINTEXT {
                    continue;
                }
                let rules = Rules {
                    overhead: *overhead,
                    has_messages: false,
                    before: (0, 0),
                };
                let Some(fit) = fit(&arrived, &reads[first..], rules) else {
                    continue;
                };
                let is_all = fit.uses.len() == arrived.len() && !fit.is_short;
                if fit.read < PROOF && !(is_quiet && is_all && fit.read != 0) {
                    continue;
                }
                if found.replace((overhead, first)).is_some() {
                    return false;
                }
            }
        }
        let Some((overhead, first)) = found else {
            return false;
        };
        self.begin_together(overhead, first, 0);
        true
    }

    /// Goes on with this read and this record.
    fn begin_together(&mut self, overhead: &'static u16, read: usize, record: usize) {
        self.overheads = std::slice::from_ref(overhead);
        self.records.drain(..record);
        let from = self.reads.drain(..read).next_back();
        if let Some(read) = from {
            self.track.begin_at(read.to);
        }
        self.is_apart = false;
        self.missing = 0;
    }
}

/// Read and record behind the last ones that fit.
fn shift(fit: &Fit, first: usize, record: usize) -> (usize, usize) {
    let reads: usize = fit
        .uses
        .iter()
        .map(|one| match one {
            Use::Read(count) => *count,
            Use::Message => 0,
        })
        .sum();
    (first + reads, record + fit.uses.len())
}
