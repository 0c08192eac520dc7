//! Hash table with open addressing and linear probing over a ring of 64-bit slots.
//!
//! The home slot of a fingerprint is in proportion to its value (multiply and shift), not its remainder. So any number
//! of slots is possible, growing by half keeps every table at least half full, and a larger table is filled from front
//! to back.

use zerocopy::FromBytes;

use super::{DedupError, Fingerprint};

/// Storage of the slots: 0 is empty, everything else a fingerprint in the machine's byte order.
pub(super) trait Slots {
    /// Slots to read.
    fn slots(&self) -> &[u64];
    /// Slots to write.
    fn slots_mut(&mut self) -> &mut [u64];
}

impl Slots for Vec<u64> {
    fn slots(&self) -> &[u64] {
        self
    }

    fn slots_mut(&mut self) -> &mut [u64] {
        self
    }
}

/// Part of a mapped file after its header.
pub(super) struct Mapped {
    pub(super) map: memmap2::MmapMut,
    pub(super) offset: usize,
}

impl Slots for Mapped {
    fn slots(&self) -> &[u64] {
        // The map begins at a page boundary and the header is one whole page, so length and alignment are always right.
        <[u64]>::ref_from_bytes(&self.map[self.offset..]).unwrap_or(&[])
    }

    fn slots_mut(&mut self) -> &mut [u64] {
        <[u64]>::mut_from_bytes(&mut self.map[self.offset..]).unwrap_or(&mut [])
    }
}

/// Fingerprints, their number, and their exclusive or.
pub(super) struct Table<S> {
    slots: S,
    /// Number of slots, always more than are filled.
    count: u64,
    len: u64,
    sum: u64,
}

impl Table<Vec<u64>> {
    pub(super) fn new(count: u64) -> Self {
        Self::empty(vec![0; count as usize], count)
    }

    /// Copy with the same fingerprints and more slots.
    pub(super) fn grown(&self, count: u64) -> Self {
        let mut larger = Self::new(count);
        self.copy_to(&mut larger);
        larger
    }
}

impl<S: Slots> Table<S> {
    /// Makes a table over slots that are all zero.
    pub(super) fn empty(slots: S, count: u64) -> Self {
        Self {
            slots,
            count,
            len: 0,
            sum: 0,
        }
    }

    /// Makes a table over slots with content; `None` if a fingerprint is at a place where no probe from its home would
    /// find it.
    pub(super) fn checked(slots: S, count: u64) -> Option<Self> {
        let mut table = Self::empty(slots, count);
        let slots = table.slots.slots();
        let first = slots.iter().position(|&slot| slot == 0)? as u64;
        // One round of the ring from the first empty slot; the slots before it belong to the next round.
        let mut reachable_from = first;
        for (at, &slot) in (first..).zip(
            slots[first as usize..]
                .iter()
                .chain(&slots[..first as usize]),
        ) {
            let home = home(Fingerprint(slot), count);
            let home = if home < first { home + count } else { home };
            if slot == 0 {
                reachable_from = at + 1;
            } else if home < reachable_from || home > at {
                return None;
            } else {
                table.len += 1;
                table.sum ^= slot;
            }
        }
        Some(table)
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn sum(&self) -> u64 {
        self.sum
    }

    pub(super) fn slots(&self) -> u64 {
        self.count
    }

    pub(super) fn storage(&self) -> &S {
        &self.slots
    }

    pub(super) fn storage_mut(&mut self) -> &mut S {
        &mut self.slots
    }

    pub(super) fn bytes(&self) -> u64 {
        self.count * 8
    }

    /// Number of slots of the next size: half as many again.
    pub(super) fn larger(&self) -> Result<u64, DedupError> {
        let larger = self.count + self.count / 2;
        let fits = usize::try_from(larger.saturating_mul(8))
            .is_ok_and(|bytes| isize::try_from(bytes).is_ok());
        if fits {
            Ok(larger)
        } else {
            Err(DedupError::TooBig { slots: self.count })
        }
    }

    #[inline]
    pub(super) fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.probe(fingerprint).is_some_and(|(_, found)| found)
    }

    /// Inserts a fingerprint: true if it is new, false if not, `None` if the table is full and has to grow.
    #[inline]
    pub(super) fn insert(&mut self, fingerprint: Fingerprint) -> Option<bool> {
        let (at, found) = self.probe(fingerprint)?;
        if found {
            return Some(false);
        }
        // Above four fifths probes get long. After growth 8/15 are filled, so a URL never takes more than 15 bytes.
        if self.len >= self.count / 5 * 4 {
            return None;
        }
        *self.slots.slots_mut().get_mut(at)? = fingerprint.0;
        self.len += 1;
        self.sum ^= fingerprint.0;
        Some(true)
    }

    /// Slot that holds the fingerprint, or the first empty one from its home. `None` only if no slot is empty.
    #[inline]
    fn probe(&self, fingerprint: Fingerprint) -> Option<(usize, bool)> {
        let home = home(fingerprint, self.count) as usize;
        let ends = |slot: &u64| *slot == 0 || *slot == fingerprint.0;
        let (before, after) = self.slots.slots().split_at_checked(home)?;
        let at = match after.iter().position(ends) {
            Some(steps) => home + steps,
            None => before.iter().position(ends)?,
        };
        Some((at, *self.slots.slots().get(at)? != 0))
    }

    /// Inserts all fingerprints into an empty, larger table.
    pub(super) fn copy_to<T: Slots>(&self, larger: &mut Table<T>) {
        for &slot in self.slots.slots().iter().filter(|&&slot| slot != 0) {
            larger.insert(Fingerprint(slot));
        }
    }
}

fn home(fingerprint: Fingerprint, count: u64) -> u64 {
    ((u128::from(fingerprint.0) * u128::from(count)) >> 64) as u64
}
