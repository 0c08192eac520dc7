//! Entries of a recording.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tracer_common::{
    counter::Counter,
    overflow::{BUCKETS, Count, Histogram},
};
use tracer_core::{input::Input, overflow::Overflow};
use tracer_export::Filter;

use crate::codec::{Take, put_seen, put_text, put_u16, put_u32, put_u64};

/// Kinds of entries. No entry has kind 0.
mod kind {
    pub(super) const START: u8 = 1;
    pub(super) const RECORD: u8 = 2;
    pub(super) const SWEEP: u8 = 3;
    pub(super) const WATCH: u8 = 4;
    pub(super) const SOCKETS: u8 = 5;
    pub(super) const RESOLVED: u8 = 6;
    pub(super) const NAMESPACE: u8 = 7;
    pub(super) const UNSEEN_NAMESPACE: u8 = 8;
    pub(super) const COUNTERS: u8 = 9;
    pub(super) const OVERFLOW: u8 = 10;
    pub(super) const FINISH: u8 = 11;
    pub(super) const CLOCK: u8 = 12;
    pub(super) const LOSS: u8 = 13;
    pub(super) const END: u8 = 14;
    pub(super) const LOST_ANSWER: u8 = 15;
    pub(super) const SAMPLE: u8 = 16;
    pub(super) const RESET: u8 = 17;
    /// Since format 2.
    pub(super) const REMOVED_NAMESPACE: u8 = 18;
}

/// Description of the trace, the first entry of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Version of the tracer that recorded.
    pub version: String,
    /// Commit of that version.
    pub commit: String,
    /// Host name.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// Architecture, as uname gives it.
    pub arch: String,
    /// Processors.
    pub cpus: u64,
    /// Begin of the trace since 1970, ns.
    pub started_at_ns: u64,
    /// Begin of the trace on CLOCK_MONOTONIC, ns.
    pub started_ns: u64,
    /// The filter, as in the export.
    pub filter: Filter,
    /// The command of `tracer run`.
    pub command: Option<Vec<String>>,
    /// Patterns of `--host`.
    pub hosts: Vec<String>,
    /// Most hosts with figures of their own.
    pub max_hosts: u64,
    /// Most connections followed at a time.
    pub max_connections: u64,
}

/// Last entry of a complete recording. One that was cut off has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct End {
    /// End of the trace's window, CLOCK_MONOTONIC, ns.
    pub ended_ns: u64,
    /// End of the trace's window since 1970, ns, by the clock at that moment.
    pub ended_at_ns: u64,
    /// Number of entries that were left out because they could not be written fast enough.
    pub lost: u64,
    /// Time that the command of `tracer run` had used: in user mode and in the kernel, ns.
    pub command_cpu_ns: Option<(u64, u64)>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Description of the trace.
    Start(Box<Start>),
    /// Input of the tracker.
    Input(Input<'a>),
    /// Time of the entries that follow.
    Clock {
        /// CLOCK_MONOTONIC, ns.
        now_ns: u64,
    },
    /// End of a complete recording.
    End(End),
}

impl Entry<'_> {
    /// Writes the content and gives its kind.
    pub(crate) fn encode(&self, to: &mut Vec<u8>) -> u8 {
        match self {
            Self::Start(start) => {
                // Writing strings and numbers cannot fail; a reader would refuse the empty content.
                to.extend(serde_json::to_vec(start).unwrap_or_default());
                kind::START
            }
            Self::Input(input) => encode_input(input, to),
            Self::Clock { now_ns } => {
                put_u64(to, *now_ns);
                kind::CLOCK
            }
            Self::End(end) => {
                put_u64(to, end.ended_ns);
                put_u64(to, end.ended_at_ns);
                put_u64(to, end.lost);
                if let Some((user_ns, system_ns)) = end.command_cpu_ns {
                    put_u64(to, user_ns);
                    put_u64(to, system_ns);
                }
                kind::END
            }
        }
    }
}

fn encode_input(input: &Input<'_>, to: &mut Vec<u8>) -> u8 {
    match input {
        Input::Record(record) => {
            to.extend_from_slice(record);
            kind::RECORD
        }
        // Eight bytes, so that the records behind them stay aligned.
        Input::Sweep { records, last } => {
            put_u64(to, u64::from(*last));
            to.extend_from_slice(records);
            kind::SWEEP
        }
        Input::Watch { at_ns, records } => {
            put_u64(to, *at_ns);
            to.extend_from_slice(records);
            kind::WATCH
        }
        Input::Sockets { begun_ns, sockets } => {
            put_u64(to, *begun_ns);
            sockets.iter().for_each(|socket| put_seen(to, socket));
            kind::SOCKETS
        }
        Input::Resolved {
            entry,
            exe,
            container,
        } => {
            put_u32(to, *entry);
            put_text(to, exe.as_deref());
            put_text(to, container.as_deref());
            kind::RESOLVED
        }
        Input::Namespace {
            netns,
            range,
            reserved,
            time_wait,
        } => {
            put_u32(to, *netns);
            put_range(to, *range);
            put_u64(to, *time_wait);
            put_reserved(to, *reserved);
            kind::NAMESPACE
        }
        Input::UnseenNamespace { netns } => {
            put_u32(to, *netns);
            kind::UNSEEN_NAMESPACE
        }
        Input::RemovedNamespace { netns } => {
            put_u32(to, *netns);
            kind::REMOVED_NAMESPACE
        }
        Input::Counters(counters) => {
            counters.iter().for_each(|&value| put_u64(to, value));
            kind::COUNTERS
        }
        Input::Overflow(overflow) => {
            encode_overflow(overflow, to);
            kind::OVERFLOW
        }
        Input::LostAnswer {
            time_ns,
            cookie,
            id,
            flags,
        } => {
            put_words(to, &[*time_ns, *cookie]);
            put_u16(to, *id);
            put_u16(to, *flags);
            kind::LOST_ANSWER
        }
        Input::Sample { now_ns } => put_word(to, *now_ns, kind::SAMPLE),
        Input::Reset { now_ns, at_ns } => {
            put_words(to, &[*now_ns, *at_ns]);
            kind::RESET
        }
        Input::Loss { inputs } => put_word(to, *inputs, kind::LOSS),
        Input::Finish { now_ns } => put_word(to, *now_ns, kind::FINISH),
    }
}

fn put_words(to: &mut Vec<u8>, words: &[u64]) {
    words.iter().for_each(|&word| put_u64(to, word));
}

/// Writes an entry that consists of one number, and gives its kind.
fn put_word(to: &mut Vec<u8>, word: u64, kind: u8) -> u8 {
    put_u64(to, word);
    kind
}

fn put_range(to: &mut Vec<u8>, (low, high): (u16, u16)) {
    put_u16(to, low);
    put_u16(to, high);
}

/// Writes the counters, then the buckets that are not empty.
fn encode_overflow(overflow: &Overflow, to: &mut Vec<u8>) {
    put_u32(to, overflow.counts.len() as u32);
    overflow.counts.iter().for_each(|&value| put_u64(to, value));
    for (slot, &value) in (0u32..)
        .zip(&overflow.histograms)
        .filter(|(_, value)| **value != 0)
    {
        put_u32(to, slot);
        put_u64(to, value);
    }
}

/// Writes the number of reserved ports; none is left out, as in recordings of earlier builds.
fn put_reserved(to: &mut Vec<u8>, reserved: u32) {
    if reserved != 0 {
        put_u32(to, reserved);
    }
}

/// Reads an entry; None when the content is not what the kind says.
pub(crate) fn decode(kind: u8, content: &[u8]) -> Option<Entry<'_>> {
    let mut take = Take(content);
    let entry = match kind {
        kind::START => Entry::Start(serde_json::from_slice(take.rest()).ok()?),
        kind::CLOCK => Entry::Clock {
            now_ns: take.u64()?,
        },
        kind::END => Entry::End(End {
            ended_ns: take.u64()?,
            ended_at_ns: take.u64()?,
            lost: take.u64()?,
            command_cpu_ns: match take.0 {
                [] => None,
                _ => Some((take.u64()?, take.u64()?)),
            },
        }),
        _ => Entry::Input(decode_input(kind, &mut take)?),
    };
    take.0.is_empty().then_some(entry)
}

fn decode_input<'a>(kind: u8, take: &mut Take<'a>) -> Option<Input<'a>> {
    Some(match kind {
        kind::RECORD => Input::Record(take.rest()),
        kind::SWEEP => Input::Sweep {
            last: take.u64()? == 1,
            records: take.rest(),
        },
        kind::WATCH => Input::Watch {
            at_ns: take.u64()?,
            records: take.rest(),
        },
        kind::SOCKETS => Input::Sockets {
            begun_ns: take.u64()?,
            sockets: decode_sockets(take)?.into(),
        },
        kind::RESOLVED => Input::Resolved {
            entry: take.u32()?,
            exe: take.text()?.map(Cow::Borrowed),
            container: take.text()?.map(Cow::Borrowed),
        },
        kind::NAMESPACE => Input::Namespace {
            netns: take.u32()?,
            range: (take.u16()?, take.u16()?),
            time_wait: take.u64()?,
            reserved: match take.0 {
                [] => 0,
                _ => take.u32()?,
            },
        },
        kind::UNSEEN_NAMESPACE => Input::UnseenNamespace { netns: take.u32()? },
        kind::REMOVED_NAMESPACE => Input::RemovedNamespace { netns: take.u32()? },
        kind::COUNTERS => Input::Counters(decode_counters(take)?),
        kind::OVERFLOW => Input::Overflow(Cow::Owned(decode_overflow(take)?)),
        kind::LOST_ANSWER => Input::LostAnswer {
            time_ns: take.u64()?,
            cookie: take.u64()?,
            id: take.u16()?,
            flags: take.u16()?,
        },
        kind::SAMPLE => Input::Sample {
            now_ns: take.u64()?,
        },
        kind::RESET => Input::Reset {
            now_ns: take.u64()?,
            at_ns: take.u64()?,
        },
        kind::LOSS => Input::Loss {
            inputs: take.u64()?,
        },
        kind::FINISH => Input::Finish {
            now_ns: take.u64()?,
        },
        _ => return None,
    })
}

fn decode_sockets(take: &mut Take<'_>) -> Option<Vec<tracer_core::time_wait::Seen>> {
    let mut sockets = Vec::new();
    while !take.0.is_empty() {
        sockets.push(take.seen()?);
    }
    Some(sockets)
}

/// Reads the counters. Those that an older build did not have stay zero.
fn decode_counters(take: &mut Take<'_>) -> Option<[u64; Counter::COUNT as usize]> {
    let mut counters = [0; Counter::COUNT as usize];
    for value in &mut counters {
        if take.0.is_empty() {
            break;
        }
        *value = take.u64()?;
    }
    Some(counters)
}

fn decode_overflow(take: &mut Take<'_>) -> Option<Overflow> {
    let there = take.u32()?;
    if there > Count::COUNT {
        return None;
    }
    let counts: Option<Vec<u64>> = (0..there).map(|_| take.u64()).collect();
    let mut counts = counts?;
    // Those that an older build did not have.
    counts.resize(Count::COUNT as usize, 0);
    let mut histograms = vec![0; (Histogram::COUNT * BUCKETS) as usize];
    while !take.0.is_empty() {
        let slot = histograms.get_mut(take.u32()? as usize)?;
        *slot = take.u64()?;
    }
    Some(Overflow { histograms, counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Earlier builds had fewer counters.
    #[test]
    fn of_an_earlier_build() {
        let counters: Vec<u8> = [1_u64, 2, 3].iter().flat_map(|n| n.to_le_bytes()).collect();
        let Some(Entry::Input(Input::Counters(got))) = decode(kind::COUNTERS, &counters) else {
            panic!("no counters");
        };
        assert_eq!(
            (&got[..3], got[3..].iter().sum::<u64>()),
            (&[1, 2, 3][..], 0)
        );
        let overflow = [&3_u32.to_le_bytes()[..], &counters].concat();
        let Some(Entry::Input(Input::Overflow(got))) = decode(kind::OVERFLOW, &overflow) else {
            panic!("no overflow");
        };
        assert_eq!(got.counts.len(), Count::COUNT as usize);
        assert_eq!(
            (&got.counts[..3], got.counts[3..].iter().sum::<u64>()),
            (&[1, 2, 3][..], 0)
        );
    }

    #[test]
    fn more_counters_than_there_are() {
        let counters = vec![0; 8 * (Counter::COUNT as usize + 1)];
        assert_eq!(decode(kind::COUNTERS, &counters), None);
        assert_eq!(decode(kind::COUNTERS, &counters[..12]), None);
        let overflow = (Count::COUNT + 1).to_le_bytes();
        assert_eq!(decode(kind::OVERFLOW, &overflow), None);
    }
}
