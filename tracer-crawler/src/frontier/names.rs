//! Names of hosts by number, and numbers by name. A crawl may meet millions of hosts, so all names are in one text, and
//! the index has four bytes per slot.

use std::hash::{BuildHasher, RandomState};

/// Marks a slot without a host.
const EMPTY: u32 = u32::MAX;
/// Number of slots of the first index.
const FIRST_SLOTS: usize = 64;

/// Number of a host, in the order of first appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct HostId(pub(super) u32);

#[derive(Debug, Default)]
pub(super) struct Names {
    /// All names, in the order of their numbers.
    text: String,
    /// End of each name in the text.
    ends: Vec<usize>,
    /// Numbers of hosts by the hash of their name, with linear probing. The number of slots is a power of two, and at
    /// most three quarters are filled.
    slots: Vec<u32>,
    hasher: RandomState,
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, id: HostId) -> &str {
        let at = id.0 as usize;
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[at]]
    }

    pub(super) fn find(&self, name: &str) -> Option<HostId> {
        if self.slots.is_empty() {
            return None;
        }
        let found = self.slots[self.slot_of(name)];
        (found != EMPTY).then_some(HostId(found))
    }

    /// Adds a name that is not in the table yet.
    pub(super) fn insert(&mut self, name: &str) -> HostId {
        if (self.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        // The numbers cannot run out: so many hosts would exhaust the memory long before.
        let id = HostId(u32::try_from(self.len()).unwrap_or(EMPTY - 1));
        let slot = self.slot_of(name);
        self.slots[slot] = id.0;
        self.text.push_str(name);
        self.ends.push(self.text.len());
        id
    }

    /// Slot of a name, or the empty slot where it belongs.
    fn slot_of(&self, name: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(name) as usize & mask;
        while self.slots[slot] != EMPTY && self.get(HostId(self.slots[slot])) != name {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(FIRST_SLOTS);
        // The old slots are freed before the new ones are allocated, to keep the peak of memory low.
        self.slots = Vec::new();
        self.slots = vec![EMPTY; slots];
        for number in 0..self.len() {
            let id = HostId(u32::try_from(number).unwrap_or(EMPTY - 1));
            let slot = self.slot_of(self.get(id));
            self.slots[slot] = id.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_number() {
        let name = |number: u32| format!("host-{number}.example:{}", number % 7);
        let mut names = Names::default();
        assert_eq!(names.find("host-0.example:0"), None);
        for number in 0..10_000 {
            assert_eq!(names.find(&name(number)), None);
            assert_eq!(names.insert(&name(number)), HostId(number));
        }
        for number in 0..10_000 {
            assert_eq!(names.find(&name(number)), Some(HostId(number)));
            assert_eq!(names.get(HostId(number)), name(number));
        }
        assert_eq!(names.find("host-10000.example:0"), None);
        assert_eq!(names.len(), 10_000);
    }
}
