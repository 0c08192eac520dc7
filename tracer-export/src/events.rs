//! Records from the kernel, and every way one can get lost.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::is_absent;

/// Numbers of records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Events {
    /// Read from the kernel.
    pub received: u64,
    /// Found the ring buffer full, and are in no figure.
    pub lost: u64,
    /// Had a wrong kind, version or length.
    pub undecodable: u64,
    /// Found the ring buffer full, and are in the totals only.
    pub overflowed: u64,
    /// Sockets, processes and segments for which a kernel map had no room.
    pub map_full: u64,
    /// Connections, lookups and names dropped from full tables.
    pub evicted: u64,
    /// Records of connections that the table does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmatched: Option<u64>,
    /// Entries that the recording of a replay lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_recorded: Option<u64>,
    /// Durations left out because their end has an earlier time than their beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_durations: Option<u64>,
    /// Counters of the kernel programs by name.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub by_counter: IndexMap<String, u64>,
}

impl Events {
    /// Number of records, connections, hosts and durations that are missing in the figures.
    pub fn losses(&self) -> u64 {
        let negative_durations = self.negative_durations.unwrap_or(0);
        [
            self.lost,
            self.undecodable,
            self.map_full,
            self.evicted,
            negative_durations,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}
