//! Blocks: frames that are compressed together, with a checksum. Each block can be read without the others.
//!
//! | bytes | |
//! | --- | --- |
//! | 4 | [`MAGIC`] |
//! | 4 | number of the block, from 0 |
//! | 4 | 0: stored as it is, 1: LZ4 (block format) |
//! | 4 | bytes that follow the head |
//! | 4 | bytes of the frames, at most [`MAX_BYTES`] |
//! | 4 | CRC-32 of the twenty bytes before and of the bytes after |
//!
//! All numbers are little-endian.

use crate::words::Words;

/// First bytes of every block.
pub const MAGIC: [u8; 4] = *b"TrBl";
/// Size of a head in bytes.
pub const HEAD_BYTES: usize = 24;
/// Largest size of the frames of a block, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

const STORED: u32 = 0;
const LZ4: u32 = 1;

/// Head of a block whose fields have been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    bytes: [u8; HEAD_BYTES],
}

/// Compresses `frames` where that helps, and puts the head before them.
pub fn seal(number: u32, frames: &[u8]) -> Vec<u8> {
    let mut sealed = vec![0; HEAD_BYTES + lz4_flex::block::get_maximum_output_size(frames.len())];
    let compressed = lz4_flex::block::compress_into(frames, &mut sealed[HEAD_BYTES..]);
    let method = match compressed {
        Ok(length) if length < frames.len() => {
            sealed.truncate(HEAD_BYTES + length);
            LZ4
        }
        _ => {
            sealed.truncate(HEAD_BYTES);
            sealed.extend_from_slice(frames);
            STORED
        }
    };
    let stored = (sealed.len() - HEAD_BYTES) as u32;
    sealed[..4].copy_from_slice(&MAGIC);
    for (at, value) in [
        (4, number),
        (8, method),
        (12, stored),
        (16, frames.len() as u32),
    ] {
        sealed[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    let sum = checksum(&sealed[..20], &sealed[HEAD_BYTES..]);
    sealed[20..HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
    sealed
}

fn checksum(head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

impl Head {
    /// Reads a head; None when this is no head of block `number`, or when it names a size that no block has.
    pub fn read(bytes: [u8; HEAD_BYTES], number: u32) -> Option<Self> {
        let head = Self { bytes };
        let sizes_fit = head.stored_bytes() <= MAX_BYTES && head.frames_bytes() <= MAX_BYTES;
        let is_one = bytes.starts_with(&MAGIC) && head.field(4) == number && sizes_fit;
        is_one.then_some(head)
    }

    fn field(&self, at: usize) -> u32 {
        let bytes = &self.bytes[at..at + 4];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// Number of bytes that follow the head.
    pub fn stored_bytes(&self) -> usize {
        self.field(12) as usize
    }

    fn frames_bytes(&self) -> usize {
        self.field(16) as usize
    }

    /// Unpacks the frames; None when the block is damaged.
    pub fn open(&self, stored: &[u8], frames: &mut Words) -> Option<()> {
        if checksum(&self.bytes[..20], stored) != self.field(20) {
            return None;
        }
        let room = frames.reset(self.frames_bytes());
        match self.field(8) {
            STORED if stored.len() == room.len() => room.copy_from_slice(stored),
            LZ4 => {
                let length = lz4_flex::block::decompress_into(stored, room).ok()?;
                (length == room.len()).then_some(())?;
            }
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn open(bytes: &[u8], number: u32) -> Option<Vec<u8>> {
        let (head, stored) = bytes.split_first_chunk()?;
        let head = Head::read(*head, number)?;
        let mut frames = Words::default();
        head.open(stored.get(..head.stored_bytes())?, &mut frames)?;
        Some(frames.bytes().to_vec())
    }

    proptest! {
        #[test]
        fn comes_back_whole_or_not_at_all(
            frames in proptest::collection::vec(0u8..4, 0..2000),
            number: u32,
            at: prop::sample::Index,
            bit in 0u8..8,
        ) {
            let mut sealed = seal(number, &frames);
            prop_assert_eq!(open(&sealed, number), Some(frames));
            prop_assert_eq!(open(&sealed, number.wrapping_add(1)), None);
            let at = at.index(sealed.len());
            prop_assert_eq!(open(&sealed[..at], number), None);
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(open(&sealed, number), None);
        }
    }

    #[test]
    fn a_block_as_large_as_may_be() {
        let frames: Vec<u8> = (0..MAX_BYTES).map(|at| (at * at / 7) as u8).collect();
        assert_eq!(open(&seal(3, &frames), 3), Some(frames));
    }
}
