//! All subtractions of times, of sequence numbers and of addresses. Two CPUs may read the clock and store their times in either
//! order, so a difference of two times may be negative; as an unsigned number it would be some 584 years.

/// Time from `earlier_ns` to `later_ns`; None when `later_ns` is the earlier one.
#[inline(always)]
pub fn elapsed(later_ns: u64, earlier_ns: u64) -> Option<u64> {
    later_ns.checked_sub(earlier_ns)
}

/// Number of bytes from `from` up to `to`. Both are sequence numbers, which continue at zero after the largest one (RFC
/// 9293 3.4), or both are positions in a segment.
#[inline(always)]
pub fn bytes_between(from: u32, to: u32) -> u32 {
    to.wrapping_sub(from)
}

/// Sequence number that lies so many bytes before another.
#[inline(always)]
pub fn before(sequence: u32, bytes: u32) -> u32 {
    sequence.wrapping_sub(bytes)
}

/// Order of sequence numbers (RFC 9293 3.4): true if `a` comes after `b`.
#[inline(always)]
pub fn after(a: u32, b: u32) -> bool {
    (bytes_between(b, a) as i32) > 0
}

/// Number of bytes from one address to another. If the other one is lower, adding the number leads there all the same.
#[inline(always)]
pub fn address_difference(from: u64, to: u64) -> u64 {
    to.wrapping_sub(from)
}
