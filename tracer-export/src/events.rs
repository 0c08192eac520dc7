//! Records from the kernel, and every way one can get lost.

use indexmap::IndexMap;

object! {
    /// Numbers of records.
    pub struct Events {
        /// Read from the kernel.
        received: Option<u64>,
        /// In no figure: they found the ring buffer full, or the kernel skipped the program that writes them.
        lost: Option<u64>,
        /// Had a wrong kind, version or length.
        undecodable: Option<u64>,
        /// Found the ring buffer full, and are in the totals only.
        overflowed: Option<u64>,
        /// Sockets, processes and segments for which a kernel map had no room.
        map_full: Option<u64>,
        /// Connections, lookups and names dropped from full tables.
        evicted: Option<u64>,
        /// Records of connections that the table does not hold.
        unmatched: Option<u64>,
        /// Entries that the recording of a replay lacks.
        not_recorded: Option<u64>,
        /// Durations left out because their end has an earlier time than their beginning.
        negative_durations: Option<u64>,
        /// Counters of the kernel programs by name, in their order.
        by_counter: IndexMap<String, u64>,
    }
}

impl Events {
    /// Number of records, connections, hosts and durations that are missing in the figures; `None` when the export does
    /// not say. Older exports have no `negative_durations`.
    pub fn losses(&self) -> Option<u64> {
        let negative_durations = self.negative_durations.or(Some(0));
        [
            self.lost,
            self.undecodable,
            self.map_full,
            self.evicted,
            negative_durations,
        ]
        .into_iter()
        .sum()
    }
}
