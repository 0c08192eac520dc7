//! Map that drops its oldest keys.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Map with a limit of keys; beyond it a new key displaces the one that was added first.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
    limit: usize,
    evicted: u64,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    /// Makes an empty map.
    pub(super) fn with_limit(limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
            limit,
            evicted: 0,
        }
    }

    /// Sets the value of a key.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if let Some(known) = self.entries.get_mut(&key) {
            *known = value;
            return;
        }
        if self.entries.len() >= self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
            self.evicted += 1;
        }
        self.order.push_back(key.clone());
        self.entries.insert(key, value);
    }

    /// Value of a key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// Takes the value of a key out. The key keeps its place in the order.
    pub(super) fn take(&mut self, key: &K) -> Option<V>
    where
        V: Default,
    {
        self.entries.get_mut(key).map(std::mem::take)
    }

    /// Number of keys that were displaced.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Number of keys.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first() {
        let mut map = Bounded::with_limit(2);
        for (key, value) in [(1, 'a'), (2, 'b'), (1, 'c'), (3, 'd')] {
            map.insert(key, value);
        }
        assert_eq!(
            (map.get(&1), map.get(&2), map.get(&3)),
            (None, Some(&'b'), Some(&'d'))
        );
        assert_eq!((map.len(), map.evicted()), (2, 1));
    }
}
