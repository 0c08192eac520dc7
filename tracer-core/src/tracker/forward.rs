//! Requests to a forward proxy in clear: each counts for the host that it asks for, and the connection for the proxy.

use std::sync::Arc;

use tracer_common::record::TurnRecord;

use super::{Tracker, turns::count_turn};
use crate::{
    connection::{Connection, LastTurn},
    ticket::FirstByte,
    tunnel::target,
};

impl Tracker {
    /// Notes the first bytes of a request in clear, if it is one to a forward proxy. `number`: that of the request.
    pub(super) fn note_forwarded(
        &mut self,
        connection: &mut Connection,
        number: u32,
        bytes: &[u8],
    ) -> bool {
        let Some(target) = target::of_absolute(bytes) else {
            return false;
        };
        self.reach_proxy(connection);
        connection
            .forwarded
            .get_or_insert_default()
            .ask(number, &target);
        true
    }

    /// Counts a turn of a connection to a forward proxy.
    pub(super) fn forwarded_turn(
        &mut self,
        connection: &mut Connection,
        record: &TurnRecord,
        answer: FirstByte,
    ) {
        let key = connection
            .forwarded
            .as_mut()
            .and_then(|forwarded| forwarded.host(record.number));
        let is_admitted = match &key {
            Some(key) => self.admits(&key.host),
            None => connection.counted,
        };
        if !is_admitted {
            return;
        }
        self.count_at_last(connection);
        let host = match key.clone() {
            Some(key) => self.hosts.of(key, None),
            None => connection.host,
        };
        let proxy = Arc::new(self.hosts.key(connection.host).as_proxy());
        if host != connection.host {
            self.hosts.note_via(host, &[proxy]);
        }
        count_turn(record, answer, false, Arc::make_mut(&mut self.totals));
        count_turn(
            record,
            answer,
            false,
            self.processes.group_mut(connection.process),
        );
        for &proxy in connection.proxies() {
            count_turn(record, answer, false, self.proxies.group_mut(proxy));
        }
        let is_first = match (&key, connection.forwarded.as_mut()) {
            (Some(key), Some(forwarded)) => forwarded.is_first_to(key),
            _ => false,
        };
        self.of_host(connection.process, host, |group| {
            count_turn(record, answer, false, group);
            group.requests.connections += u64::from(is_first && record.number > 1);
        });
        self.sample_turn(connection, host, record, answer);
        connection.last_turn = Some(LastTurn::of(record, false));
    }
}
