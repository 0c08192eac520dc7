//! Buffer whose bytes begin at an address that is a multiple of eight, as the records in it need.

use zerocopy::IntoBytes;

/// Growing array of bytes, aligned to eight.
#[derive(Debug, Clone, Default)]
pub struct Words {
    words: Vec<u64>,
    length: usize,
}

impl Words {
    /// Replaces the content by `length` zero bytes.
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

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.words.as_slice().as_bytes()[..self.length]
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Tells whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}
