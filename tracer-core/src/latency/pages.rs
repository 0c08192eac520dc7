//! Histogram as an array of counts, from the smallest bucket used to the largest.

use super::BEYOND;

/// Counts with one byte per bucket, and a list of carries for larger ones: most buckets have few samples.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    counts: Box<[u8]>,
    /// Bucket of the first count, a multiple of [`PAGE`].
    first: u32,
    /// Number of overflows of a bucket's byte as (bucket, number), in order.
    carries: Vec<(u32, u64)>,
    beyond: u64,
    count: u64,
}

/// Number of buckets by which the array grows.
const PAGE: u32 = 256;

impl Pages {
    pub(super) fn of(entries: &[(u32, u32)]) -> Self {
        let mut pages = Self::default();
        for &(index, count) in entries {
            pages.add(index, u64::from(count));
        }
        pages
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    pub(super) fn add(&mut self, index: u32, count: u64) {
        self.count += count;
        if index == BEYOND {
            self.beyond += count;
            return;
        }
        let slot = self.slot(index);
        let sum = u64::from(*slot) + count;
        *slot = sum as u8;
        if sum >> u8::BITS != 0 {
            self.carry(index, sum >> u8::BITS);
        }
    }

    #[cold]
    fn carry(&mut self, index: u32, times: u64) {
        match self.find_carry(index) {
            Ok(at) => self.carries[at].1 += times,
            Err(at) => self.carries.insert(at, (index, times)),
        }
    }

    fn find_carry(&self, index: u32) -> Result<usize, usize> {
        self.carries
            .binary_search_by_key(&index, |&(known, _)| known)
    }

    /// Removes a sample; false when there is none.
    pub(super) fn take(&mut self, index: u32) -> bool {
        if index == BEYOND {
            let there = self.beyond != 0;
            self.beyond -= u64::from(there);
            self.count -= u64::from(there);
            return there;
        }
        let carry = self.find_carry(index);
        let slot = self.slot(index);
        match (*slot, carry) {
            (0, Err(_)) => return false,
            (0, Ok(at)) => {
                *slot = u8::MAX;
                self.carries[at].1 -= 1;
                if self.carries[at].1 == 0 {
                    self.carries.remove(at);
                }
            }
            _ => *slot -= 1,
        }
        self.count -= 1;
        true
    }

    fn slot(&mut self, index: u32) -> &mut u8 {
        let at = index.wrapping_sub(self.first) as usize;
        if at >= self.counts.len() {
            self.widen(index);
        }
        &mut self.counts[(index - self.first) as usize]
    }

    /// Makes room for a bucket below or above the others.
    #[cold]
    fn widen(&mut self, index: u32) {
        let page = index / PAGE * PAGE;
        let end = self.first + self.counts.len() as u32;
        let (first, end) = match self.counts.len() {
            0 => (page, page + PAGE),
            _ => (self.first.min(page), end.max(page + PAGE)),
        };
        let mut counts = vec![0; (end - first) as usize].into_boxed_slice();
        if !self.counts.is_empty() {
            let at = (self.first - first) as usize;
            counts[at..at + self.counts.len()].copy_from_slice(&self.counts);
        }
        (self.counts, self.first) = (counts, first);
    }

    /// Index and count of every bucket, ascending.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let mut carries = self.carries.iter().peekable();
        let counts = (self.first..).zip(&self.counts);
        let whole = counts.map(move |(index, &count)| {
            let carry = carries.next_if(|&&(known, _)| known == index);
            let high = carry.map_or(0, |&(_, times)| times << u8::BITS);
            (index, high + u64::from(count))
        });
        let beyond = std::iter::once((BEYOND, self.beyond));
        whole.chain(beyond).filter(|&(_, count)| count != 0)
    }
}
