//! HdrHistogram's V2 wire format with DEFLATE, written from and read into the non-empty buckets only: the library's own
//! serializer takes 300 KiB of counts for each histogram, and an export may hold a million histograms.

use std::{borrow::Cow, fmt, io::Write, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags},
};
use serde::{Deserialize, Deserializer, Serialize, de::Visitor};
use tracer_core::latency::{HIGHEST_NS, Latency, SIGNIFICANT_DIGITS};

/// V2 with counts of any width, plain and compressed (HdrHistogram's `V2_ENCODING_COOKIE_BASE` and
/// `V2_COMPRESSED_ENCODING_COOKIE_BASE`, low bits as its readers expect).
const COOKIE: u32 = 0x1c84_9303 | 0x10;
const COMPRESSED_COOKIE: u32 = 0x1c84_9304 | 0x10;
const LOWEST: u64 = 1;
/// Bytes of the head of the plain form.
const HEAD: usize = 40;
/// Longest plain form: a count of nine bytes in each bucket.
const LONGEST: usize = HEAD + 9 * 40_000;

static EMPTY: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode(compressed(&plain(&Latency::default()))));

/// A histogram in HdrHistogram's V2 format: deflated, in base64 with padding. Values are ns, with three significant
/// digits; any HdrHistogram library reads it and can add it to others. The text of the empty one is not copied, since most
/// histograms of an export are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Hdr(Cow<'static, str>);

impl Hdr {
    /// Takes the encoded text.
    pub fn from_base64(text: String) -> Self {
        Self(text.into())
    }

    /// Takes the encoded text of a constant.
    fn from_static(text: &'static str) -> Self {
        Self(text.into())
    }

    /// The encoded text.
    pub fn as_base64(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Hdr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HdrText)
    }
}

/// Reader of an encoded text.
struct HdrText;

impl Visitor<'_> for HdrText {
    type Value = Hdr;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a histogram in base64")
    }

    fn visit_str<E>(self, text: &str) -> Result<Hdr, E> {
        Ok(match text == empty() {
            true => Hdr::from_static(empty()),
            false => Hdr::from_base64(text.to_owned()),
        })
    }
}

/// Encoded text of the empty histogram.
fn empty() -> &'static str {
    &EMPTY
}

/// Reasons why a histogram cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HdrError {
    /// The text is not HdrHistogram's V2 format with DEFLATE in base64.
    #[error("`hdr` is no histogram in HdrHistogram's V2 format (DEFLATE, in base64)")]
    Format,
    /// The buckets are not those of an export.
    #[error("the histogram in `hdr` must have three significant digits, from 1 ns to 24 h")]
    Bounds,
    /// The number of samples is not the `count` beside it.
    #[error("`hdr` has {got} samples, and `count` is {expected}")]
    Count {
        /// Samples in the buckets.
        got: u64,
        /// The `count` beside it.
        expected: u64,
    },
}

impl Hdr {
    /// Encodes a histogram; values are in ns.
    pub fn of(latency: &Latency) -> Self {
        match latency.is_empty() {
            true => Self::from_static(empty()),
            false => Self::from_base64(STANDARD.encode(compressed(&plain(latency)))),
        }
    }
}

/// Reader of encoded histograms, with the memory that it needs again for the next.
#[derive(Default)]
pub struct HdrReader {
    inflate: Box<DecompressorOxide>,
    packed: Vec<u8>,
    plain: Vec<u8>,
}

impl fmt::Debug for HdrReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HdrReader").finish_non_exhaustive()
    }
}

impl HdrReader {
    /// Adds an encoded histogram to another one; `count` is the number of samples that it must have.
    ///
    /// # Errors
    /// An error says that the histogram cannot be read, or has another number of samples. Samples that were read until then may
    /// have been added.
    pub fn add(&mut self, hdr: &Hdr, count: u64, to: &mut Latency) -> Result<(), HdrError> {
        if count == 0 {
            return Ok(());
        }
        self.packed.clear();
        let decoded = STANDARD.decode_vec(hdr.as_base64(), &mut self.packed);
        decoded.map_err(|_| HdrError::Format)?;
        let packed = self.packed.split_at_checked(8).ok_or(HdrError::Format)?;
        if packed.0[..4] != COMPRESSED_COOKIE.to_be_bytes() {
            return Err(HdrError::Format);
        }
        let length = inflate(&mut self.inflate, packed.1, &mut self.plain)?;
        let got = add_plain(&self.plain[..length], to)?;
        match got == count {
            true => Ok(()),
            false => Err(HdrError::Count {
                got,
                expected: count,
            }),
        }
    }
}

/// Inflates into a buffer, which grows as needed; returns the number of bytes. flate2 clears a window of 32 KiB for each
/// stream, and most histograms have a hundred bytes.
fn inflate(
    inflate: &mut DecompressorOxide,
    packed: &[u8],
    plain: &mut Vec<u8>,
) -> Result<usize, HdrError> {
    const FLAGS: u32 = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
        | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    plain.resize(plain.len().max(4096), 0);
    loop {
        inflate.init();
        let (status, _, length) = decompress(inflate, packed, plain, 0, FLAGS);
        match status {
            TINFLStatus::Done => return Ok(length),
            TINFLStatus::HasMoreOutput if plain.len() < LONGEST => plain.resize(LONGEST, 0),
            _ => return Err(HdrError::Format),
        }
    }
}

/// Adds the buckets of the plain form; returns the number of samples.
fn add_plain(plain: &[u8], to: &mut Latency) -> Result<u64, HdrError> {
    let (head, mut counts) = plain.split_at_checked(HEAD).ok_or(HdrError::Format)?;
    let expected = head_of(counts.len() as u32);
    // Neither the normalizing offset nor the conversion ratio is used by any writer of exports.
    if head != expected {
        return Err(match head[..4] == expected[..4] {
            true => HdrError::Bounds,
            false => HdrError::Format,
        });
    }
    let (mut index, mut samples) = (0u32, 0u64);
    while !counts.is_empty() {
        match take(&mut counts).ok_or(HdrError::Format)? {
            run @ ..0 => {
                let run = u32::try_from(run.unsigned_abs()).ok();
                index = run
                    .and_then(|run| index.checked_add(run))
                    .ok_or(HdrError::Bounds)?;
            }
            count => {
                let count = count.unsigned_abs();
                if !to.record_index(index, count) {
                    return Err(HdrError::Bounds);
                }
                samples = samples.saturating_add(count);
                index += 1;
            }
        }
    }
    Ok(samples)
}

/// Takes a number in ZigZag form; see [`put`].
fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for place in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = if place == 8 { byte } else { byte & 0x7f };
        value |= u64::from(bits) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
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
    let mut bytes = head_of(counts.len() as u32);
    bytes.extend(counts);
    bytes
}

/// Head of the plain form.
fn head_of(length: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + length as usize);
    bytes.extend(COOKIE.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(0u32.to_be_bytes());
    bytes.extend(u32::from(SIGNIFICANT_DIGITS).to_be_bytes());
    bytes.extend(LOWEST.to_be_bytes());
    bytes.extend(HIGHEST_NS.to_be_bytes());
    bytes.extend(1f64.to_be_bytes());
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
        let encoded = Hdr::of(&latency);
        let mut again = Latency::default();
        let mut reader = HdrReader::default();
        reader.add(&encoded, latency.count(), &mut again).unwrap();
        assert_eq!(Hdr::of(&again), encoded);
        let bytes = STANDARD.decode(encoded.as_base64()).unwrap();
        let read: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .unwrap();
        assert_eq!(read, expected, "{values:?}");
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        #[track_caller]
        fn check(text: &str, count: u64, expected: HdrError) {
            let hdr = Hdr::from_base64(text.to_owned());
            let added = HdrReader::default().add(&hdr, count, &mut Latency::default());
            assert_eq!(added, Err(expected), "{text}");
        }
        let mut latency = Latency::default();
        latency.record_n(5_000_000, 3);
        let good = Hdr::of(&latency);
        let expected = HdrError::Count {
            got: 3,
            expected: 4,
        };
        check(good.as_base64(), 4, expected);
        check("", 1, HdrError::Format);
        check("no base64", 1, HdrError::Format);
        check("AAAAAAAAAAAAAAAA", 1, HdrError::Format);
        let bytes = STANDARD.decode(good.as_base64()).unwrap();
        for end in 0..bytes.len() {
            check(&STANDARD.encode(&bytes[..end]), 3, HdrError::Format);
        }
        let mut other = plain(&latency);
        other[15] = 2;
        check(&STANDARD.encode(compressed(&other)), 3, HdrError::Bounds);
        let mut long = head_of(5);
        put(&mut long, -40_000_000);
        put(&mut long, 1);
        let length = (long.len() - HEAD) as u32;
        long[4..8].copy_from_slice(&length.to_be_bytes());
        check(&STANDARD.encode(compressed(&long)), 1, HdrError::Bounds);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let _ = add_plain(&bytes, &mut Latency::default());
            let mut headed = head_of(bytes.len() as u32);
            headed.extend(bytes);
            let hdr = Hdr::from_base64(STANDARD.encode(compressed(&headed)));
            let _ = HdrReader::default().add(&hdr, 1, &mut Latency::default());
        }
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
