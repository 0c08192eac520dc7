//! Table of figures with a limit: new entries replace those without open connections and with the least activity.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use crate::group::Group;

/// Entry that has figures.
pub(crate) trait Entry {
    /// Figures of the entry, shared with snapshots.
    fn group(&self) -> &Arc<Group>;
    /// Figures of the entry, to be changed. Before a change they are copied if a snapshot still holds them.
    fn group_mut(&mut self) -> &mut Arc<Group>;
}

/// Table of entries by id. An id is never used twice, so the id of a removed entry finds nothing.
#[derive(Debug)]
pub(crate) struct Entries<T> {
    by_id: HashMap<u32, T, BuildHasherDefault<NumberHasher>>,
    next: u32,
    limit: usize,
    folded: u64,
    /// Receives the figures of removed entries.
    rest: Group,
}

/// Reciprocal of the share of entries removed at a time, so that choosing them costs little per new entry.
const BATCH: usize = 16;

impl<T: Entry> Entries<T> {
    pub(crate) fn with_limit(limit: usize) -> Self {
        Self {
            by_id: HashMap::default(),
            next: 0,
            limit,
            folded: 0,
            rest: Group::default(),
        }
    }

    /// True if the table is full, so that [`Self::fold`] has to run before the next entry is added.
    pub(crate) fn is_full(&self) -> bool {
        self.by_id.len() >= self.limit
    }

    /// Adds an entry and returns its id.
    pub(crate) fn add(&mut self, entry: T) -> u32 {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        self.by_id.insert(id, entry);
        id
    }

    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.by_id.get_mut(&id)
    }

    /// Figures of an entry. Those for a removed entry are discarded; the totals contain them too.
    pub(crate) fn group_mut(&mut self, id: u32) -> &mut Group {
        match self.by_id.get_mut(&id) {
            Some(entry) => Arc::make_mut(entry.group_mut()),
            None => &mut self.rest,
        }
    }

    /// Every entry, in no order.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.by_id.values_mut()
    }

    /// Number of removed entries that had figures.
    pub(crate) fn folded(&self) -> u64 {
        self.folded
    }

    /// Counts an entry that could not be added.
    pub(crate) fn count_folded(&mut self) {
        self.folded += 1;
    }

    /// Removes entries without open connections and returns them: first those without figures, then those with the
    /// least activity, the oldest first. Returns none if all have open connections.
    pub(crate) fn fold(&mut self) -> Vec<T> {
        let idle = self.by_id.iter().filter(|(_, entry)| {
            let now = &entry.group().connections;
            now.open_now == 0 && now.connecting_now == 0
        });
        let mut idle: Vec<(u64, u32)> = idle
            .map(|(&id, entry)| (activity(entry.group()), id))
            .collect();
        let count = (self.limit / BATCH).max(1).min(idle.len());
        if count < idle.len() {
            idle.select_nth_unstable(count);
        }
        let gone = idle[..count]
            .iter()
            .filter_map(|(_, id)| self.by_id.remove(id));
        let gone: Vec<T> = gone.collect();
        let had_figures = gone.iter().filter(|entry| !entry.group().is_empty());
        self.folded += had_figures.count() as u64;
        gone
    }

    /// Entries with figures, in order of appearance.
    pub(crate) fn shown(&self) -> Vec<&T> {
        let shown = self
            .by_id
            .iter()
            .filter(|(_, entry)| !entry.group().is_empty());
        let mut shown: Vec<(u32, &T)> = shown.map(|(&id, entry)| (id, entry)).collect();
        shown.sort_unstable_by_key(|&(id, _)| id);
        shown.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Entries for which nothing has been counted, in order of appearance.
    pub(crate) fn without_figures(&self) -> impl Iterator<Item = &T> {
        let all = self.by_id.iter();
        let mut all: Vec<(u32, &T)> = all
            .filter(|(_, entry)| entry.group().is_empty())
            .map(|(&id, entry)| (id, entry))
            .collect();
        all.sort_unstable_by_key(|&(id, _)| id);
        all.into_iter().map(|(_, entry)| entry)
    }

    /// Clears all figures; ids stay valid.
    pub(crate) fn reset(&mut self, empty: fn() -> Group) {
        for entry in self.by_id.values_mut() {
            *entry.group_mut() = Arc::new(empty());
        }
        self.rest = Group::default();
        self.folded = 0;
    }
}

fn activity(group: &Group) -> u64 {
    group.connections.opened + group.connections.adopted + group.requests.count + group.dns.queries
}

/// Hasher for keys that are numbers chosen by tracer or the kernel, and not by a peer: one multiplication spreads them
/// well enough.
#[derive(Debug, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        // The high half of the product depends on every bit, and the table needs that in the low bits too.
        let product = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Entry for Arc<Group> {
        fn group(&self) -> &Arc<Group> {
            self
        }

        fn group_mut(&mut self) -> &mut Arc<Group> {
            self
        }
    }

    /// Entries that opened these numbers of connections, of which the last entry's are still open.
    fn entries(limit: usize, opened: &[u64]) -> Entries<Arc<Group>> {
        let mut entries = Entries::with_limit(limit);
        for (at, &count) in opened.iter().enumerate() {
            let mut group = Group::default();
            group.connections.opened = count;
            group.connections.open_now = u64::from(at + 1 == opened.len());
            entries.add(Arc::new(group));
        }
        entries
    }

    fn left(entries: &Entries<Arc<Group>>) -> Vec<u64> {
        let shown = entries.shown().into_iter();
        shown.map(|group| group.connections.opened).collect()
    }

    #[test]
    fn the_least_busy_give_way() {
        let mut few = entries(32, &[5, 0, 2, 9, 1]);
        assert_eq!(few.fold().len(), 2);
        assert_eq!((left(&few), few.folded()), (vec![5, 9, 1], 1));
        few.fold();
        assert_eq!((left(&few), few.folded()), (vec![1], 3));
        assert!(few.fold().is_empty(), "what is open stays");
    }

    #[test]
    fn an_old_id_finds_nothing() {
        let mut few = entries(1, &[3, 4]);
        few.fold();
        few.group_mut(0).connections.opened += 1;
        let added = few.add(Arc::default());
        assert_eq!((added, left(&few)), (2, vec![4]));
        assert!(few.get(0).is_none());
    }

    #[test]
    fn numbers_are_spread() {
        let low_bits = |number: u64| {
            let mut hasher = NumberHasher::default();
            hasher.write_u64(number);
            hasher.finish() & 0xffff
        };
        for step in [1, 4096, 1 << 32, 1 << 48] {
            let seen: std::collections::HashSet<u64> =
                (0..10_000).map(|i| low_bits(i * step)).collect();
            // Random values would give 9270.
            assert!(seen.len() > 6000, "{step}: {}", seen.len());
        }
    }
}
