//! Records of a sweep, changed and read before the tracker takes them.

use std::{collections::HashMap, mem::offset_of};

use tracer_common::record::{Header, SocketRecord, kind};

/// Marks the sockets of a sweep that were established before `before_ns` as open before tracing began.
pub(super) fn adopt(records: &mut [u8], before_ns: u64) {
    const ESTABLISHED_NS: usize = offset_of!(SocketRecord, established_ns);
    const ADOPTED: usize = offset_of!(SocketRecord, adopted);
    let mut rest = records;
    while let Some((record, behind)) = split_record(rest) {
        if record[0] == kind::SOCKET
            && let Some(bytes) = record.get(ESTABLISHED_NS..ESTABLISHED_NS + 8)
            && let Ok(bytes) = bytes.try_into()
            && (1..before_ns).contains(&u64::from_ne_bytes(bytes))
            && let Some(adopted) = record.get_mut(ADOPTED)
        {
            *adopted = 1;
        }
        rest = behind;
    }
}

/// The first record, by the size in its header, and the bytes after it.
fn split_record(bytes: &mut [u8]) -> Option<(&mut [u8], &mut [u8])> {
    bytes.split_at_mut_checked(record_size(bytes)?)
}

/// Size of the first record, from its header.
fn record_size(bytes: &[u8]) -> Option<usize> {
    let size = bytes.get(offset_of!(Header, size)..)?.first_chunk()?;
    let size = u32::from_ne_bytes(*size) as usize;
    (size >= size_of::<Header>()).then_some(size)
}

/// Times at which a sweep passed each socket.
pub(super) struct Passed {
    /// Time by the socket's cookie, ns.
    at_ns: HashMap<u64, u64>,
    end_ns: u64,
}

impl Passed {
    /// Reads the times of a sweep that ended at `end_ns`.
    pub(super) fn of(sweep: &[u8], end_ns: u64) -> Self {
        let mut at_ns = HashMap::new();
        let mut rest = sweep;
        while let Some(size) = record_size(rest)
            && let Some((record, behind)) = rest.split_at_checked(size)
        {
            if record[0] == kind::SOCKET
                && let Some((cookie, time_ns)) = cookie_and_time(record)
            {
                at_ns.entry(cookie).or_insert(time_ns);
            }
            rest = behind;
        }
        Self { at_ns, end_ns }
    }

    /// True if a record of the ring was written before the sweep passed its socket. For a socket that the sweep did not
    /// find, the end of the sweep counts.
    pub(super) fn is_behind(&self, record: &[u8]) -> bool {
        cookie_and_time(record).is_some_and(|(cookie, time_ns)| {
            time_ns <= *self.at_ns.get(&cookie).unwrap_or(&self.end_ns)
        })
    }
}

fn cookie_and_time(record: &[u8]) -> Option<(u64, u64)> {
    let word = |at: usize| Some(u64::from_ne_bytes(*record.get(at..)?.first_chunk()?));
    Some((
        word(offset_of!(Header, cookie))?,
        word(offset_of!(Header, time_ns))?,
    ))
}

#[cfg(test)]
mod tests {
    use tracer_common::record::{TurnRecord, VERSION};
    use zerocopy::{FromZeros, IntoBytes};

    use super::*;

    fn header<T>(kind: u8, cookie: u64, time_ns: u64) -> Header {
        Header {
            kind,
            version: VERSION,
            pad: 0,
            size: size_of::<T>() as u32,
            time_ns,
            cookie,
        }
    }

    fn socket(cookie: u64, time_ns: u64) -> SocketRecord {
        let mut record = SocketRecord::new_zeroed();
        record.header = header::<SocketRecord>(kind::SOCKET, cookie, time_ns);
        record
    }

    #[test]
    fn what_the_sweep_has_seen_already_is_not_taken_again() {
        // A socket may be open in two processes: its first pass counts.
        let sweep = [socket(1, 100), socket(2, 110), socket(1, 120)];
        let passed = Passed::of(sweep.as_bytes(), 130);
        let is_behind = |cookie, time_ns| {
            let mut record = TurnRecord::new_zeroed();
            record.header = header::<TurnRecord>(kind::TURN, cookie, time_ns);
            passed.is_behind(record.as_bytes())
        };
        assert!(is_behind(1, 100) && !is_behind(1, 101));
        assert!(is_behind(2, 101) && !is_behind(2, 111));
        assert!(is_behind(3, 130) && !is_behind(3, 131));
        assert!(!passed.is_behind(&[0; 7]));
    }

    #[test]
    fn a_damaged_sweep_ends_where_it_is() {
        let sweep = socket(1, 100);
        let passed = Passed::of(&sweep.as_bytes()[..40], 130);
        assert!(passed.at_ns.is_empty());
    }
}
