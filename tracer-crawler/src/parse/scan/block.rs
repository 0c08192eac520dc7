//! Searches that look at sixteen bytes at once, for cases where the result is mostly within a few bytes.

use memchr::memchr;

/// Number of bytes examined together.
pub(super) const BLOCK: usize = 16;

/// Bit mask of the bytes in the block that are among the wanted ones; the lowest bit stands for the first byte.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn matches<const N: usize>(block: &[u8; BLOCK], wanted: [u8; N]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
        _mm_setzero_si128,
    };
    // SAFETY: SSE2 is part of x86-64, and the load takes the 16 bytes of `block`, at any alignment.
    unsafe {
        let block = _mm_loadu_si128(block.as_ptr().cast());
        let mut found = _mm_setzero_si128();
        for byte in wanted {
            let same = _mm_cmpeq_epi8(block, _mm_set1_epi8(byte.cast_signed()));
            found = _mm_or_si128(found, same);
        }
        _mm_movemask_epi8(found).cast_unsigned()
    }
}

/// Bit mask of the bytes in the block that are among the wanted ones; the lowest bit stands for the first byte.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(super) fn matches<const N: usize>(block: &[u8; BLOCK], wanted: [u8; N]) -> u32 {
    one_by_one(block, wanted)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn one_by_one<const N: usize>(block: &[u8; BLOCK], wanted: [u8; N]) -> u32 {
    let bits = block.iter().enumerate();
    bits.fold(0, |bits, (at, byte)| {
        bits | u32::from(wanted.contains(byte)) << at
    })
}

/// Position of the first such byte. Unlike `memchr`, this makes no function call when the byte is near.
#[inline(always)]
pub(super) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let Some(block) = text.first_chunk() else {
        return text.iter().position(|&other| other == byte);
    };
    match matches(block, [byte]) {
        0 => memchr(byte, &text[BLOCK..]).map(|at| BLOCK + at),
        bits => Some(bits.trailing_zeros() as usize),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_are_as_their_bytes(block: [u8; BLOCK], few in "[<>'\" a]{16}", at in 0..BLOCK) {
            let wanted = [block[at], b'<', b'>'];
            prop_assert_eq!(matches(&block, wanted), one_by_one(&block, wanted));
            prop_assert_eq!(matches(&block, []), 0);
            let few = few.as_bytes().first_chunk().unwrap();
            for byte in *few {
                prop_assert_eq!(matches(few, [byte, b'\'']), one_by_one(few, [byte, b'\'']));
            }
        }

        #[test]
        fn what_is_found_is_the_first(text in prop::collection::vec(0_u8..40, 0..80), byte in 0_u8..40) {
            prop_assert_eq!(find(byte, &text), memchr(byte, &text));
        }
    }
}
