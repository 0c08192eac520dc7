//! Histogram as a list, as long as it has few buckets.

use std::borrow::Cow;

/// List of (bucket index, count) without zero counts. The list is sorted up to a place; new entries wait behind it, in
/// any order, and an index may occur several times there and in the sorted part. So not every new entry moves half of
/// the list.
#[derive(Debug, Clone, Default)]
pub(super) struct Few {
    /// Used entries, followed by free room.
    entries: Box<[(u32, u32)]>,
    used: u16,
    sorted: u16,
    /// True if a count is so large that the list accepts no more samples.
    full: bool,
}

/// Limit of the buckets. More are kept as pages, which then are no larger and need no sorting.
pub(super) const FEW: usize = 768;
/// Room for the first entries. An odd number fits the block sizes of an allocator.
const FIRST_ROOM: usize = 9;
/// Limit of the waiting entries.
const MAX_WAITING: usize = 64;
/// Length of the sorted part up to which a bucket is searched for before its entry waits; a longer part is seldom in
/// the CPU's cache.
const SHORT: usize = 64;
/// Limit of a count; larger ones are kept as pages.
const MAX_COUNT: u32 = u32::MAX / 2;

impl Few {
    fn used(&self) -> &[(u32, u32)] {
        &self.entries[..self.used.into()]
    }

    fn find(&self, index: u32) -> Result<usize, usize> {
        let sorted = &self.entries[..self.sorted.into()];
        sorted.binary_search_by_key(&index, |&(known, _)| known)
    }

    /// Number of samples in wanted buckets.
    pub(super) fn count_of(&self, wanted: impl Fn(u32) -> bool) -> u64 {
        let entries = self.used().iter();
        let wanted = entries.filter(|&&(index, _)| wanted(index));
        wanted.map(|&(_, count)| u64::from(count)).sum()
    }

    /// Adds samples. Returns false, without a change, when the list would grow too long or a count too large.
    pub(super) fn add(&mut self, index: u32, count: u64) -> bool {
        if self.full || usize::from(self.used) >= FEW && !self.has_room_sorted() {
            return false;
        }
        match u32::try_from(count) {
            Ok(1) => self.add_one(index),
            Ok(count) if count <= MAX_COUNT => self.add_many(index, count),
            _ => return false,
        }
        true
    }

    fn has_room_sorted(&mut self) -> bool {
        self.sort();
        usize::from(self.used) < FEW
    }

    fn add_one(&mut self, index: u32) {
        let sorted = usize::from(self.sorted);
        if sorted <= SHORT
            && let Ok(at) = self.find(index)
        {
            self.raise(at, 1);
            return;
        }
        self.push(index, 1);
        let most = if sorted <= SHORT {
            sorted / 16
        } else {
            (sorted / 8).min(MAX_WAITING - 1)
        };
        if usize::from(self.used) - sorted > most {
            self.sort();
        }
    }

    /// Adds several samples, which never wait: only single samples do.
    fn add_many(&mut self, index: u32, count: u32) {
        self.sort();
        if let Ok(at) = self.find(index) {
            self.raise(at, count);
        } else {
            self.push(index, count);
            self.sort();
        }
    }

    /// Raises a count. Counts stay below twice [`MAX_COUNT`], since after the first larger one no samples are added.
    fn raise(&mut self, at: usize, count: u32) {
        self.entries[at].1 += count;
        self.full |= self.entries[at].1 >= MAX_COUNT - MAX_WAITING as u32;
    }

    fn push(&mut self, index: u32, count: u32) {
        let used = usize::from(self.used);
        if used == self.entries.len() {
            let room = FIRST_ROOM.max(used + used / 2) | 1;
            let mut entries = std::mem::take(&mut self.entries).into_vec();
            entries.reserve_exact(room - used);
            entries.resize(room, (0, 0));
            self.entries = entries.into();
        }
        self.entries[used] = (index, count);
        self.used += 1;
    }

    /// Merges the waiting entries into the sorted ones.
    fn sort(&mut self) {
        let (sorted, used) = (usize::from(self.sorted), usize::from(self.used));
        let mut new = [(0u32, 0u32); MAX_WAITING];
        let new = &mut new[..used - sorted];
        new.copy_from_slice(&self.entries[sorted..used]);
        let new = fold_equal(new);
        let new = self.raise_known(new);
        self.insert(new);
    }

    /// Adds the counts of new entries that the sorted part already has, and returns the rest of the slice.
    fn raise_known<'a>(&mut self, new: &'a mut [(u32, u32)]) -> &'a [(u32, u32)] {
        let (mut at, mut kept) = (0, 0);
        for next in 0..new.len() {
            let (index, count) = new[next];
            let sorted = &self.entries[at..self.sorted.into()];
            at += sorted.iter().take_while(|known| known.0 < index).count();
            if at < self.sorted.into() && self.entries[at].0 == index {
                self.raise(at, count);
            } else {
                new[kept] = (index, count);
                kept += 1;
            }
        }
        &new[..kept]
    }

    /// Inserts new sorted entries in their places, beginning at the end.
    fn insert(&mut self, new: &[(u32, u32)]) {
        let (mut old, mut left) = (usize::from(self.sorted), new.len());
        self.used = (old + left) as u16;
        self.sorted = self.used;
        while left > 0 {
            let to = old + left - 1;
            if old > 0 && self.entries[old - 1].0 > new[left - 1].0 {
                self.entries[to] = self.entries[old - 1];
                old -= 1;
            } else {
                self.entries[to] = new[left - 1];
                left -= 1;
            }
        }
    }

    /// All entries, ascending, each bucket once.
    pub(super) fn in_order(&self) -> Cow<'_, [(u32, u32)]> {
        if self.sorted == self.used {
            return Cow::Borrowed(self.used());
        }
        let mut copy = self.clone();
        copy.sort();
        Cow::Owned(copy.used().to_vec())
    }

    /// Removes a sample; false when there is none.
    pub(super) fn take(&mut self, index: u32) -> bool {
        self.sort();
        let Ok(at) = self.find(index) else {
            return false;
        };
        self.entries[at].1 -= 1;
        if self.entries[at].1 == 0 {
            self.entries.copy_within(at + 1..self.used.into(), at);
            self.used -= 1;
            self.sorted -= 1;
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == 0
    }
}

/// Sorts entries and adds up the counts of equal buckets; returns the used part of the slice.
fn fold_equal(entries: &mut [(u32, u32)]) -> &mut [(u32, u32)] {
    entries.sort_unstable();
    let mut kept = 0usize;
    for at in 0..entries.len() {
        let (index, count) = entries[at];
        match kept.checked_sub(1) {
            Some(last) if entries[last].0 == index => entries[last].1 += count,
            _ => {
                entries[kept] = (index, count);
                kept += 1;
            }
        }
    }
    &mut entries[..kept]
}
