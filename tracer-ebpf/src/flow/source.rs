//! Access to the payload of a segment.

use core::ffi::c_void;

/// Source of payload bytes: the packet at hand, or a segment from the out-of-order queue.
pub trait Source {
    /// Copies `length` bytes (at most 4096, at least 1) from `position`; false when they are not there.
    fn load(&self, position: u32, to: *mut c_void, length: u32) -> bool;

    /// Copies N bytes from `position`; none when they are not there.
    #[inline(always)]
    fn bytes<const N: usize>(&self, position: u32) -> Option<[u8; N]> {
        let mut bytes = [0u8; N];
        self.load(position, (&raw mut bytes).cast(), N as u32)
            .then_some(bytes)
    }
}

/// A packet at hand, with its socket.
pub trait Packet: Source {
    /// Sequence number up to which the socket has everything in order (`tcp_sock.rcv_nxt`), the segment itself not
    /// counted; none when there is no full socket.
    fn readable_to(&self) -> Option<u32>;
}
