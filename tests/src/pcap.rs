//! Files of captures, in the format of libpcap with times in nanoseconds.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::capture::Frame;

/// Magic number of files with times in nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
const VERSION: [u16; 2] = [2, 4];
/// Limit of the length of a frame, which is longer than any.
const LONGEST: u32 = 262_144;
/// Link type of Ethernet.
const ETHERNET: u32 = 1;

/// Writes the frames to a file, compressed by gzip.
pub fn write(path: &Path, frames: &[Frame]) -> Result<()> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes(frames)?)?;
    std::fs::write(path, encoder.finish()?).with_context(|| path.display().to_string())
}

fn bytes(frames: &[Frame]) -> Result<Vec<u8>> {
    let mut bytes = MAGIC.to_le_bytes().to_vec();
    bytes.extend(VERSION.iter().flat_map(|part| part.to_le_bytes()));
    // The times are UTC (0), and nothing is said about their accuracy (0).
    bytes.extend(
        [0, 0, LONGEST, ETHERNET]
            .iter()
            .flat_map(|word| word.to_le_bytes()),
    );
    for frame in frames {
        let seconds = u32::try_from(frame.time_ns / 1_000_000_000)?;
        let rest = u32::try_from(frame.time_ns % 1_000_000_000)?;
        let length = u32::try_from(frame.bytes.len())?;
        let header = [seconds, rest, length, length];
        bytes.extend(header.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend(&frame.bytes);
    }
    Ok(bytes)
}
