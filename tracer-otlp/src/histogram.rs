//! Exponential histograms of the protocol, in seconds, out of histograms in nanoseconds.
//!
//! A bucket of scale `s` reaches from one power of 2^(2^-s) to the next. Each sample is put where the middle of its old
//! bucket belongs. The old buckets are finer than the new ones, so a sample is at most one bucket away from its place.

use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, exponential_histogram_data_point::Buckets,
};
use tracer_core::latency::{Bar, Latency};

/// Finest scale in use: buckets differ by 2.2 %.
pub const FINEST: i32 = 5;
/// Limit of the number of buckets from the first to the last one with samples. The scale is lowered until they fit.
pub const MOST_BUCKETS: usize = 320;

/// Nanoseconds in a second.
const SECOND: f64 = 1e9;

/// Point of a histogram, without attributes and times; None without samples. Count, sum, smallest and largest value are
/// those of the old histogram.
pub fn point(durations: &Latency) -> Option<ExponentialHistogramDataPoint> {
    let mut bars = durations.bars();
    let first = bars.next()?;
    let last = bars.last().unwrap_or(first);
    let zero_count: u64 = durations.bars().filter(is_zero).map(|bar| bar.count).sum();
    let (scale, positive) = buckets(durations);
    Some(ExponentialHistogramDataPoint {
        count: durations.count(),
        sum: Some(durations.sum_ns() / SECOND),
        scale,
        zero_count,
        positive: Some(positive),
        min: Some(first.low_ns as f64 / SECOND),
        max: Some(last.high_ns as f64 / SECOND),
        ..ExponentialHistogramDataPoint::default()
    })
}

/// Index of the bucket that holds a duration at a scale. Buckets include their upper bound and not their lower one.
pub fn index(duration_ns: u64, scale: i32) -> i32 {
    let seconds = duration_ns as f64 / SECOND;
    (seconds.log2() * f64::from(scale).exp2()).ceil() as i32 - 1
}

/// Buckets with the finest scale at which their number is within the limit.
fn buckets(durations: &Latency) -> (i32, Buckets) {
    let placed: Vec<(i32, u64)> = durations
        .bars()
        .filter(|bar| !is_zero(bar))
        .map(|bar| (index(middle(&bar), FINEST), bar.count))
        .collect();
    let (Some(&(first, _)), Some(&(last, _))) = (placed.first(), placed.last()) else {
        return (FINEST, Buckets::default());
    };
    // Two neighbours, of which the first has an even index, become one bucket of the next scale.
    let mut dropped = 0;
    while (last >> dropped) - (first >> dropped) >= MOST_BUCKETS as i32 {
        dropped += 1;
    }
    let offset = first >> dropped;
    let mut bucket_counts = vec![0; ((last >> dropped) - offset + 1) as usize];
    for (index, count) in placed {
        bucket_counts[((index >> dropped) - offset) as usize] += count;
    }
    let buckets = Buckets {
        offset,
        bucket_counts,
    };
    (FINEST - dropped, buckets)
}

fn is_zero(bar: &Bar) -> bool {
    middle(bar) == 0
}

fn middle(bar: &Bar) -> u64 {
    bar.low_ns + (bar.high_ns - bar.low_ns).div_ceil(2)
}

#[cfg(test)]
mod tests;
