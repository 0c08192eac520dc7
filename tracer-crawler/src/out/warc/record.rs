//! WARC record, encoded as a gzip member.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use time::OffsetDateTime;

/// Id of a record: `urn:uuid:` with a random number (RFC 9562, version 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordId(u128);

/// Hash keys from the operating system, made once per process.
static KEYS: LazyLock<(RandomState, RandomState)> =
    LazyLock::new(|| (RandomState::new(), RandomState::new()));
static NEXT: AtomicU64 = AtomicU64::new(0);

impl RecordId {
    pub(super) fn random() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let half = |keys: &RandomState, part: u8| u128::from(keys.hash_one((number, part)));
        let random = (half(&KEYS.0, 0) << 64) | half(&KEYS.1, 1);
        Self(random & !(0xF << 76) & !(0b11 << 62) | (0x4 << 76) | (0b10 << 62))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(
            out,
            "<urn:uuid:{}-{}-{}-{}-{}>",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }
}

/// Type of a record (`WARC-Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Info,
    Request,
    Response,
    Revisit,
    Metadata,
}

/// Record to be written.
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    pub(super) id: RecordId,
    pub(super) at: OffsetDateTime,
    pub(super) content_type: &'static str,
    pub(super) fields: Vec<(&'static str, String)>,
    /// First part of the block: for HTTP the head, else everything.
    pub(super) head: &'a [u8],
    /// Rest of the block: the body of a response.
    pub(super) payload: Option<&'a [u8]>,
}

impl Record<'_> {
    /// Header and block, compressed.
    pub(super) fn encode(&self) -> Vec<u8> {
        let payload = self.payload.unwrap_or(&[]);
        let mut header = format!(
            "WARC/1.1\r\nWARC-Type: {}\r\nWARC-Record-ID: {}\r\nWARC-Date: {}\r\n",
            self.kind.name(),
            self.id,
            super::date(self.at)
        );
        for (name, value) in &self.fields {
            header += &format!("{name}: {value}\r\n");
        }
        header += &format!("WARC-Block-Digest: {}\r\n", sha1(&[self.head, payload]));
        let length = self.head.len() + payload.len();
        header += &format!(
            "Content-Type: {}\r\nContent-Length: {length}\r\n\r\n",
            self.content_type
        );
        compress(&[header.as_bytes(), self.head, payload, b"\r\n\r\n"])
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Info => "warcinfo",
            Self::Request => "request",
            Self::Response => "response",
            Self::Revisit => "revisit",
            Self::Metadata => "metadata",
        }
    }
}

fn compress(parts: &[&[u8]]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for part in parts {
        // Writing to a vector cannot fail.
        let _ = encoder.write_all(part);
    }
    encoder.finish().unwrap_or_default()
}

/// Digest in the form that WARC tools expect: SHA-1 in base 32 (RFC 4648).
pub(super) fn sha1(parts: &[&[u8]]) -> String {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    let mut text = String::from("sha1:");
    for group in context.finish().as_ref().chunks(5) {
        let bits = group
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        text.extend((0..8).rev().map(|place| {
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(bits >> (place * 5)) as usize & 31])
        }));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_as_others_write_it() {
        assert_eq!(sha1(&[b""]), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
        assert_eq!(
            sha1(&[b"a", b"bc"]),
            "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5"
        );
    }

    #[test]
    fn ids_are_random_uuids() {
        let ids: Vec<String> = (0..100).map(|_| RecordId::random().to_string()).collect();
        assert!(
            ids.iter()
                .all(|id| id.len() == 47 && &id[24..25] == "4" && "89ab".contains(&id[29..30])),
            "{}",
            ids[0]
        );
        assert_eq!(
            ids.iter().collect::<std::collections::HashSet<_>>().len(),
            100
        );
    }
}
