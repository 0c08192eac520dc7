//! Figures of lookups, by group and by name.

use std::{collections::HashMap, sync::Arc};

use super::{lookup::End, message::rcode};
use crate::{elapsed::Timed, group::Group, latency::Latency};

/// Change to the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A lookup begins.
    Asked {
        /// True if the process already had an answer with an unexpired TTL.
        repeated: bool,
    },
    /// The query is sent again.
    Again,
    /// The query is sent again over TCP.
    OverTcp,
    /// A lookup ended.
    Ended {
        /// Way in which the lookup ended.
        end: End,
        /// Time since the first query.
        took: Timed,
    },
}

impl Group {
    /// Counts a change to a lookup.
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

/// Limit of names with figures of their own.
const MAX_NAMES: usize = 10_000;
/// Limit of names in a snapshot, which are those looked up most.
const SHOWN: usize = 1000;

/// Lookups of one name, of all types and by all processes.
#[derive(Debug, Clone)]
pub struct NameFigures {
    /// Name in the query.
    pub name: Arc<str>,
    /// Lookups begun.
    pub queries: u64,
    /// Lookups that failed.
    pub failures: u64,
    /// Durations of answered lookups.
    pub answered: Latency,
}

/// Figures of lookups by name.
#[derive(Debug, Default)]
pub struct NameTable {
    entries: HashMap<Arc<str>, NameFigures>,
    folded: u64,
}

impl NameTable {
    /// Counts a change to a lookup of a name.
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

    /// Number of lookups of names for which there was no room.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    /// Figures of the names looked up most, in descending order.
    pub fn views(&self) -> Vec<NameFigures> {
        let mut all: Vec<&NameFigures> = self.entries.values().collect();
        all.sort_unstable_by(|a, b| b.queries.cmp(&a.queries).then_with(|| a.name.cmp(&b.name)));
        all.into_iter().take(SHOWN).cloned().collect()
    }
}
