//! Seeds of the fuzz target `flow`: the first connection of each capture of a real client, as the target reads it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

use crate::workspace;

/// Magic number of files with times in nanoseconds, and length of a file's header.
const MAGIC: [u8; 4] = 0xa1b2_3c4d_u32.to_le_bytes();
const FILE_HEADER: usize = 24;
const FRAME_HEADER: usize = 16;
const ETHERNET: usize = 14;
const IPV6_HEADER: usize = 40;
/// Bits of the target's first byte of a segment.
const SENT: u8 = 1;
const READ: u8 = 2;

/// Writes a seed for each capture into the corpus of the target.
pub(super) fn write(corpus: &Path) -> Result<()> {
    let captures = workspace::root().join("tests/captures");
    let entries = fs::read_dir(&captures).with_context(|| captures.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(name) = name.strip_suffix(".pcap.gz") else {
            continue;
        };
        let seed = seed(&path).with_context(|| path.display().to_string())?;
        fs::write(corpus.join(format!("captured-{name}")), seed)?;
    }
    Ok(())
}

fn seed(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path)?).read_to_end(&mut bytes)?;
    ensure!(bytes.starts_with(&MAGIC), "no capture in nanoseconds");
    let mut rest = bytes.get(FILE_HEADER..).context("cut off")?;
    let (mut seed, mut client) = (Vec::new(), None);
    while let Some((header, frames)) = rest.split_at_checked(FRAME_HEADER) {
        let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        let split = frames.split_at_checked(length as usize);
        let (frame, after) = split.context("cut off")?;
        let segment = Segment::read(frame).context("no segment of TCP")?;
        // The client opens its first connection by the first segment.
        let client = client.get_or_insert_with(|| segment.from.clone());
        if segment.from == *client {
            add(&mut seed, SENT, segment.payload)?;
        } else if segment.to == *client {
            add(&mut seed, READ, segment.payload)?;
        }
        rest = after;
    }
    Ok(seed)
}

/// Adds a segment at its place in the stream.
fn add(seed: &mut Vec<u8>, bits: u8, payload: &[u8]) -> Result<()> {
    if !payload.is_empty() {
        let [high, low] = u16::try_from(payload.len())?.to_be_bytes();
        seed.extend([bits, 0, high, low]);
        seed.extend(payload);
    }
    Ok(())
}

/// Segment of TCP.
struct Segment<'a> {
    /// Address and port of the sender.
    from: Vec<u8>,
    /// Address and port of the receiver.
    to: Vec<u8>,
    payload: &'a [u8],
}

impl<'a> Segment<'a> {
    fn read(frame: &'a [u8]) -> Option<Self> {
        let packet = frame.get(ETHERNET..)?;
        let half = |at: usize| {
            Some(usize::from(u16::from_be_bytes([
                *packet.get(at)?,
                *packet.get(at + 1)?,
            ])))
        };
        let (addresses, tcp) = match packet.first()? >> 4 {
            4 => {
                let header = usize::from(packet.first()? & 15) * 4;
                (packet.get(12..20)?, packet.get(header..half(2)?)?)
            }
            _ => {
                let end = IPV6_HEADER + half(4)?;
                (packet.get(8..40)?, packet.get(IPV6_HEADER..end)?)
            }
        };
        let (source, destination) = addresses.split_at(addresses.len() / 2);
        let header = usize::from(*tcp.get(12)? >> 4) * 4;
        Some(Self {
            from: [source, tcp.get(..2)?].concat(),
            to: [destination, tcp.get(2..4)?].concat(),
            payload: tcp.get(header..)?,
        })
    }
}
