use proptest::prelude::*;

use super::{few::FEW, *};

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

/// Checks that every figure equals HdrHistogram's.
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

/// More buckets than a list holds, and back again.
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

    /// Few values many times: they wait twice, add up in a list, and carry in an array.
    #[test]
    fn few_values_often(values in proptest::collection::vec(0u64..3000, 0..4000), again in 0u64..3000, times in 1u64..2000) {
        let mut latency = Latency::default();
        let mut hdr = empty_hdr();
        for &value in &values {
            latency.record(value);
            hdr.record(value).unwrap();
        }
        latency.record_n(again, times);
        hdr.record_n(again, times).unwrap();
        prop_assert_eq!(latency.count(), hdr.len());
        prop_assert_eq!(latency.to_hdr(), hdr);
        let mut rest = latency.clone();
        for &value in &values {
            prop_assert!(rest.retract(value));
        }
        let mut left = Latency::default();
        left.record_n(again, times);
        prop_assert_eq!(rest, left);
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
