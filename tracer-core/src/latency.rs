//! Latency histograms with the buckets of HdrHistogram at three significant digits. Their size follows their content: a
//! host with few samples needs a few bytes. Values are nanoseconds.

use std::borrow::Cow;

use hdrhistogram::Histogram;

use few::Few;
use pages::Pages;
pub use window::Bar;

mod few;
mod pages;
mod window;

/// Largest value that has a bucket, ns: 24 hours. Larger ones are recorded as this value and counted.
pub const HIGHEST_NS: u64 = 24 * 3600 * 1_000_000_000;
/// Number of significant digits: no figure is wrong by more than 0.1 %.
pub const SIGNIFICANT_DIGITS: u8 = 3;
/// log2 of the number of sub-buckets of HdrHistogram for three digits (2048).
const SUB_BUCKET_BITS: u32 = 11;

/// Histogram that grows with its content: first a handful of samples, then a list of buckets, then an array of counts.
/// All figures, including minimum and maximum, come from the buckets, so that adding, removing and merging are exact.
#[derive(Debug, Clone)]
pub struct Latency(Buckets);

/// The size is checked because a host has a histogram of each phase.
const _: () = assert!(size_of::<Latency>() == 24);

#[derive(Debug, Clone)]
enum Buckets {
    Handful(Handful),
    Few(Few),
    Many(Box<Pages>),
}

/// Bucket of a sample, the same in every histogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bucket(u32);

impl Bucket {
    /// Bucket of a value in ns.
    pub(crate) fn of(value_ns: u64) -> Self {
        Self(index_of(value_ns))
    }
}

/// Bucket indices of a few samples, in any order: as many as fit without a heap allocation.
#[derive(Debug, Clone, Default)]
struct Handful {
    used: u8,
    indices: [u32; HANDFUL],
}

const HANDFUL: usize = 4;
/// Number of buckets per power of two.
const PAGE: usize = 1 << (SUB_BUCKET_BITS - 1);
/// Index after all buckets, for samples above [`HIGHEST_NS`].
const BEYOND: u32 = u32::MAX;

/// Summary of a histogram, ns; all values are zero when it is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Summary {
    /// Number of samples.
    pub count: u64,
    /// Smallest sample.
    pub min_ns: u64,
    /// Largest sample.
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

    /// Adds samples by their buckets.
    pub(crate) fn record_all(&mut self, buckets: &[Bucket]) {
        if let Buckets::Many(pages) = &mut self.0 {
            for bucket in buckets {
                pages.add(bucket.0, 1);
            }
            return;
        }
        for bucket in buckets {
            self.add(bucket.0, 1);
        }
    }

    /// Adds a sample `times` times.
    pub fn record_n(&mut self, value_ns: u64, times: u64) {
        if times != 0 {
            self.add(index_of(value_ns), times);
        }
    }

    /// Adds samples by their index in HdrHistogram's array of counts; false, without a change, when there is no such bucket.
    pub fn record_index(&mut self, index: u32, times: u64) -> bool {
        let exists = index <= index_of(HIGHEST_NS);
        if exists && times != 0 {
            self.add(index, times);
        }
        exists
    }

    /// Removes a sample that was recorded before. Returns false, without a change, when there is no such sample.
    pub fn retract(&mut self, value_ns: u64) -> bool {
        let index = index_of(value_ns);
        match &mut self.0 {
            Buckets::Handful(handful) => handful.take(index),
            Buckets::Few(few) => few.take(index),
            Buckets::Many(pages) => pages.take(index),
        }
    }

    /// Adds all samples of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (index, count) in other.buckets() {
            self.add(index, count);
        }
    }

    /// Number of samples.
    pub fn count(&self) -> u64 {
        match &self.0 {
            Buckets::Handful(handful) => handful.used.into(),
            Buckets::Few(few) => few.count_of(|_| true),
            Buckets::Many(pages) => pages.count(),
        }
    }

    /// Number of samples above [`HIGHEST_NS`].
    pub fn beyond(&self) -> u64 {
        match &self.0 {
            Buckets::Handful(handful) => handful.count_of(BEYOND),
            Buckets::Few(few) => few.count_of(|index| index == BEYOND),
            Buckets::Many(pages) => pages.beyond(),
        }
    }

    /// Converts to a dense HdrHistogram, for its wire format.
    pub fn to_hdr(&self) -> Histogram<u64> {
        let mut hdr = empty_hdr();
        for (index, count) in self.buckets() {
            hdr.saturating_record_n(lowest_of(index), count);
        }
        hdr
    }

    /// Computes all figures at once. They equal those of HdrHistogram for the same samples, without its 300 KiB of
    /// counts.
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

    /// Index in HdrHistogram's array of counts, and count, of every bucket with samples, ascending. Samples above
    /// [`HIGHEST_NS`] are in that value's bucket.
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
        while !self.try_add(index, count) {
            self.grow();
        }
    }

    /// Adds samples; false when there is no room.
    fn try_add(&mut self, index: u32, count: u64) -> bool {
        match &mut self.0 {
            Buckets::Handful(handful) => handful.add(index, count),
            Buckets::Few(few) => few.add(index, count),
            Buckets::Many(pages) => {
                pages.add(index, count);
                true
            }
        }
    }

    fn grow(&mut self) {
        match &self.0 {
            Buckets::Handful(handful) => {
                let mut few = Few::default();
                for &index in handful.used() {
                    few.add(index, 1);
                }
                self.0 = Buckets::Few(few);
            }
            Buckets::Few(few) => {
                self.0 = Buckets::Many(Box::new(Pages::of(&few.in_order())));
            }
            Buckets::Many(_) => {}
        }
    }

    /// Index and count of every bucket with samples, ascending.
    fn buckets(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let (handful, few, pages) = match &self.0 {
            Buckets::Handful(handful) => (Some(handful), Cow::default(), None),
            Buckets::Few(few) => (None, few.in_order(), None),
            Buckets::Many(pages) => (None, Cow::default(), Some(pages)),
        };
        let handful = handful.into_iter().flat_map(Handful::buckets);
        let few = (0..few.len()).map(move |at| (few[at].0, u64::from(few[at].1)));
        let many = pages.into_iter().flat_map(|pages| pages.buckets());
        handful.chain(few).chain(many)
    }
}

impl Handful {
    fn used(&self) -> &[u32] {
        &self.indices[..self.used.into()]
    }

    fn count_of(&self, index: u32) -> u64 {
        let same = self.used().iter().filter(|&&known| known == index);
        same.count() as u64
    }

    /// Adds samples; false, without a change, when there is no room.
    fn add(&mut self, index: u32, count: u64) -> bool {
        let used = usize::from(self.used);
        if count > (HANDFUL - used) as u64 {
            return false;
        }
        self.indices[used..used + count as usize].fill(index);
        self.used += count as u8;
        true
    }

    fn take(&mut self, index: u32) -> bool {
        let Some(at) = self.used().iter().position(|&known| known == index) else {
            return false;
        };
        self.used -= 1;
        self.indices.swap(at, self.used.into());
        true
    }

    /// Index and count of every bucket, ascending.
    fn buckets(&self) -> impl Iterator<Item = (u32, u64)> + use<> {
        let mut sorted = self.clone();
        sorted.indices[..self.used.into()].sort_unstable();
        let mut at = 0;
        std::iter::from_fn(move || {
            let &index = sorted.used().get(at)?;
            let count = sorted.count_of(index);
            at += count as usize;
            Some((index, count))
        })
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self(Buckets::Handful(Handful::default()))
    }
}

impl PartialEq for Latency {
    fn eq(&self, other: &Self) -> bool {
        self.buckets().eq(other.buckets())
    }
}

impl Eq for Latency {}

/// Makes an empty HdrHistogram with this crate's bounds.
pub fn empty_hdr() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "constant bounds, tested")]
    Histogram::new_with_bounds(1, HIGHEST_NS, SIGNIFICANT_DIGITS).expect("valid bounds")
}

/// Index of the bucket that HdrHistogram uses for a value; larger values have larger indices.
fn index_of(value_ns: u64) -> u32 {
    if value_ns > HIGHEST_NS {
        return BEYOND;
    }
    let bits = u64::BITS - (value_ns | ((1 << SUB_BUCKET_BITS) - 1)).leading_zeros();
    let shift = bits - SUB_BUCKET_BITS;
    shift * PAGE as u32 + (value_ns >> shift) as u32
}

/// Lowest value of a bucket, and log2 of the number of its values.
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

/// Number of samples at or below a quantile, at least one.
fn rank(quantile: f64, total: f64) -> u64 {
    ((quantile * total).ceil() as u64).max(1)
}

#[cfg(test)]
mod tests;
