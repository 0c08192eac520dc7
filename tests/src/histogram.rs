//! HDR payloads of exported distributions, read with the crate hdrhistogram.

use std::io::Cursor;

use anyhow::{Context, Result};
use base64::Engine;
use hdrhistogram::serialization::Deserializer;
use tracer_export::Histogram;

use crate::check::Differences;

/// Decodes the `hdr` of one distribution.
pub fn decode(distribution: &Histogram) -> Result<hdrhistogram::Histogram<u64>> {
    let text = distribution.hdr.as_base64();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text)?;
    Ok(Deserializer::new().deserialize(&mut Cursor::new(bytes))?)
}

/// Checks that the payload reproduces every printed figure.
pub fn check(name: &str, printed: &Histogram, differences: &mut Differences) -> Result<()> {
    let histogram = decode(printed).with_context(|| format!("{name}.hdr"))?;
    differences.equal(
        &format!("{name}.count"),
        printed.count,
        Some(histogram.len()),
    );
    for (key, value, quantile) in [
        ("p50_ns", printed.p50_ns, 0.5),
        ("p75_ns", printed.p75_ns, 0.75),
        ("p90_ns", printed.p90_ns, 0.9),
        ("p95_ns", printed.p95_ns, 0.95),
        ("p99_ns", printed.p99_ns, 0.99),
        ("p999_ns", printed.p999_ns, 0.999),
    ] {
        let own = histogram.value_at_quantile(quantile);
        differences.equal(&format!("{name}.{key}"), value, Some(own));
    }
    for (key, value, exact) in [
        ("min_ns", printed.min_ns, histogram.min()),
        ("max_ns", printed.max_ns, histogram.max()),
    ] {
        differences.holds(
            &format!("{name}.{key} {value:?} is in the bucket of {exact}"),
            value.is_some_and(|value| histogram.equivalent(value, exact)),
        );
    }
    for (key, value, own) in [
        ("mean_ns", printed.mean_ns, histogram.mean()),
        ("stdev_ns", printed.stdev_ns, histogram.stdev()),
    ] {
        let value = value.with_context(|| format!("no {name}.{key}"))?;
        // Figures are printed from exact values or from buckets, which are a hundredth wide.
        let near = (value - own).abs() <= histogram.mean() * 0.01 + 1.0;
        differences.holds(&format!("{name}.{key} {value} is near {own}"), near);
    }
    Ok(())
}
