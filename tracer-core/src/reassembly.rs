//! Reassembles the contiguous prefix of one direction from fragments in any order.

use std::ops::Range;

/// Limit of the bytes kept per direction. Hellos with post-quantum key shares are below 2 KiB; 8 KiB leaves room for
/// long session tickets.
pub const CAPACITY_BYTES: usize = 8 * 1024;

/// Limit of separate pieces kept after the first gap. A fragment that would need one more is dropped as if it had not
/// been captured.
pub const MAX_ISLANDS: usize = 32;

/// Step by which the buffer grows, so that a small hello needs one small allocation.
const GROWTH_BYTES: usize = 1024;

/// Buffer in which the bytes `..contiguous` are known, and beyond them only those in `islands`.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    buffer: Vec<u8>,
    contiguous: usize,
    /// Known ranges beyond `contiguous`: sorted, disjoint, not touching.
    islands: Vec<Range<usize>>,
}

impl Reassembly {
    /// All bytes up to the first gap.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.contiguous]
    }

    pub(crate) fn is_full(&self) -> bool {
        self.contiguous == CAPACITY_BYTES
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.buffer.capacity() + self.islands.capacity() * size_of::<Range<usize>>()
    }

    /// Moves bytes that have been read toward the front, over record headers no longer needed.
    pub(crate) fn shift_down(&mut self, from: Range<usize>, to: usize) {
        debug_assert!(to <= from.start && from.end <= self.contiguous);
        self.buffer.copy_within(from, to);
    }

    /// Adds a fragment; bytes that are already known do not change.
    pub(crate) fn insert(&mut self, offset: u32, bytes: &[u8]) {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = offset.saturating_add(bytes.len()).min(CAPACITY_BYTES);
        let piece = offset.max(self.contiguous)..end;
        if piece.is_empty() || !self.has_room(&piece) {
            return;
        }
        self.reserve(end);
        self.fill_gaps(&piece, offset, bytes);
        self.mark_known(piece);
    }

    fn has_room(&self, piece: &Range<usize>) -> bool {
        self.islands.len() < MAX_ISLANDS
            || piece.start == self.contiguous
            || self.islands.iter().any(|island| touches(island, piece))
    }

    fn reserve(&mut self, end: usize) {
        let wanted = end.next_multiple_of(GROWTH_BYTES);
        if self.buffer.len() < wanted {
            self.buffer.reserve_exact(wanted - self.buffer.len());
            self.buffer.resize(wanted, 0);
        }
    }

    fn fill_gaps(&mut self, piece: &Range<usize>, offset: usize, bytes: &[u8]) {
        let mut at = piece.start;
        for island in self.islands.iter().filter(|island| touches(island, piece)) {
            let gap = at..island.start.min(piece.end);
            if !gap.is_empty() {
                self.buffer[gap.clone()]
                    .copy_from_slice(&bytes[gap.start - offset..gap.end - offset]);
            }
            at = at.max(island.end);
        }
        if at < piece.end {
            self.buffer[at..piece.end].copy_from_slice(&bytes[at - offset..piece.end - offset]);
        }
    }

    fn mark_known(&mut self, mut piece: Range<usize>) {
        self.islands.retain(|island| {
            let joined = touches(island, &piece);
            if joined {
                piece = piece.start.min(island.start)..piece.end.max(island.end);
            }
            !joined
        });
        if piece.start <= self.contiguous {
            self.contiguous = piece.end;
            return;
        }
        let place = self
            .islands
            .partition_point(|island| island.start < piece.start);
        self.islands.insert(place, piece);
    }
}

/// True if two ranges overlap or touch.
fn touches(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start <= b.end && b.start <= a.end
}
