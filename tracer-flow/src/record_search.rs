//! Search for the next TLS record in a segment, where the place of records is lost.

use crate::{
    outside::Loops,
    source::Source,
    tls::{APPLICATION_DATA, LONGEST_RECORD},
};

/// First byte of a record with application data, and the two bytes behind it, which are equal (RFC 8446 5.2).
const KIND: u8 = APPLICATION_DATA;
const VERSION: u8 = 3;
/// Bytes of the header of a record.
const HEADER: u32 = 5;
/// Words of eight bytes that are loaded together: a piece of four, and one more because a header that begins in the piece
/// may go on behind it.
const WORDS: usize = 5;
/// Bytes of a piece.
const PIECE: u32 = 32;
/// Most pieces that are looked at: more than a record and a header take.
const PIECES: u32 = LONGEST_RECORD / PIECE + 2;

/// Search through a segment.
struct Search {
    /// Position of the next piece.
    at: u32,
    /// Length of the segment.
    length: u32,
    /// Position of a header, or `NONE`.
    found: u32,
}

const NONE: u32 = u32::MAX;

/// Position of the first record with application data that begins in the segment. To be sure, another such record has to
/// begin behind its end, unless the segment does not go that far.
#[inline(never)]
pub(crate) fn find<S: Source, L: Loops>(source: &S, from: u32, length: u32) -> Option<u32> {
    let mut search = Search {
        at: from,
        length,
        found: NONE,
    };
    L::repeat(PIECES, || look(source, &mut search));
    (search.found != NONE).then_some(search.found)
}

/// Looks at the next piece; true at the end of the search.
#[inline(always)]
fn look<S: Source>(source: &S, search: &mut Search) -> bool {
    let mut words = [0u64; WORDS];
    // SAFETY: the array has as many bytes.
    if !unsafe { source.load(search.at, words.as_mut_ptr().cast(), WORDS as u32 * 8) } {
        return at_the_end(source, search);
    }
    let hit = first_hit(&words);
    if hit == PIECE {
        search.at += PIECE;
        return false;
    }
    let position = search.at + hit;
    check(source, search, position)
}

/// Looks at a position near the end of the segment, where a whole piece does not fit any more.
#[inline(always)]
fn at_the_end<S: Source>(source: &S, search: &mut Search) -> bool {
    if search.at + HEADER > search.length {
        return true;
    }
    let position = search.at;
    check(source, search, position)
}

/// Takes the position if a header is there; else the search goes on behind it.
#[inline(always)]
fn check<S: Source>(source: &S, search: &mut Search, position: u32) -> bool {
    let length = header_at(source, position);
    let behind = position + HEADER + length;
    let is_next = behind + HEADER > search.length || header_at(source, behind) != 0;
    if length != 0 && is_next {
        search.found = position;
        return true;
    }
    search.at = position + 1;
    false
}

/// Length of the record whose header is at a position; 0 if there is none.
#[inline(always)]
fn header_at<S: Source>(source: &S, position: u32) -> u32 {
    let Some(header) = source.bytes::<{ HEADER as usize }>(position) else {
        return 0;
    };
    let length = u32::from(u16::from_be_bytes([header[3], header[4]]));
    let is_header = header[0] == KIND && header[1] == VERSION && header[2] == VERSION;
    if is_header && length <= LONGEST_RECORD {
        length
    } else {
        0
    }
}

/// Position in a piece of the first byte that may begin a header; `PIECE` without one.
#[inline(always)]
fn first_hit(words: &[u64; WORDS]) -> u32 {
    let (mut at, mut hit) = (WORDS - 1, PIECE);
    let mut versions_behind = zero_bytes(words[at].to_le() ^ all(VERSION));
    while at != 0 {
        at -= 1;
        let word = words[at].to_le();
        let versions = zero_bytes(word ^ all(VERSION));
        let major = (versions >> 8) | (versions_behind << 56);
        let minor = (versions >> 16) | (versions_behind << 48);
        let hits = zero_bytes(word ^ all(KIND)) & major & minor;
        if hits != 0 {
            hit = at as u32 * 8 + hits.trailing_zeros() / 8;
        }
        versions_behind = versions;
    }
    hit
}

/// A word with this byte in all its places.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The highest bit of each byte that is zero.
#[inline(always)]
const fn zero_bytes(word: u64) -> u64 {
    let low = all(0x7f);
    !(((word & low) + low) | word | low)
}
