use proptest::prelude::*;

use super::*;

fn of(values: &[u64]) -> Latency {
    let mut latency = Latency::default();
    values.iter().for_each(|&value| latency.record(value));
    latency
}

/// Bounds of a bucket in seconds.
fn bounds(index: i32, scale: i32) -> (f64, f64) {
    let at = |index: i32| (f64::from(index) * f64::from(-scale).exp2()).exp2();
    (at(index), at(index + 1))
}

/// Index and count of each bucket with samples.
fn used(point: &ExponentialHistogramDataPoint) -> Vec<(i32, u64)> {
    let positive = point.positive.clone().unwrap_or_default();
    let counts = positive.bucket_counts.into_iter();
    let all = counts.enumerate();
    all.map(|(at, count)| (positive.offset + at as i32, count))
        .filter(|(_, count)| *count != 0)
        .collect()
}

#[test]
fn an_empty_histogram_has_no_point() {
    assert_eq!(point(&Latency::default()), None);
}

#[test]
fn a_bucket_includes_its_upper_bound() {
    let second = 1_000_000_000;
    // One second is the upper bound of the bucket below it.
    assert_eq!([index(second, 0), index(second + 1, 0)], [-1, 0]);
    assert_eq!([index(2 * second, 0), index(2 * second + 1, 0)], [0, 1]);
    assert_eq!([index(4 * second, 1), index(second / 2, 5)], [3, -33]);
}

#[test]
fn zero_has_a_bucket_of_its_own() {
    let point = point(&of(&[0, 0, 1_000_000])).unwrap();
    assert_eq!((point.count, point.zero_count), (3, 2));
    assert_eq!(used(&point).len(), 1);
    assert_eq!(point.min, Some(0.0));
    let only = super::point(&of(&[0])).unwrap();
    assert_eq!((only.zero_count, used(&only)), (1, Vec::new()));
}

#[test]
fn the_scale_follows_the_range() {
    let scale = |low: u64, high: u64| point(&of(&[low, high])).unwrap().scale;
    // Ten powers of two, which have 320 buckets at the finest scale.
    assert_eq!(scale(1_000_000, 1_000_000), 5);
    assert_eq!(scale(1_000_000, 1_000_000 << 9), 5);
    assert_eq!(scale(1_000_000, 1_000_000 << 11), 4);
    assert_eq!(scale(10_000, 60_000_000_000), 3);
    assert_eq!(scale(1, 24 * 3_600_000_000_000), 2);
}

proptest! {
    #[test]
    fn every_sample_is_in_its_bucket_or_the_next(
        values in prop::collection::vec(0..1_u64 << 46, 1..400),
        shift in 0..40_u32,
    ) {
        let values: Vec<u64> = values.into_iter().map(|value| value >> shift).collect();
        let durations = of(&values);
        let point = point(&durations).unwrap();
        let used = used(&point);
        let counted: u64 = used.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(counted + point.zero_count, point.count);
        prop_assert_eq!(point.count, values.len() as u64);
        let mut expected: Vec<i32> = values
            .iter()
            .filter(|value| **value != 0)
            .map(|&value| index(value, point.scale))
            .collect();
        expected.sort_unstable();
        let placed = used
            .iter()
            .flat_map(|&(index, count)| std::iter::repeat_n(index, count as usize));
        for (placed, expected) in placed.zip(expected) {
            prop_assert!((placed - expected).abs() <= 1, "{} is not {}", placed, expected);
        }
    }

    #[test]
    fn the_scale_is_the_finest_that_fits(values in prop::collection::vec(1..1_u64 << 46, 1..40)) {
        let point = point(&of(&values)).unwrap();
        let positive = point.positive.unwrap();
        let (first, last) = (positive.offset, positive.offset + positive.bucket_counts.len() as i32 - 1);
        prop_assert!(positive.bucket_counts.len() <= MOST_BUCKETS);
        prop_assert!(positive.bucket_counts[0] != 0 && *positive.bucket_counts.last().unwrap() != 0);
        // One scale finer there would be too many: each bucket has two parts, and the outer ones may be empty.
        let least_finer = 2 * (last - first);
        prop_assert!(point.scale == FINEST || least_finer as usize + 2 > MOST_BUCKETS);
    }

    #[test]
    fn extremes_and_sum_are_those_of_the_histogram(values in prop::collection::vec(1..1_u64 << 46, 1..400)) {
        let durations = of(&values);
        let point = point(&durations).unwrap();
        let summary = durations.summary();
        let (min, max) = (point.min.unwrap(), point.max.unwrap());
        prop_assert_eq!(min, summary.min_ns as f64 / 1e9);
        prop_assert_eq!(max, summary.max_ns as f64 / 1e9);
        let mean = point.sum.unwrap() / point.count as f64;
        prop_assert!(min <= mean * 1.001 && mean <= max * 1.001);
        let used = used(&point);
        let (lowest, _) = bounds(used[0].0, point.scale);
        let (_, highest) = bounds(used[used.len() - 1].0, point.scale);
        prop_assert!(lowest <= max && min <= highest * 1.001);
    }
}
