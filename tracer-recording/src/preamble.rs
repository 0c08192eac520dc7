//! First bytes of a recording, by which a program knows whether it can read the rest.
//!
//! | bytes | |
//! | --- | --- |
//! | 8 | magic: the first byte is no text and the last is a line feed, so a copy made in text mode is noticed |
//! | 2 | [`FORMAT`], little-endian |
//! | 1 | version of the records within, [`record::VERSION`] |
//! | 1 | 1: records are little-endian, 2: big-endian |
//! | 4 | CRC-32 of the twelve bytes before, little-endian |

use thiserror::Error;
use tracer_common::record;

/// Version of everything around the records. 2: entries that say that a namespace was removed.
pub const FORMAT: u16 = 2;
/// Oldest version that is still read: what it holds means the same.
pub const OLDEST_FORMAT: u16 = 1;
/// Size of a preamble in bytes.
pub const BYTES: usize = 16;

const MAGIC: [u8; 8] = *b"\x89tracer\n";
const ENDIAN: u8 = if cfg!(target_endian = "little") { 1 } else { 2 };

/// Reasons why a file cannot be replayed at all.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file is no recording, or shorter than a preamble.
    #[error(
        "it is no recording: it begins with {got:02x?}, expected {MAGIC:02x?}; `tracer attach --record FILE` makes one"
    )]
    NoRecording {
        /// First bytes of the file.
        got: Vec<u8>,
    },
    /// The preamble is damaged.
    #[error(
        "its first {BYTES} bytes are damaged: checksum {got:08x}, expected {expected:08x}; was it copied as text?"
    )]
    Damaged {
        /// Checksum in the file.
        got: u32,
        /// Checksum of the bytes in the file.
        expected: u32,
    },
    /// The format has another version.
    #[error(
        "it is of format version {got}, expected {OLDEST_FORMAT} to {FORMAT}; replay it with the version of tracer that made it"
    )]
    Format {
        /// Version in the file.
        got: u16,
    },
    /// The records have another version.
    #[error(
        "its records are of version {got}, expected {expected}; replay it with the version of tracer that made it",
        expected = record::VERSION
    )]
    Records {
        /// Version in the file.
        got: u8,
    },
    /// The byte order is another one.
    #[error(
        "it was made on a machine with another byte order ({got}, expected {ENDIAN}); replay it on one like that"
    )]
    ByteOrder {
        /// Byte order in the file.
        got: u8,
    },
    /// The first block cannot be read, and without it the rest has no meaning.
    #[error(
        "nothing in it can be read: its first block is {what}; copy it again if there is a whole one"
    )]
    NoStart {
        /// Fault of the first block.
        what: String,
    },
    /// Reading failed.
    #[error("it cannot be read: {0}")]
    Read(#[from] std::io::Error),
}

/// Makes the preamble of a new recording.
pub fn write() -> [u8; BYTES] {
    with_versions(FORMAT, record::VERSION)
}

/// Makes a preamble with other versions, for tests of the code that refuses them.
pub fn with_versions(format: u16, records: u8) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&format.to_le_bytes());
    bytes[10] = records;
    bytes[11] = ENDIAN;
    let sum = crc32fast::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Checks the first bytes of a file; there may be fewer than [`BYTES`].
pub fn check(bytes: &[u8]) -> Result<(), OpenError> {
    let Some(whole) = bytes
        .first_chunk::<BYTES>()
        .filter(|whole| whole.starts_with(&MAGIC))
    else {
        let got = bytes[..bytes.len().min(MAGIC.len())].to_vec();
        return Err(OpenError::NoRecording { got });
    };
    let got = u32::from_le_bytes([whole[12], whole[13], whole[14], whole[15]]);
    let expected = crc32fast::hash(&whole[..12]);
    if got != expected {
        return Err(OpenError::Damaged { got, expected });
    }
    let format = u16::from_le_bytes([whole[8], whole[9]]);
    match (format, whole[10], whole[11]) {
        (OLDEST_FORMAT..=FORMAT, record::OLDEST_VERSION..=record::VERSION, ENDIAN) => Ok(()),
        (OLDEST_FORMAT..=FORMAT, record::OLDEST_VERSION..=record::VERSION, got) => {
            Err(OpenError::ByteOrder { got })
        }
        (OLDEST_FORMAT..=FORMAT, got, _) => Err(OpenError::Records { got }),
        (got, ..) => Err(OpenError::Format { got }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(bytes: &[u8]) -> String {
        check(bytes).unwrap_err().to_string()
    }

    #[test]
    fn only_its_own_versions() {
        assert!(check(&write()).is_ok());
        let later = refused(&with_versions(FORMAT + 1, record::VERSION));
        assert!(later.contains("format version 3"), "{later}");
        assert!(check(&with_versions(OLDEST_FORMAT, record::VERSION)).is_ok());
        assert!(check(&with_versions(OLDEST_FORMAT - 1, record::VERSION)).is_err());
        assert!(check(&with_versions(FORMAT, record::OLDEST_VERSION)).is_ok());
        for version in [record::OLDEST_VERSION - 1, record::VERSION + 1] {
            let other = refused(&with_versions(FORMAT, version));
            assert!(other.contains("records are of version"), "{other}");
        }
        let mut damaged = write();
        damaged[9] ^= 1;
        assert!(refused(&damaged).contains("damaged"));
        assert!(refused(b"{\"schema\"").contains("no recording"));
        assert!(refused(b"").contains("no recording"));
        for length in 0..BYTES {
            assert!(check(&write()[..length]).is_err(), "{length} bytes");
        }
    }
}
