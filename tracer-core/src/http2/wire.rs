//! TLS records of one direction, put together from the segments that they were in.

use std::collections::VecDeque;

use tracer_common::http2::{Passed, passed};

use super::track::Times;

/// TLS record on the wire with application data, or with a message that looks like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TlsRecord {
    /// Sequence number of the first byte of the record's header.
    pub(super) sequence: u32,
    /// Length without the record's header.
    pub(super) length: u16,
    /// Time of the segment with the first byte, ns; later when a byte before it came later.
    pub(super) begin_ns: u64,
    /// Time of the segment with the last byte, ns; later when a byte before it came later. 0 when it has not passed yet.
    pub(super) end_ns: u64,
}

impl TlsRecord {
    /// Times of plaintext in the record that was read at `read_ns`, or 0.
    pub(super) fn times(&self, read_ns: u64) -> Times {
        Times {
            begin_ns: self.begin_ns,
            end_ns: self.end_ns,
            read_ns,
        }
    }

    /// Notes that a segment at this place came at `at_ns`, when others behind it had come: they can be read only now.
    pub(super) fn wait_for(&mut self, sequence: u32, at_ns: u64) {
        let is_behind = |place: u32| place.wrapping_sub(sequence) <= FARTHEST;
        let last = self
            .sequence
            .wrapping_add(HEADER - 1 + u32::from(self.length));
        if is_behind(self.sequence) {
            self.begin_ns = self.begin_ns.max(at_ns);
        }
        if is_behind(last) && self.end_ns != 0 {
            self.end_ns = self.end_ns.max(at_ns);
        }
    }
}

/// Content type of application data, and of everything encrypted in TLS 1.3 (RFC 8446 5.1).
const APPLICATION_DATA: u8 = 23;

/// Most bytes that can be missing. Sequence numbers wrap around, so a greater distance means a place further back.
const FARTHEST: u32 = u32::MAX / 2;
/// Bytes of the header of a record.
const HEADER: u32 = 5;

/// Records of one direction.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// Record that has begun and not ended: true if it looks like data.
    open: Option<bool>,
    /// Sequence number behind the last record that has begun.
    next: Option<u32>,
}

/// Bytes between the records of a segment and those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// No bytes are missing.
    Whole,
    /// So many bytes are missing, besides the end of a record that has begun.
    Missing(u32),
    /// The records lie where others were.
    Behind,
}

/// Records that were in one segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    /// Time of the segment, ns.
    pub(super) at_ns: u64,
    /// Sequence number of the first byte of the first record.
    pub(super) sequence: u32,
    /// The records.
    pub(super) entries: &'a [Passed],
}

impl Wire {
    /// True if a record was seen.
    pub(super) fn has_begun(&self) -> bool {
        self.next.is_some()
    }

    /// Tells what is missing before the records of a segment, and leaves out the end of a record whose beginning was not
    /// seen: its bytes are missing before the next one.
    pub(super) fn before<'a>(&mut self, piece: Piece<'a>) -> (Before, Piece<'a>) {
        let Some((first, rest)) = piece.entries.split_first() else {
            return (Before::Whole, piece);
        };
        let behind = piece
            .sequence
            .wrapping_add(HEADER + u32::from(first.length));
        let begins = first.flags & passed::BEGINS != 0;
        let goes_on = !begins && self.open.is_some() && self.next == Some(behind);
        if goes_on {
            return (Before::Whole, piece);
        }
        if !begins {
            self.next.get_or_insert(behind);
            return self.before(Piece {
                sequence: behind,
                entries: rest,
                ..piece
            });
        }
        let missing = self
            .next
            .map_or(0, |next| piece.sequence.wrapping_sub(next));
        let before = match missing {
            0 if self.open.is_none() => Before::Whole,
            0..=FARTHEST => Before::Missing(missing),
            _ => Before::Behind,
        };
        if before != Before::Whole {
            self.open = None;
        }
        (before, piece)
    }

    /// Adds the records of one segment to `records`, without those of other types.
    pub(super) fn take(&mut self, piece: Piece<'_>, records: &mut VecDeque<TlsRecord>) {
        let mut sequence = piece.sequence;
        for entry in piece.entries {
            let begin = sequence;
            sequence = begin.wrapping_add(HEADER + u32::from(entry.length));
            self.next = Some(sequence);
            if entry.flags & passed::BEGINS != 0 {
                let is_data = entry.kind == APPLICATION_DATA;
                self.open = Some(is_data);
                if is_data {
                    records.push_back(TlsRecord {
                        sequence: begin,
                        length: entry.length,
                        begin_ns: piece.at_ns,
                        end_ns: 0,
                    });
                }
            }
            if entry.flags & passed::ENDS == 0 {
                continue;
            }
            if self.open.take() == Some(true)
                && let Some(last) = records.back_mut()
            {
                last.end_ns = piece.at_ns;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: u8 = passed::BEGINS | passed::ENDS;

    fn entry(length: u16, kind: u8, flags: u8) -> Passed {
        Passed {
            length,
            kind,
            flags,
        }
    }

    /// Begin and end of the records after segments at these places, and what was missing before each.
    fn check(segments: &[(u32, &[Passed])], expected: &[(u64, u64)], missing: &[Before]) {
        let (mut wire, mut records) = (Wire::default(), VecDeque::new());
        let mut before = Vec::new();
        for (at_ns, (sequence, entries)) in (1..).zip(segments) {
            let (missing, piece) = wire.before(Piece {
                at_ns,
                sequence: *sequence,
                entries,
            });
            before.push(missing);
            wire.take(piece, &mut records);
        }
        let times: Vec<_> = records
            .iter()
            .map(|one| (one.begin_ns, one.end_ns))
            .collect();
        assert_eq!((times.as_slice(), before.as_slice()), (expected, missing));
    }

    /// Sequence number of the first byte, near the end of the numbers.
    const FIRST: u32 = u32::MAX - 20;

    fn at(offset: u32) -> u32 {
        FIRST.wrapping_add(offset)
    }

    #[test]
    fn records_over_segments() {
        let (begin, end) = (entry(900, 23, passed::BEGINS), entry(900, 23, passed::ENDS));
        let whole = entry(9, 23, BOTH);
        check(
            &[(FIRST, &[whole, begin]), (at(14), &[end, begin])],
            &[(1, 1), (1, 2), (2, 0)],
            &[Before::Whole; 2],
        );
        // An alert of TLS 1.2 over two segments.
        let alert = [entry(2, 21, passed::BEGINS), entry(2, 21, passed::ENDS)];
        check(
            &[(FIRST, &[whole, alert[0]]), (at(14), &[alert[1], whole])],
            &[(1, 1), (2, 2)],
            &[Before::Whole; 2],
        );
    }

    #[test]
    fn what_is_missing() {
        let (begin, end) = (entry(900, 23, passed::BEGINS), entry(900, 23, passed::ENDS));
        let whole = entry(9, 23, BOTH);
        // The beginning was before tracing.
        check(&[(FIRST, &[end, begin])], &[(1, 0)], &[Before::Whole]);
        // The end of a record was not seen, and neither were a thousand bytes behind it.
        check(
            &[(FIRST, &[begin]), (at(905), &[whole]), (at(1919), &[whole])],
            &[(1, 0), (2, 2), (3, 3)],
            &[Before::Whole, Before::Missing(0), Before::Missing(1000)],
        );
        // Of the record in the middle only the end was seen.
        check(
            &[(FIRST, &[whole]), (at(20), &[end]), (at(925), &[whole])],
            &[(1, 1), (3, 3)],
            &[Before::Whole, Before::Whole, Before::Missing(911)],
        );
        // The same record once more.
        check(
            &[(FIRST, &[whole]), (FIRST, &[whole])],
            &[(1, 1), (2, 2)],
            &[Before::Whole, Before::Behind],
        );
    }

    #[test]
    fn bytes_that_come_late_delay_what_is_behind_them() {
        let record = TlsRecord {
            sequence: FIRST,
            length: 95,
            begin_ns: 10,
            end_ns: 20,
        };
        let check = |sequence: u32, at_ns: u64, expected: (u64, u64)| {
            let mut record = record;
            record.wait_for(sequence, at_ns);
            assert_eq!((record.begin_ns, record.end_ns), expected);
        };
        check(FIRST, 30, (30, 30));
        check(at(1), 30, (10, 30));
        check(at(99), 30, (10, 30));
        check(at(100), 30, (10, 20));
        check(FIRST.wrapping_sub(1000), 15, (15, 20));
    }
}
