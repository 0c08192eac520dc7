//! Latency histograms with the buckets of HdrHistogram at three significant digits, as large as what is
//! in them: a host with few samples costs a few bytes. Values are nanoseconds.

use std::borrow::Cow;

use hdrhistogram::Histogram;

pub use window::Bar;

mod window;

/// Largest value that has a bucket, ns: 24 hours. Larger ones are recorded as this and counted.
pub const HIGHEST_NS: u64 = 24 * 3600 * 1_000_000_000;
/// Significant digits: no figure is off by more than 0.1 %.
pub const SIGNIFICANT_DIGITS: u8 = 3;
/// log2 of the sub-buckets of HdrHistogram for three digits (2048).
const SUB_BUCKET_BITS: u32 = 11;

/// A histogram that grows with what is in it: a list of buckets while they are few, pages of counts when
/// they are many. All figures, minimum and maximum included, come from the buckets, so that adding, taking
/// away and merging lose nothing.
#[derive(Debug, Clone)]
pub struct Latency(Buckets);

#[derive(Debug, Clone)]
enum Buckets {
    Few(Few),
    Many(Box<Pages>),
}

/// (index of a bucket, count), no zero counts. Sorted up to a place, so that finding is quick; new buckets wait
/// behind it, in any order and perhaps twice, so that not every one of them moves half the list.
#[derive(Debug, Clone, Default)]
struct Few {
    entries: Vec<(u32, u32)>,
    sorted: u32,
}

/// Counts by index of bucket, a page for each power of two that has any.
#[derive(Debug, Clone, Default)]
struct Pages {
    pages: Vec<Option<Box<[u32; PAGE]>>>,
    /// Index of a bucket, once for every 2^32 samples that its count cannot hold.
    carries: Vec<u32>,
    beyond: u64,
    count: u64,
}

/// Buckets of a page: those of one power of two.
const PAGE: usize = 1 << (SUB_BUCKET_BITS - 1);
/// Stands behind all buckets, for samples beyond [`HIGHEST_NS`].
const BEYOND: u32 = u32::MAX;
/// Room for the first samples: what fits the smallest block of an allocator.
const FIRST_BUCKETS: usize = 3;
/// More buckets than this are kept in pages: inserting into the list would move more than 8 KiB.
const FEW: usize = 1024;
/// New buckets that wait at most.
const MAX_WAITING: usize = 64;

/// What a histogram says, ns; all zero when it is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Summary {
    /// Samples.
    pub count: u64,
    /// Smallest.
    pub min_ns: u64,
    /// Largest.
    pub max_ns: u64,
    /// Mean.
    pub mean_ns: f64,
    /// Standard deviation.
    pub stdev_ns: f64,
    /// Median.
    pub p50_ns: u64,
    /// 75th percentile.
    pub p75_ns: u64,
    /// 90th percentile.
    pub p90_ns: u64,
    /// 95th percentile.
    pub p95_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// 99.9th percentile.
    pub p999_ns: u64,
}

impl Latency {
    /// Adds a sample.
    pub fn record(&mut self, value_ns: u64) {
        self.add(index_of(value_ns), 1);
    }

    /// Adds a sample `times` times.
    pub fn record_n(&mut self, value_ns: u64, times: u64) {
        if times != 0 {
            self.add(index_of(value_ns), times);
        }
    }

    /// Takes a sample away that was recorded before. False, and no change, when there is none like it.
    pub fn retract(&mut self, value_ns: u64) -> bool {
        let index = index_of(value_ns);
        match &mut self.0 {
            Buckets::Few(few) => few.take(index),
            Buckets::Many(pages) => pages.take(index),
        }
    }

    /// Adds all samples of another.
    pub fn merge(&mut self, other: &Self) {
        for (index, count) in other.buckets() {
            self.add(index, count);
        }
    }

    /// Samples.
    pub fn count(&self) -> u64 {
        match &self.0 {
            Buckets::Few(few) => few.count_of(|_| true),
            Buckets::Many(pages) => pages.count,
        }
    }

    /// Samples beyond [`HIGHEST_NS`].
    pub fn beyond(&self) -> u64 {
        match &self.0 {
            Buckets::Few(few) => few.count_of(|index| index == BEYOND),
            Buckets::Many(pages) => pages.beyond,
        }
    }

    /// The same as a dense HdrHistogram, for its wire format.
    pub fn to_hdr(&self) -> Histogram<u64> {
        let mut hdr = empty_hdr();
        for (index, count) in self.buckets() {
            hdr.saturating_record_n(lowest_of(index), count);
        }
        hdr
    }

    /// All figures at once: what HdrHistogram says of the same samples, without its 300 KiB of counts.
    pub fn summary(&self) -> Summary {
        let count = self.count();
        if count == 0 {
            return Summary::default();
        }
        let mut summary = Summary {
            count,
            ..Summary::default()
        };
        let total = count as f64;
        let quantiles = [0.50, 0.75, 0.90, 0.95, 0.99, 0.999];
        let mut found = [0; 6];
        let (mut below, mut next) = (0, 0);
        for (index, here) in self.buckets() {
            if below == 0 {
                summary.min_ns = lowest_of(index);
            }
            below += here;
            while next < 6 && below >= rank(quantiles[next], total) {
                found[next] = highest_of(index);
                next += 1;
            }
            summary.max_ns = highest_of(index);
            summary.mean_ns += middle_of(index) as f64 * here as f64 / total;
        }
        [
            summary.p50_ns,
            summary.p75_ns,
            summary.p90_ns,
            summary.p95_ns,
            summary.p99_ns,
            summary.p999_ns,
        ] = found;
        summary.stdev_ns = self.stdev(summary.mean_ns, total);
        summary
    }

    /// (index in HdrHistogram's array of counts, count) of every bucket with samples, ascending. Samples beyond
    /// [`HIGHEST_NS`] are in its bucket.
    pub fn counts(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let highest = index_of(HIGHEST_NS);
        let in_highest = self
            .buckets()
            .filter(move |&(index, _)| index == highest || index == BEYOND);
        let in_highest: u64 = in_highest.map(|(_, count)| count).sum();
        let below = self.buckets().filter(move |&(index, _)| index < highest);
        below.chain((in_highest != 0).then_some((highest, in_highest)))
    }

    fn stdev(&self, mean_ns: f64, total: f64) -> f64 {
        let squares = self.buckets().map(|(index, count)| {
            let off = middle_of(index) as f64 - mean_ns;
            off * off * count as f64
        });
        (squares.sum::<f64>() / total).sqrt()
    }

    fn add(&mut self, index: u32, count: u64) {
        if let Buckets::Few(few) = &mut self.0 {
            if few.add(index, count) {
                return;
            }
            let mut pages = Box::<Pages>::default();
            for &(index, count) in &few.entries {
                pages.add(index, u64::from(count));
            }
            self.0 = Buckets::Many(pages);
        }
        if let Buckets::Many(pages) = &mut self.0 {
            pages.add(index, count);
        }
    }

    /// (index, count) of every bucket with samples, ascending.
    fn buckets(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let (few, pages) = match &self.0 {
            Buckets::Few(few) => (few.in_order(), None),
            Buckets::Many(pages) => (Cow::default(), Some(pages)),
        };
        let few = (0..few.len()).map(move |at| (few[at].0, u64::from(few[at].1)));
        few.chain(pages.into_iter().flat_map(|pages| pages.buckets()))
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self(Buckets::Few(Few::default()))
    }
}

impl PartialEq for Latency {
    fn eq(&self, other: &Self) -> bool {
        self.buckets().eq(other.buckets())
    }
}

impl Eq for Latency {}

impl Few {
    fn find(&self, index: u32) -> Result<usize, usize> {
        let sorted = &self.entries[..self.sorted as usize];
        sorted.binary_search_by_key(&index, |&(known, _)| known)
    }

    fn count_of(&self, wanted: impl Fn(u32) -> bool) -> u64 {
        let entries = self.entries.iter();
        let wanted = entries.filter(|&&(index, _)| wanted(index));
        wanted.map(|&(_, count)| u64::from(count)).sum()
    }

    /// False, and no change, when the list would grow too long or the count too large for it.
    fn add(&mut self, index: u32, count: u64) -> bool {
        let Ok(count) = u32::try_from(count) else {
            return false;
        };
        if count > 1 {
            // Only single samples wait, so that equal ones add up without overflow.
            self.sort();
        }
        if let Ok(at) = self.find(index) {
            let Some(sum) = self.entries[at].1.checked_add(count) else {
                return false;
            };
            self.entries[at].1 = sum;
            return true;
        }
        if self.entries.len() >= FEW {
            return false;
        }
        if self.entries.capacity() == 0 {
            self.entries.reserve_exact(FIRST_BUCKETS);
        }
        self.entries.push((index, count));
        let (sorted, waiting) = self.lengths();
        if count > 1 || waiting > (sorted / 16).min(MAX_WAITING - 1) {
            self.sort();
        }
        true
    }

    fn lengths(&self) -> (usize, usize) {
        let sorted = self.sorted as usize;
        (sorted, self.entries.len() - sorted)
    }

    /// Merges those that wait into the sorted ones, from behind and in place.
    fn sort(&mut self) {
        let (sorted, waiting) = self.lengths();
        let mut new = [(0u32, 0u32); MAX_WAITING];
        let new = &mut new[..waiting];
        new.copy_from_slice(&self.entries[sorted..]);
        let new = fold_equal(new);
        self.entries.truncate(sorted + new.len());
        let (mut old, mut new_left) = (sorted, new.len());
        while new_left > 0 {
            let to = old + new_left - 1;
            if old > 0 && self.entries[old - 1].0 > new[new_left - 1].0 {
                self.entries[to] = self.entries[old - 1];
                old -= 1;
            } else {
                self.entries[to] = new[new_left - 1];
                new_left -= 1;
            }
        }
        self.sorted = self.entries.len() as u32;
    }

    /// Ascending, each bucket once.
    fn in_order(&self) -> Cow<'_, [(u32, u32)]> {
        if self.lengths().1 == 0 {
            return Cow::Borrowed(&self.entries);
        }
        let mut copy = self.clone();
        copy.sort();
        Cow::Owned(copy.entries)
    }

    fn take(&mut self, index: u32) -> bool {
        self.sort();
        let Ok(at) = self.find(index) else {
            return false;
        };
        self.entries[at].1 -= 1;
        if self.entries[at].1 == 0 {
            self.entries.remove(at);
            self.sorted -= 1;
        }
        if self.entries.is_empty() {
            *self = Self::default();
        }
        true
    }
}

/// Sorts and adds up the counts of equal buckets; what is left of the slice.
fn fold_equal(entries: &mut [(u32, u32)]) -> &[(u32, u32)] {
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
    &entries[..kept]
}

impl Pages {
    fn add(&mut self, index: u32, count: u64) {
        self.count += count;
        if index == BEYOND {
            self.beyond += count;
            return;
        }
        let slot = self.slot(index);
        let sum = u64::from(*slot) + count;
        *slot = sum as u32;
        for _ in 0..sum >> u32::BITS {
            self.carries.push(index);
        }
    }

    fn take(&mut self, index: u32) -> bool {
        if index == BEYOND {
            let there = self.beyond != 0;
            self.beyond -= u64::from(there);
            self.count -= u64::from(there);
            return there;
        }
        let carried = self.carries.iter().position(|&carry| carry == index);
        let slot = self.slot(index);
        match (*slot, carried) {
            (0, None) => return false,
            (0, Some(at)) => {
                *slot = u32::MAX;
                self.carries.swap_remove(at);
            }
            _ => *slot -= 1,
        }
        self.count -= 1;
        true
    }

    fn slot(&mut self, index: u32) -> &mut u32 {
        let (page, at) = (index as usize / PAGE, index as usize % PAGE);
        if page >= self.pages.len() {
            self.pages.resize(page + 1, None);
        }
        &mut self.pages[page].get_or_insert_with(|| Box::new([0; PAGE]))[at]
    }

    fn buckets(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let pages = self.pages.iter().enumerate();
        let counts = pages.flat_map(|(page, counts)| {
            let counts = counts.iter().flat_map(|counts| counts.iter());
            let indexed = counts.enumerate();
            indexed.map(move |(at, &count)| ((page * PAGE + at) as u32, u64::from(count)))
        });
        let whole = counts.map(|(index, count)| (index, count + self.carried(index)));
        let beyond = std::iter::once((BEYOND, self.beyond));
        whole.chain(beyond).filter(|&(_, count)| count != 0)
    }

    fn carried(&self, index: u32) -> u64 {
        let carries = self.carries.iter().filter(|&&carry| carry == index);
        (carries.count() as u64) << u32::BITS
    }
}

/// An HdrHistogram with this crate's bounds.
pub fn empty_hdr() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "constant bounds, tested")]
    Histogram::new_with_bounds(1, HIGHEST_NS, SIGNIFICANT_DIGITS).expect("valid bounds")
}

/// Index of the bucket that HdrHistogram puts a value into; indices rise with the values.
fn index_of(value_ns: u64) -> u32 {
    if value_ns > HIGHEST_NS {
        return BEYOND;
    }
    let bits = u64::BITS - (value_ns | ((1 << SUB_BUCKET_BITS) - 1)).leading_zeros();
    let shift = bits - SUB_BUCKET_BITS;
    shift * PAGE as u32 + (value_ns >> shift) as u32
}

/// Lowest value of a bucket, and log2 of how many values it has.
fn bounds_of(index: u32) -> (u64, u32) {
    let index = if index == BEYOND {
        index_of(HIGHEST_NS)
    } else {
        index
    };
    let page = index / PAGE as u32;
    let shift = page.saturating_sub(1);
    let value = u64::from(index) - u64::from(shift) * PAGE as u64;
    (value << shift, shift)
}

fn lowest_of(index: u32) -> u64 {
    bounds_of(index).0
}

fn highest_of(index: u32) -> u64 {
    let (lowest, shift) = bounds_of(index);
    lowest + (1 << shift) - 1
}

fn middle_of(index: u32) -> u64 {
    let (lowest, shift) = bounds_of(index);
    lowest + (1 << shift) / 2
}

/// How many samples lie at or below a quantile, at least one.
fn rank(quantile: f64, total: f64) -> u64 {
    ((quantile * total).ceil() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn empty_is_all_zero() {
        assert_eq!(Latency::default().summary(), Summary::default());
    }

    #[test]
    fn beyond_the_range_is_counted() {
        let mut latency = Latency::default();
        latency.record(u64::MAX);
        assert_eq!((latency.count(), latency.beyond()), (1, 1));
        assert!(latency.retract(u64::MAX));
        assert_eq!(latency, Latency::default());
    }

    /// Every figure is HdrHistogram's.
    fn check_summary(latency: &Latency, hdr: &Histogram<u64>) {
        let summary = latency.summary();
        let quantiles = [
            (0.50, summary.p50_ns),
            (0.75, summary.p75_ns),
            (0.90, summary.p90_ns),
            (0.95, summary.p95_ns),
            (0.99, summary.p99_ns),
            (0.999, summary.p999_ns),
        ];
        for (quantile, got) in quantiles {
            assert_eq!(hdr.value_at_quantile(quantile), got, "{quantile}");
        }
        assert_eq!(
            (hdr.len(), hdr.min(), hdr.max()),
            (summary.count, summary.min_ns, summary.max_ns)
        );
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
        assert!(close(hdr.mean(), summary.mean_ns), "{summary:?}");
        assert!(close(hdr.stdev(), summary.stdev_ns), "{summary:?}");
    }

    /// More buckets than a list holds, and back.
    #[test]
    fn many_buckets_are_no_different() {
        let values: Vec<u64> = (0..3 * FEW as u64).map(|i| i * i * 977).collect();
        let (mut latency, mut hdr) = (Latency::default(), empty_hdr());
        for &value in &values {
            latency.record(value);
            hdr.record(value).unwrap();
        }
        assert!(matches!(latency.0, Buckets::Many(_)));
        check_summary(&latency, &hdr);
        assert_eq!(latency.to_hdr(), hdr);
        let (kept, gone) = values.split_at(10);
        assert!(gone.iter().all(|&value| latency.retract(value)));
        assert!(!latency.retract(gone[gone.len() - 1]));
        let mut few = Latency::default();
        kept.iter().for_each(|&value| few.record(value));
        assert_eq!(latency, few);
        few.merge(&latency);
        assert_eq!(few.count(), 20);
    }

    #[test]
    fn a_count_too_large_for_the_list() {
        let mut latency = Latency::default();
        latency.add(7, u64::from(u32::MAX));
        latency.record(7);
        latency.record(u64::MAX);
        assert_eq!(latency.count(), (1 << 32) + 1);
        assert_eq!(latency.beyond(), 1);
        assert!(latency.retract(7) && latency.retract(u64::MAX));
        let mut list = Latency::default();
        list.add(7, u64::from(u32::MAX));
        assert_eq!(latency, list);
        latency.record(7);
        latency.merge(&list);
        assert_eq!(latency.to_hdr().count_at(7), 2 * u64::from(u32::MAX) + 1);
    }

    proptest! {
        #[test]
        fn same_as_hdr(values in proptest::collection::vec(0..HIGHEST_NS, 1..300)) {
            let mut latency = Latency::default();
            let mut hdr = empty_hdr();
            for &value in &values {
                latency.record(value);
                hdr.record(value).unwrap();
            }
            check_summary(&latency, &hdr);
            prop_assert_eq!(latency.to_hdr(), hdr);
        }

        #[test]
        fn retract_undoes_record(kept in proptest::collection::vec(0..HIGHEST_NS, 0..50), gone in 0..HIGHEST_NS) {
            let mut latency = Latency::default();
            kept.iter().for_each(|&value| latency.record(value));
            let before = latency.clone();
            latency.record(gone);
            prop_assert!(latency.retract(gone));
            prop_assert_eq!(before, latency);
        }

        #[test]
        fn merge_is_recording_both(a in proptest::collection::vec(0..HIGHEST_NS, 0..50), b in proptest::collection::vec(0..HIGHEST_NS, 0..50)) {
            let of = |values: &[u64]| {
                let mut latency = Latency::default();
                values.iter().for_each(|&value| latency.record(value));
                latency
            };
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }
    }
}
