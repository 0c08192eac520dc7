//! Passes over all open sockets that are counted: the one at the begin of tracing, and the one at its end.

use std::collections::HashSet;

use tracer_common::{
    record::{Header, SocketRecord},
    tcp_state::SYN_SENT,
};

use super::Tracker;
use crate::{
    connection::Recount,
    decode::{Event, decode},
    endpoint::remote,
    group::Opening,
};

impl Tracker {
    /// Takes a sweep of complete records, one after the other. A socket shared by several processes counts once. The
    /// `last` sweep of a trace also contains turns that were not reported.
    pub fn take_sweep(&mut self, bytes: &[u8], last: bool) {
        self.forget_activity();
        let mut seen = HashSet::new();
        for record in records(bytes) {
            match decode(record) {
                Ok(Event::Socket(socket, traffic))
                    if seen.insert((socket.header.cookie, Found::Socket)) =>
                {
                    self.open_socket(socket);
                    self.settle_http2(socket.header.cookie, socket.header.time_ns, last);
                    self.count_activity(socket, traffic, !last);
                }
                Ok(event @ (Event::Turn(_) | Event::FirstTurn(_))) if last => {
                    if seen.insert((event.cookie(), Found::Turn)) && !self.knows(&event) {
                        self.apply(&event);
                    }
                }
                Ok(event @ Event::Turns(_)) if last => {
                    if seen.insert((event.cookie(), Found::Waiting)) && !self.knows(&event) {
                        self.apply(&event);
                    }
                }
                Ok(_) => {}
                Err(_) => self.events.undecodable += 1,
            }
        }
        self.open_activity.is_over = last;
    }

    /// Takes an open socket. If it was open before tracing began, it is adopted; if its open record was lost, it is found.
    pub(super) fn open_socket(&mut self, record: &SocketRecord) {
        let cookie = record.header.cookie;
        let remote = remote(&record.endpoint);
        self.note_destination(&record.endpoint, remote);
        let is_new = record.adopted == 1 && !self.connections.contains_key(&cookie);
        if record.state != SYN_SENT && is_new {
            self.open(cookie, &record.endpoint, Opening::ADOPTED);
            if let Some(connection) = self.connections.get_mut(&cookie) {
                connection.recount = (record.turns != 0).then_some(Recount::Everywhere);
            }
        } else if record.untold == 1 {
            self.find(record);
        }
    }
}

/// Kinds of data that a sweep contains about a socket.
#[derive(PartialEq, Eq, Hash)]
enum Found {
    Socket,
    Waiting,
    Turn,
}

/// Records of a sweep, split by the size in their headers. If a size is not valid, the rest is returned as one record
/// that no decoder accepts.
pub(super) fn records(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (record, rest) = first_record(bytes)?;
        bytes = rest;
        Some(record)
    })
}

fn first_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let whole = || {
        let size = u32::from_ne_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
        (size >= size_of::<Header>())
            .then(|| bytes.split_at_checked(size))
            .flatten()
    };
    (!bytes.is_empty()).then(|| whole().unwrap_or((&bytes[..bytes.len().min(7)], &[])))
}
