//! Partition of reads into TLS records. A read never takes bytes of two records, and a record is read whole before the
//! next one; but some records are never read, because they carry messages of TLS.

use std::collections::HashMap;

/// Record that has arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived {
    /// Length without the record's header.
    pub(super) length: u16,
    /// Time of its last byte, ns.
    pub(super) end_ns: u64,
}

/// Read of plaintext.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    /// Position behind its last byte.
    pub(super) to: u64,
    /// Number of bytes, not zero.
    pub(super) length: u32,
    /// Time of the return, ns.
    pub(super) at_ns: u64,
}

/// Use of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// So many reads have read it.
    Read(usize),
    /// The application does not see it.
    Message,
}

/// Uses of the first records, with the number of those that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fit {
    /// Uses in the order of the records.
    pub(super) uses: Vec<Use>,
    /// Number of records that were read.
    pub(super) read: usize,
    /// True if there are reads for which a record is missing.
    pub(super) is_short: bool,
}

/// Rules of a partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Bytes that a record has in addition to its plaintext.
    pub(super) overhead: u16,
    /// True if messages of TLS look like data on the wire, as in TLS 1.3.
    pub(super) has_messages: bool,
    /// Length of the records just before the first one, and how many there were with it in a row.
    pub(super) before: (u16, usize),
}

/// Plaintext of the longest message that is taken for one: a ticket with certificates in it.
const LONGEST_MESSAGE: u32 = 4096;
/// Records of one length in a row that may be messages: tickets come so. More of them are parts of a body.
const EQUAL_MESSAGES: usize = 4;
/// Messages in a row at most.
const MESSAGES: usize = 8;
/// Value of a record that was read, of one that is being read, and of a message.
const READ: i64 = 32;
const BEGUN: i64 = 8;
const MESSAGE: i64 = -1;
/// Steps of one search at most.
const STEPS: usize = 20_000;

/// Partition that explains most; None when there is none.
pub(super) fn fit(records: &[Arrived], reads: &[Read], rules: Rules) -> Option<Fit> {
    if !rules.has_messages {
        return only(records, reads, rules.overhead);
    }
    let mut search = Search {
        records,
        reads,
        rules,
        runs: runs(records, rules.before),
        known: HashMap::new(),
    };
    search.value(0, 0, 0)?;
    Some(search.result())
}

/// The only partition there can be when all records are read.
fn only(records: &[Arrived], reads: &[Read], overhead: u16) -> Option<Fit> {
    let mut fit = Fit::default();
    let mut read = 0;
    for record in records {
        let Some(next) = reads.get(read) else {
            return Some(fit);
        };
        let plain = u32::from(record.length.checked_sub(overhead)?);
        if next.at_ns < record.end_ns {
            return None;
        }
        match taken(reads, plain, read) {
            Taken::Whole(count) => {
                fit.uses.push(Use::Read(count));
                fit.read += 1;
                read += count;
            }
            Taken::Begun => return Some(fit),
            Taken::No if plain == 0 => fit.uses.push(Use::Message),
            Taken::No => return None,
        }
    }
    fit.is_short = read < reads.len();
    Some(fit)
}

/// Place in both sequences, and the number of messages just before.
type Place = (usize, usize, usize);

struct Search<'a> {
    records: &'a [Arrived],
    reads: &'a [Read],
    rules: Rules,
    /// Number of records in a row with the same length as each.
    runs: Vec<usize>,
    /// Value of the best way on, and its first step; None without a way.
    known: HashMap<Place, Option<(i64, Option<Use>)>>,
}

impl Search<'_> {
    fn value(&mut self, record: usize, read: usize, messages: usize) -> Option<i64> {
        let place = (record, read, messages);
        if let Some(known) = self.known.get(&place) {
            return known.map(|(value, _)| value);
        }
        let best = match self.known.len() < STEPS {
            true => self.best(place),
            false => None,
        };
        self.known.insert(place, best);
        best.map(|(value, _)| value)
    }

    fn best(&mut self, (record, read, messages): Place) -> Option<(i64, Option<Use>)> {
        let (Some(arrived), Some(next)) = (self.records.get(record), self.reads.get(read)) else {
            return Some((0, None));
        };
        if next.at_ns < arrived.end_ns {
            return None;
        }
        let plain = u32::from(arrived.length.checked_sub(self.rules.overhead)?);
        let as_data = match taken(self.reads, plain, read) {
            Taken::Whole(count) => self
                .value(record + 1, read + count, 0)
                .map(|value| (value + READ, Some(Use::Read(count)))),
            Taken::Begun => Some((BEGUN, None)),
            Taken::No => None,
        };
        let is_in_body = self
            .runs
            .get(record)
            .is_some_and(|run| *run > EQUAL_MESSAGES);
        let may_skip = plain == 0
            || (self.rules.has_messages
                && plain <= LONGEST_MESSAGE
                && messages < MESSAGES
                && !is_in_body);
        let as_message = match may_skip {
            true => self
                .value(record + 1, read, messages + 1)
                .map(|value| (value + MESSAGE, Some(Use::Message))),
            false => None,
        };
        // Messages come early: of two ways with one value that with the earlier message is right.
        match (as_data, as_message) {
            (Some(data), Some(message)) if message.0 >= data.0 => Some(message),
            (data, message) => data.or(message),
        }
    }

    fn result(&self) -> Fit {
        let mut fit = Fit::default();
        let (mut record, mut read, mut messages) = (0, 0, 0);
        while let Some(Some((_, Some(step)))) = self.known.get(&(record, read, messages)) {
            fit.uses.push(*step);
            record += 1;
            match step {
                Use::Read(count) => {
                    fit.read += 1;
                    read += count;
                    messages = 0;
                }
                Use::Message => messages += 1,
            }
        }
        fit.is_short = record >= self.records.len() && read < self.reads.len();
        // A message at the end may as well be data that is not read yet.
        while fit.uses.last() == Some(&Use::Message) {
            fit.uses.pop();
        }
        fit
    }
}

/// Number of records in a row with the same length as each, those before the first one included.
fn runs(records: &[Arrived], before: (u16, usize)) -> Vec<usize> {
    let mut runs = Vec::with_capacity(records.len());
    for run in records.chunk_by(|one, next| one.length == next.length) {
        let goes_on = runs.is_empty() && run.first().is_some_and(|one| one.length == before.0);
        let count = run.len() + if goes_on { before.1 } else { 0 };
        runs.resize(runs.len() + run.len(), count);
    }
    runs
}

/// Reads that take exactly so many bytes.
fn taken(reads: &[Read], plain: u32, from: usize) -> Taken {
    let mut sum = 0_u32;
    for (count, read) in reads[from..].iter().enumerate() {
        if sum >= plain {
            break;
        }
        sum = sum.saturating_add(read.length);
        if sum == plain {
            return Taken::Whole(count + 1);
        }
    }
    match sum < plain {
        true => Taken::Begun,
        false => Taken::No,
    }
}

enum Taken {
    /// So many reads take the record exactly.
    Whole(usize),
    /// The reads take the beginning of the record.
    Begun,
    /// A read goes beyond the record.
    No,
}

#[cfg(test)]
mod tests;
