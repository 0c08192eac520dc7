//! Figures of lookups: of a group, and by the name asked.

use std::{collections::HashMap, sync::Arc};

use super::{lookup::End, message::rcode};
use crate::{elapsed::Timed, group::Group, latency::Latency};

/// Counts of lookups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dns {
    /// Lookups begun: queries that are not another one asked again.
    pub queries: u64,
    /// Lookups answered without error.
    pub answered: u64,
    /// Lookups that failed.
    pub failed: DnsFailed,
    /// Queries sent again for want of an answer.
    pub retries: u64,
    /// Queries sent again over TCP because the answer was truncated.
    pub truncated: u64,
    /// Lookups by a process that had the answer already, its TTL not over.
    pub repeated_within_ttl: u64,
}

/// Why lookups failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DnsFailed {
    /// No such name.
    pub nxdomain: u64,
    /// The server failed.
    pub servfail: u64,
    /// No answer.
    pub timeout: u64,
    /// Any other response code.
    pub other: u64,
}

impl DnsFailed {
    /// Of all reasons.
    pub fn total(&self) -> u64 {
        self.nxdomain + self.servfail + self.timeout + self.other
    }
}

/// What happens to the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A lookup begins; `repeated` when the process had the answer already.
    Asked {
        /// The answer's TTL was not over.
        repeated: bool,
    },
    /// Asked again.
    Again,
    /// Asked again over TCP.
    OverTcp,
    /// A lookup ended.
    Ended {
        /// How.
        end: End,
        /// From the first query.
        took: Timed,
    },
}

impl Group {
    /// Counts what happened to a lookup.
    pub fn look_up(&mut self, change: Change) {
        let dns = &mut self.dns;
        match change {
            Change::Asked { repeated } => {
                dns.queries += 1;
                dns.repeated_within_ttl += u64::from(repeated);
            }
            Change::Again => dns.retries += 1,
            Change::OverTcp => dns.truncated += 1,
            Change::Ended {
                end: End::Answer(rcode::NOERROR),
                took,
            } => {
                dns.answered += 1;
                self.time(|phases| &mut phases.dns, took);
            }
            Change::Ended { end, took } => {
                *dns.failed.slot(end) += 1;
                self.time(|phases| &mut phases.dns_failed, took);
            }
        }
    }
}

impl DnsFailed {
    fn slot(&mut self, end: End) -> &mut u64 {
        match end {
            End::Answer(rcode::NXDOMAIN) => &mut self.nxdomain,
            End::Answer(rcode::SERVFAIL) => &mut self.servfail,
            End::Answer(_) => &mut self.other,
            End::Timeout => &mut self.timeout,
        }
    }
}

/// Names with figures of their own.
const MAX_NAMES: usize = 10_000;
/// Names in a snapshot, those asked most.
const SHOWN: usize = 1000;

/// Lookups of one name, of all types and by all processes.
#[derive(Debug, Clone)]
pub struct NameFigures {
    /// The name.
    pub name: Arc<str>,
    /// Lookups begun.
    pub queries: u64,
    /// Lookups that failed.
    pub failures: u64,
    /// Durations of the answered ones.
    pub answered: Latency,
}

/// By name.
#[derive(Debug, Default)]
pub struct NameTable {
    entries: HashMap<Arc<str>, NameFigures>,
    folded: u64,
}

impl NameTable {
    /// Counts what happened to a lookup of a name.
    pub fn look_up(&mut self, name: &str, change: Change) {
        if !self.entries.contains_key(name) {
            if self.entries.len() >= MAX_NAMES {
                self.folded += u64::from(matches!(change, Change::Asked { .. }));
                return;
            }
            let name: Arc<str> = name.into();
            let figures = NameFigures {
                name: Arc::clone(&name),
                queries: 0,
                failures: 0,
                answered: Latency::default(),
            };
            self.entries.insert(name, figures);
        }
        let Some(figures) = self.entries.get_mut(name) else {
            return;
        };
        match change {
            Change::Asked { .. } => figures.queries += 1,
            Change::Ended {
                end: End::Answer(rcode::NOERROR),
                took,
            } => {
                if let Some(duration_ns) = took.known_ns() {
                    figures.answered.record(duration_ns);
                }
            }
            Change::Ended { .. } => figures.failures += 1,
            Change::Again | Change::OverTcp => {}
        }
    }

    /// Lookups of names that found no place.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    /// Those asked most, the most asked first.
    pub fn views(&self) -> Vec<NameFigures> {
        let mut all: Vec<&NameFigures> = self.entries.values().collect();
        all.sort_unstable_by(|a, b| b.queries.cmp(&a.queries).then_with(|| a.name.cmp(&b.name)));
        all.into_iter().take(SHOWN).cloned().collect()
    }
}
