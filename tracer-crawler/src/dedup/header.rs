//! Header of the file. It exists in two copies written alternately, so that one is complete while the other is written.

use xxhash_rust::xxh3::xxh3_64;

/// Size of the header: one page, with a copy in each half.
pub(super) const HEADER_BYTES: usize = 4096;
const COPY_BYTES: usize = HEADER_BYTES / 2;
const MAGIC: u64 = u64::from_le_bytes(*b"trdedup1");
const FIELDS: usize = 9;

/// Content of a header. In the file: eight-byte fields in the machine's byte order (the file does not leave the
/// machine), with the checksum last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Number of headers written so far. Of two copies the one with the higher number is valid.
    pub(super) generation: u64,
    /// Number of slots.
    pub(super) slots: u64,
    /// Hash key of the fingerprints.
    pub(super) seed: u64,
    /// Number of fingerprints when the header was written.
    pub(super) len: u64,
    /// Exclusive or of these fingerprints.
    pub(super) sum: u64,
    /// True if nothing was inserted after the header was written.
    pub(super) closed: bool,
    /// Identifies the boot of the machine during which the header was written.
    pub(super) boot: u64,
}

impl Header {
    /// Newer one of the complete copies.
    pub(super) fn read(page: &[u8]) -> Option<Self> {
        page.chunks_exact(COPY_BYTES)
            .filter_map(Self::decode)
            .max_by_key(|header| header.generation)
    }

    /// Overwrites the older copy.
    pub(super) fn write(&self, page: &mut [u8]) {
        let copy = (self.generation % 2) as usize;
        page[copy * COPY_BYTES..][..FIELDS * 8].copy_from_slice(&self.encode());
    }

    fn encode(&self) -> [u8; FIELDS * 8] {
        let mut out = [0; FIELDS * 8];
        let fields = [
            MAGIC,
            self.generation,
            self.slots,
            self.seed,
            self.len,
            self.sum,
            u64::from(self.closed),
            self.boot,
        ];
        for (place, field) in out.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_ne_bytes());
        }
        let sum = xxh3_64(&out[..(FIELDS - 1) * 8]);
        out[(FIELDS - 1) * 8..].copy_from_slice(&sum.to_ne_bytes());
        out
    }

    fn decode(copy: &[u8]) -> Option<Self> {
        let mut fields = [0; FIELDS];
        for (field, bytes) in fields.iter_mut().zip(copy.chunks_exact(8)) {
            *field = u64::from_ne_bytes(bytes.try_into().ok()?);
        }
        let [
            magic,
            generation,
            slots,
            seed,
            len,
            sum,
            closed,
            boot,
            checksum,
        ] = fields;
        let whole = magic == MAGIC && xxh3_64(copy.get(..(FIELDS - 1) * 8)?) == checksum;
        whole.then_some(Self {
            generation,
            slots,
            seed,
            len,
            sum,
            closed: closed == 1,
            boot,
        })
    }
}

/// Number that identifies this boot of the machine. If the kernel does not provide one, the number is random, so that
/// no file is trusted wrongly.
pub(super) fn this_boot() -> u64 {
    match std::fs::read("/proc/sys/kernel/random/boot_id") {
        Ok(id) => xxh3_64(&id),
        Err(_) => super::HashKey::random().0,
    }
}
