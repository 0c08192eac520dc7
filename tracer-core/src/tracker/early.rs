//! Records of connections that are not open yet: with TCP Fast Open (RFC 7413) the SYN carries the beginning of a request
//! or a ClientHello, or what a proxy is asked, whose records come before that of the connect. They are kept until the connect has ended.

use std::collections::{HashMap, VecDeque};

use tracer_common::record::{TlsRecord, TunnelRecord, note};

use super::Tracker;
use crate::{decode::Hello, tls::Side};

/// Limit of the connections whose records are kept.
const CONNECTIONS: usize = 4096;
/// Limit of the records of one connection: a ClientHello takes three at most.
const RECORDS: usize = 8;

/// Records kept, by the cookie of the socket.
#[derive(Debug, Default)]
pub(super) struct EarlyRecords {
    records: HashMap<u64, Vec<EarlyRecord>>,
    /// Cookies in the order in which the connections began; also of those that are over.
    order: VecDeque<u64>,
}

/// Record of a connection that is not open yet.
#[derive(Debug)]
pub(super) enum EarlyRecord {
    /// Bytes of the stream.
    Hello {
        side: Side,
        time_ns: u64,
        offset: u32,
        bytes: Vec<u8>,
        tells_clear: bool,
        note: Option<u8>,
    },
    /// End of the handshake.
    Tls(TlsRecord),
    /// End of an exchange with a proxy.
    Tunnel(TunnelRecord),
}

impl EarlyRecords {
    /// Keeps a record with bytes. False when its connection is not waited for.
    pub(super) fn keeps_hello(&mut self, hello: &Hello<'_>) -> bool {
        if hello.note == Some(note::IN_SYN) {
            self.begin(hello.cookie);
            return true;
        }
        self.keep(hello.cookie, || EarlyRecord::Hello {
            side: hello.side,
            time_ns: hello.time_ns,
            offset: hello.offset,
            bytes: hello.bytes.to_vec(),
            tells_clear: hello.tells_clear,
            note: hello.note,
        })
    }

    /// Keeps the end of a handshake. False when its connection is not waited for.
    pub(super) fn keeps_tls(&mut self, record: &TlsRecord) -> bool {
        self.keep(record.header.cookie, || EarlyRecord::Tls(*record))
    }

    /// Keeps the end of an exchange with a proxy. False when its connection is not waited for.
    pub(super) fn keeps_tunnel(&mut self, record: &TunnelRecord) -> bool {
        self.keep(record.header.cookie, || EarlyRecord::Tunnel(*record))
    }

    /// Records of a connection whose connect has ended.
    pub(super) fn take(&mut self, cookie: u64) -> Vec<EarlyRecord> {
        if self.records.is_empty() {
            return Vec::new();
        }
        self.records.remove(&cookie).unwrap_or_default()
    }

    fn begin(&mut self, cookie: u64) {
        if self.order.len() == CONNECTIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.records.remove(&oldest);
        }
        self.order.push_back(cookie);
        self.records.insert(cookie, Vec::new());
    }

    fn keep(&mut self, cookie: u64, record: impl FnOnce() -> EarlyRecord) -> bool {
        let Some(kept) = self.records.get_mut(&cookie) else {
            return false;
        };
        if kept.len() < RECORDS {
            kept.push(record());
        }
        true
    }
}

impl Tracker {
    /// Takes the records that came before the connection was open.
    pub(super) fn apply_early(&mut self, cookie: u64, records: &[EarlyRecord]) {
        for record in records {
            match record {
                EarlyRecord::Hello {
                    side,
                    time_ns,
                    offset,
                    bytes,
                    tells_clear,
                    note,
                } => self.hello(&Hello {
                    cookie,
                    side: *side,
                    time_ns: *time_ns,
                    offset: *offset,
                    bytes,
                    tells_clear: *tells_clear,
                    note: *note,
                }),
                EarlyRecord::Tls(record) => self.handshaken(record),
                EarlyRecord::Tunnel(record) => self.tunnelled(record),
            }
        }
    }
}
