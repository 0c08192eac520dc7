//! HDR payloads of exported distributions, read with the crate hdrhistogram.

use std::io::Cursor;

use anyhow::{Context, Result};
use base64::Engine;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use serde_json::Value;

use crate::check::Differences;

/// Percentiles that an export prints, by quantile.
const PERCENTILES: [(&str, f64); 6] = [
    ("p50_ns", 0.5),
    ("p75_ns", 0.75),
    ("p90_ns", 0.9),
    ("p95_ns", 0.95),
    ("p99_ns", 0.99),
    ("p999_ns", 0.999),
];

/// Decodes the `hdr` of one distribution.
pub fn decode(distribution: &Value) -> Result<Histogram<u64>> {
    let text = distribution["hdr"].as_str().context("no hdr payload")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text)?;
    Ok(Deserializer::new().deserialize(&mut Cursor::new(bytes))?)
}

/// Checks that the payload reproduces every printed figure.
pub fn check(name: &str, distribution: &Value, differences: &mut Differences) -> Result<()> {
    let histogram = decode(distribution).with_context(|| format!("{name}.hdr"))?;
    let printed = |key: &str| distribution[key].as_u64();
    differences.equal(
        &format!("{name}.count"),
        printed("count"),
        Some(histogram.len()),
    );
    for (key, quantile) in PERCENTILES {
        let value = histogram.value_at_quantile(quantile);
        differences.equal(&format!("{name}.{key}"), printed(key), Some(value));
    }
    for (key, exact) in [("min_ns", histogram.min()), ("max_ns", histogram.max())] {
        let same = printed(key).is_some_and(|value| histogram.equivalent(value, exact));
        differences.holds(
            &format!(
                "{name}.{key} {:?} is in the bucket of {exact}",
                printed(key)
            ),
            same,
        );
    }
    for (key, own) in [
        ("mean_ns", histogram.mean()),
        ("stdev_ns", histogram.stdev()),
    ] {
        let value = distribution[key]
            .as_f64()
            .with_context(|| format!("no {name}.{key}"))?;
        // Figures are printed from exact values or from buckets, which are a hundredth wide.
        let near = (value - own).abs() <= histogram.mean() * 0.01 + 1.0;
        differences.holds(&format!("{name}.{key} {value} is near {own}"), near);
    }
    Ok(())
}
