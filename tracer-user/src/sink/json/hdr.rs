//! HdrHistogram's V2 wire format with DEFLATE, written from the non-empty buckets only: the library's own serializer
//! takes 300 KiB of counts for each histogram, and an export may hold a million histograms.

use std::{io::Write, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use tracer_core::latency::{HIGHEST_NS, Latency, SIGNIFICANT_DIGITS};

/// V2 with counts of any width, plain and compressed (HdrHistogram's `V2_ENCODING_COOKIE_BASE` and
/// `V2_COMPRESSED_ENCODING_COOKIE_BASE`, low bits as its readers expect).
const COOKIE: u32 = 0x1c84_9303 | 0x10;
const COMPRESSED_COOKIE: u32 = 0x1c84_9304 | 0x10;
const LOWEST: u64 = 1;

static EMPTY: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode(compressed(&plain(&Latency::default()))));

/// Encodes a histogram in base64; values are in ns.
pub(crate) fn encode(latency: &Latency) -> String {
    if latency.is_empty() {
        return EMPTY.clone();
    }
    STANDARD.encode(compressed(&plain(latency)))
}

fn plain(latency: &Latency) -> Vec<u8> {
    let mut counts = Vec::new();
    let mut next = 0;
    for (index, count) in latency.counts() {
        if index > next {
            // A run of empty buckets is encoded as its negative length.
            put(&mut counts, -i64::from(index - next));
        }
        put(&mut counts, i64::try_from(count).unwrap_or(i64::MAX));
        next = index + 1;
    }
    if counts.is_empty() {
        put(&mut counts, 0);
    }
    let mut bytes = Vec::with_capacity(40 + counts.len());
    bytes.extend(COOKIE.to_be_bytes());
    bytes.extend((counts.len() as u32).to_be_bytes());
    bytes.extend(0u32.to_be_bytes());
    bytes.extend(u32::from(SIGNIFICANT_DIGITS).to_be_bytes());
    bytes.extend(LOWEST.to_be_bytes());
    bytes.extend(HIGHEST_NS.to_be_bytes());
    bytes.extend(1f64.to_be_bytes());
    bytes.extend(counts);
    bytes
}

/// Appends a number in ZigZag form, seven bits a byte, the lowest first; a ninth byte holds eight.
fn put(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    for _ in 0..8 {
        if rest < 0x80 {
            bytes.push(rest as u8);
            return;
        }
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut bytes = COMPRESSED_COOKIE.to_be_bytes().to_vec();
    bytes.extend([0; 4]);
    let mut encoder = ZlibEncoder::new(bytes, Compression::default());
    // Writing into memory cannot fail; an empty payload would fail every reader's check.
    let _ = encoder.write_all(plain);
    let mut bytes = encoder.finish().unwrap_or_default();
    if let Some(length) = bytes.len().checked_sub(8) {
        bytes[4..8].copy_from_slice(&(length as u32).to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use hdrhistogram::{Histogram, serialization::Deserializer};
    use tracer_core::latency::empty_hdr;

    use super::*;

    /// Checks that the library reads our encoding and would have written an equal histogram.
    fn check(values: &[(u64, u64)]) {
        let (mut latency, mut expected) = (Latency::default(), empty_hdr());
        for &(value, times) in values {
            latency.record_n(value, times);
            expected.saturating_record_n(value, times);
        }
        let bytes = STANDARD.decode(encode(&latency)).unwrap();
        let read: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .unwrap();
        assert_eq!(read, expected, "{values:?}");
    }

    #[test]
    fn the_library_reads_it() {
        check(&[]);
        check(&[(0, 1)]);
        check(&[(1, 1)]);
        check(&[(2047, 3), (2048, 1), (4096, 2)]);
        check(&[(HIGHEST_NS, 1)]);
        check(&[(HIGHEST_NS * 2, 5), (7, 1 << 40)]);
        let many: Vec<(u64, u64)> = (0..5000).map(|at| (at * at * 37, at % 5)).collect();
        check(&many);
    }
}
