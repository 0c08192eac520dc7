//! All subtraction of times and of sequence numbers. Two CPUs may read the clock and write their stamps in either order, so
//! the difference of two times may be negative; taken as an unsigned number it would be some 584 years.

/// Time from `earlier_ns` to `later_ns`; None when they are in the other order.
#[inline(always)]
pub fn elapsed(later_ns: u64, earlier_ns: u64) -> Option<u64> {
    later_ns.checked_sub(earlier_ns)
}

/// Bytes from `from` up to `to`: both are sequence numbers, which go on at zero behind the largest one (RFC 9293 3.4), or
/// both are positions in a segment.
#[inline(always)]
pub fn bytes_between(from: u32, to: u32) -> u32 {
    to.wrapping_sub(from)
}

/// Sequence-number order (RFC 9293 3.4): `a` comes after `b`.
#[inline(always)]
pub fn after(a: u32, b: u32) -> bool {
    (bytes_between(b, a) as i32) > 0
}
