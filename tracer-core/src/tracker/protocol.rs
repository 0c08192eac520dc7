//! Protocol of a connection: whether it speaks HTTP/2, where a turn is not a request. The handshake tells, or the first bytes
//! in clear; where these do not, the sizes of records.

use tracer_common::record::turn;

use super::Tracker;
use crate::{client::Sign, connection::Connection, http};

impl Tracker {
    /// Notes what the handshake has shown.
    pub(super) fn note_protocol(&mut self, connection: &mut Connection) {
        connection.note_protocol();
        let hello = connection
            .hello
            .as_ref()
            .and_then(|hello| hello.client_hello());
        if let Some(sign) = hello.and_then(Sign::of_hello) {
            self.processes.note_client(connection.process, sign);
        }
        if connection.http2 == Some(true) {
            self.speaks_http2(connection);
        }
    }

    /// Notes what the first bytes in clear show.
    pub(super) fn note_request_in_clear(&mut self, connection: &mut Connection, bytes: &[u8]) {
        if http::is_http2(bytes) {
            self.speaks_http2(connection);
        }
        connection.asks_h2c |= http::asks_h2c(bytes);
        Self::note_wishes(connection, bytes);
        let agent = http::field(bytes, b"user-agent");
        if let Some(sign) = agent.and_then(Sign::of_agent) {
            self.processes.note_client(connection.process, sign);
        }
        if http::asks_close(bytes) && connection.counted {
            self.of_connection(connection, |group| group.connections.asks_close += 1);
        }
    }

    /// Counts the connection as one that speaks HTTP/2.
    pub(super) fn speaks_http2(&mut self, connection: &mut Connection) {
        connection.http2 = Some(true);
        self.take_back_upgrade(connection);
        let was_known = std::mem::replace(&mut connection.opening.content.http2, true);
        if connection.counted && !was_known {
            let (source, at_least) = (
                connection.opening.content.source,
                connection.opening.content.at_least,
            );
            self.of_connection(connection, |group| {
                group.connections.http2 += 1;
                group.http2.open(source, at_least);
            });
        }
    }

    /// Takes back that the server has switched protocols, if short records of the client have shown it: those of HTTP/2 are
    /// as short.
    fn take_back_upgrade(&mut self, connection: &mut Connection) {
        let content = &mut connection.opening.content;
        if connection.asks_h2c || !std::mem::replace(&mut content.upgraded, false) {
            return;
        }
        if connection.counted {
            self.of_connection(connection, |group| {
                let upgraded = &mut group.connections.upgraded;
                *upgraded = upgraded.saturating_sub(1);
            });
        }
    }

    /// True if a turn is one of HTTP/2. `looks_like_it`: the client has sent a preface in clear, or a record as long as an
    /// acknowledgement.
    pub(super) fn is_http2(
        &mut self,
        connection: &mut Connection,
        protocol: u8,
        looks_like_it: bool,
    ) -> bool {
        if connection.http2.is_none() {
            let is_shown = match protocol {
                turn::CLEAR => looks_like_it,
                _ => connection.offers_h2 && connection.signs.show_http2(looks_like_it),
            };
            if is_shown {
                self.speaks_http2(connection);
            }
        }
        connection.http2 == Some(true)
    }
}

/// True if the next turn may show that the first one was the preface of HTTP/2.
pub(super) fn may_be_http2(connection: &Connection) -> bool {
    connection.http2.is_none() && connection.offers_h2 && connection.signs.leave_it_open()
}
