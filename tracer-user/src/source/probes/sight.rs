//! Records that tell of a process at which to look.

use std::{
    collections::HashMap,
    mem::offset_of,
    time::{Duration, Instant},
};

use tracer_common::record::{
    ConnectRecord, Endpoint, ExecRecord, Header, ProcessRecord, SocketRecord, kind,
};

/// Time in which further connections of a process are no news.
const QUIET: Duration = Duration::from_millis(5);
/// Processes that are remembered at most; beyond that all are forgotten, which costs a look at each.
const MOST: usize = 1 << 16;

/// A process, and the reason to look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// A process that has a connection.
    Connects(u32),
    /// A process that runs another program from now on.
    Executes(u32),
    /// A process that has ended.
    Ends(u32),
}

/// Sights in the records of the ring.
#[derive(Debug)]
pub(super) struct Sights {
    on_exec: bool,
    connected: HashMap<u32, Instant>,
}

impl Sights {
    pub(super) fn new(on_exec: bool) -> Self {
        Self {
            on_exec,
            connected: HashMap::new(),
        }
    }

    /// Sights in records that follow one another. `now` is asked only where it matters, because there are many records.
    pub(super) fn of(&mut self, records: &[u8], now: impl Fn() -> Instant) -> Vec<Sight> {
        let mut found = Vec::new();
        let mut rest = records;
        while let Some(size) = number(rest, offset_of!(Header, size))
            && size as usize >= size_of::<Header>()
            && let Some((record, behind)) = rest.split_at_checked(size as usize)
        {
            found.extend(self.sight(record, &now));
            rest = behind;
        }
        found
    }

    fn sight(&mut self, record: &[u8], now: impl Fn() -> Instant) -> Option<Sight> {
        const OWNER: usize = offset_of!(Endpoint, tgid);
        match *record.first()? {
            kind::CONNECT => {
                let pid = number(record, offset_of!(ConnectRecord, endpoint) + OWNER)?;
                self.connects(pid, now())
            }
            kind::SOCKET => {
                let pid = number(record, offset_of!(SocketRecord, endpoint) + OWNER)?;
                self.connects(pid, now())
            }
            kind::EXEC if self.on_exec => {
                let pid = number(record, offset_of!(ExecRecord, tgid))?;
                self.connected.remove(&pid);
                Some(Sight::Executes(pid))
            }
            kind::EXIT => {
                let pid = number(record, offset_of!(ProcessRecord, tgid))?;
                self.connected.remove(&pid);
                Some(Sight::Ends(pid))
            }
            _ => None,
        }
    }

    fn connects(&mut self, pid: u32, now: Instant) -> Option<Sight> {
        if self.connected.len() >= MOST {
            self.connected.clear();
        }
        let last = self.connected.insert(pid, now);
        match last {
            Some(last) if now < last + QUIET => {
                // The time of the last sight stays, or a busy process would never be seen again.
                self.connected.insert(pid, last);
                None
            }
            _ => Some(Sight::Connects(pid)),
        }
    }
}

fn number(record: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*record.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use tracer_common::record::VERSION;
    use zerocopy::{FromZeros, IntoBytes};

    use super::*;

    fn header<T>(kind: u8) -> Header {
        Header {
            kind,
            version: VERSION,
            pad: 0,
            size: size_of::<T>() as u32,
            time_ns: 1,
            cookie: 1,
        }
    }

    fn connect(pid: u32) -> Vec<u8> {
        let mut record = ConnectRecord::new_zeroed();
        record.header = header::<ConnectRecord>(kind::CONNECT);
        record.endpoint.tgid = pid;
        record.as_bytes().to_vec()
    }

    fn process(kind: u8, pid: u32) -> Vec<u8> {
        let mut record = ProcessRecord::new_zeroed();
        record.header = header::<ProcessRecord>(kind);
        record.tgid = pid;
        record.as_bytes().to_vec()
    }

    fn exec(pid: u32) -> Vec<u8> {
        let mut record = ExecRecord::new_zeroed();
        record.header = header::<ExecRecord>(kind::EXEC);
        record.tgid = pid;
        record.as_bytes().to_vec()
    }

    #[test]
    fn connections_ends_and_programs_are_seen() {
        let mut sights = Sights::new(true);
        let now = Instant::now();
        let mut socket = SocketRecord::new_zeroed();
        socket.header = header::<SocketRecord>(kind::SOCKET);
        socket.endpoint.tgid = 9;
        let records = [
            connect(7),
            exec(7),
            connect(7),
            process(kind::FORK, 8),
            process(kind::EXIT, 7),
            socket.as_bytes().to_vec(),
            vec![kind::CONNECT],
        ];
        let expected = [
            Sight::Connects(7),
            Sight::Executes(7),
            Sight::Connects(7),
            Sight::Ends(7),
            Sight::Connects(9),
        ];
        assert_eq!(sights.of(&records.concat(), || now), expected);
        assert_eq!(Sights::new(false).of(&exec(7), || now), []);
    }

    #[test]
    fn a_busy_process_is_seen_now_and_then() {
        let mut sights = Sights::new(true);
        let begun = Instant::now();
        let mut seen = 0;
        for step in 0..100 {
            let now = begun + Duration::from_millis(step);
            seen += sights.of(&connect(7), || now).len();
        }
        assert_eq!(seen, 20);
    }
}
