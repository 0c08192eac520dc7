//! TLS records of one direction, put together from the segments that they were in.

use std::collections::VecDeque;

use tracer_common::http2::{Passed, passed};

/// TLS record on the wire with application data, or with a message that looks like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TlsRecord {
    /// Length without the record's header.
    pub(super) length: u16,
    /// Time of the segment with the first byte, ns.
    pub(super) begin_ns: u64,
    /// Time of the segment with the last byte, ns; 0 when it has not passed yet.
    pub(super) end_ns: u64,
}

/// Content type of application data, and of everything encrypted in TLS 1.3 (RFC 8446 5.1).
const APPLICATION_DATA: u8 = 23;

/// Records of one direction.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// Record that has begun and not ended: true if it looks like data.
    open: Option<bool>,
    /// True after the first record.
    has_begun: bool,
}

impl Wire {
    /// Adds the records of one segment to `records`, without those of other types. Returns false if a part of the stream
    /// is missing before them.
    pub(super) fn take(
        &mut self,
        at_ns: u64,
        entries: &[Passed],
        records: &mut VecDeque<TlsRecord>,
    ) -> bool {
        let mut is_whole = true;
        for entry in entries {
            let begins = entry.flags & passed::BEGINS != 0;
            let is_data = entry.kind == APPLICATION_DATA;
            if begins {
                is_whole &= self.open.is_none();
                self.open = Some(is_data);
                if is_data {
                    records.push_back(TlsRecord {
                        length: entry.length,
                        begin_ns: at_ns,
                        end_ns: 0,
                    });
                }
            } else {
                // The rest of a record that had begun before tracing says nothing.
                is_whole &= self.open.is_some() || !self.has_begun;
            }
            self.has_begun = true;
            if entry.flags & passed::ENDS == 0 {
                continue;
            }
            if self.open.take() == Some(true)
                && let Some(last) = records.back_mut()
            {
                last.end_ns = at_ns;
            }
        }
        is_whole
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

    /// Begin and end of the records after these segments, and whether each was whole.
    fn check(segments: &[&[Passed]], expected: &[(u64, u64)], whole: &[bool]) {
        let (mut wire, mut records) = (Wire::default(), VecDeque::new());
        let is_whole: Vec<bool> = (1..)
            .zip(segments)
            .map(|(at_ns, segment)| wire.take(at_ns, segment, &mut records))
            .collect();
        let times: Vec<_> = records
            .iter()
            .map(|one| (one.begin_ns, one.end_ns))
            .collect();
        assert_eq!((times.as_slice(), is_whole.as_slice()), (expected, whole));
    }

    #[test]
    fn records_over_segments() {
        let (begin, end) = (entry(900, 23, passed::BEGINS), entry(900, 23, passed::ENDS));
        let whole = entry(9, 23, BOTH);
        check(
            &[&[whole, begin], &[end, begin]],
            &[(1, 1), (1, 2), (2, 0)],
            &[true; 2],
        );
        // An alert of TLS 1.2 over two segments.
        let alert = [entry(2, 21, passed::BEGINS), entry(2, 21, passed::ENDS)];
        check(
            &[&[whole, alert[0]], &[alert[1], whole]],
            &[(1, 1), (2, 2)],
            &[true; 2],
        );
    }

    #[test]
    fn what_is_missing() {
        let (begin, end) = (entry(900, 23, passed::BEGINS), entry(900, 23, passed::ENDS));
        check(&[&[end, begin]], &[(1, 0)], &[true]);
        check(&[&[begin], &[begin]], &[(1, 0), (2, 0)], &[true, false]);
        check(&[&[begin], &[end], &[end]], &[(1, 2)], &[true, true, false]);
    }
}
