//! Bytes that begin at a multiple of eight, as the records in them must.

use zerocopy::IntoBytes;

/// A growing array of bytes, aligned to eight.
#[derive(Debug, Clone, Default)]
pub struct Words {
    words: Vec<u64>,
    length: usize,
}

impl Words {
    /// So many zero bytes, in the place of what was there.
    pub fn reset(&mut self, length: usize) -> &mut [u8] {
        self.words.clear();
        self.words.resize(length.div_ceil(8), 0);
        self.length = length;
        &mut self.words.as_mut_slice().as_mut_bytes()[..length]
    }

    /// Adds bytes at the end.
    pub fn extend(&mut self, bytes: &[u8]) {
        let from = self.length;
        self.length += bytes.len();
        self.words.resize(self.length.div_ceil(8), 0);
        self.words.as_mut_slice().as_mut_bytes()[from..self.length].copy_from_slice(bytes);
    }

    /// What is there.
    pub fn bytes(&self) -> &[u8] {
        &self.words.as_slice().as_bytes()[..self.length]
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// None.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}
