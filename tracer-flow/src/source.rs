//! Access to the payload of a segment.

/// Source of payload bytes: the current packet, or a segment from the out-of-order queue.
pub trait Source {
    /// Copies `length` bytes (1 to 4096) from `position`; false when the payload does not have them.
    ///
    /// # Safety
    /// `to` is valid for writes of `length` bytes.
    unsafe fn load(&self, position: u32, to: *mut u8, length: u32) -> bool;

    /// Copies N bytes from `position`; None when the payload does not have them.
    #[inline(always)]
    fn bytes<const N: usize>(&self, position: u32) -> Option<[u8; N]> {
        let mut bytes = [0u8; N];
        // SAFETY: the array has N bytes.
        unsafe { self.load(position, bytes.as_mut_ptr(), N as u32) }.then_some(bytes)
    }
}

/// The current packet, with its socket.
pub trait Packet: Source {
    /// Time when the packet passed, ns. `EGRESS`: the process sent it.
    fn time_ns<const EGRESS: bool>(&self) -> u64;

    /// Sequence number up to which the socket has all bytes in order (`tcp_sock.rcv_nxt`), without this segment; None
    /// when there is no full socket.
    fn readable_to(&self) -> Option<u32>;

    /// Acknowledgement number; None if it cannot be read.
    fn acknowledged(&self) -> Option<u32>;
}
