//! A TCP segment.

/// Place of a segment's payload in the stream.
#[derive(Clone, Copy)]
pub struct Segment {
    /// Sequence number of the first payload byte (of the SYN itself for a SYN).
    pub sequence: u32,
    /// Payload bytes.
    pub length: u32,
    /// SYN flag.
    pub syn: bool,
}

impl Segment {
    /// Sequence number of the byte after the payload.
    #[inline(always)]
    pub fn end(&self) -> u32 {
        self.sequence.wrapping_add(self.length)
    }
}
