//! Heads of responses in clear: a sample of them is counted by compression and by whether the server will close.

use std::sync::Arc;

use super::Tracker;
use crate::{
    connection::Connection,
    group::Group,
    http::{self, response::Response},
};

impl Tracker {
    /// Notes what the first request in clear asks of its response.
    pub(super) fn note_wishes(connection: &mut Connection, bytes: &[u8]) {
        connection.heads_only = http::is_head(bytes);
        connection.asks_compression = http::asks_compression(bytes);
    }

    /// Takes the beginning of the response to request `number`. `is_bodyless`: the request asks for its head only.
    pub(super) fn response(
        &mut self,
        connection: &mut Connection,
        number: u32,
        bytes: &[u8],
        is_bodyless: bool,
    ) {
        let Some(response) = Response::read(bytes) else {
            return;
        };
        if number == 1 && !is_bodyless {
            connection.first_response = response.length();
        }
        self.settle_host(connection);
        if !connection.counted {
            return;
        }
        if response.asks_close() && !std::mem::replace(&mut connection.server_closes, true) {
            self.of_connection(connection, |group| {
                group.connections.server_asks_close += 1;
            });
        }
        if is_bodyless || !response.is_whole_answer() {
            return;
        }
        let (body, asked) = (response.body(), connection.asks_compression);
        let count = |group: &mut Group| group.responses.take(body, asked);
        let target = connection
            .forwarded
            .as_ref()
            .and_then(|forwarded| forwarded.known(number));
        let Some(key) = target.cloned() else {
            return self.of_connection(connection, count);
        };
        count(Arc::make_mut(&mut self.totals));
        let host = self.hosts.of(key, None);
        self.of_rows(connection.process, host, count);
        for &proxy in connection.proxies() {
            count(self.proxies.group_mut(proxy));
        }
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::record::{
        CloseRecord, ConnectRecord, HELLO_SMALL, HelloRecord, TurnRecord, closer, connect,
        direction, kind, note, turn,
    };
    use zerocopy::{FromZeros, IntoBytes};

    use crate::{
        group::responses::Responses,
        snapshot::Snapshot,
        tracker::{
            Tracker, TrackerOptions,
            tests::fixture::{header, take},
        },
    };

    const GZIP: &str = "Accept-Encoding: gzip\r\n";
    const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n";

    fn bytes(direction: u8, clear: u8, offset: u32, text: &str) -> Vec<u8> {
        let header = header::<HelloRecord<HELLO_SMALL>>(kind::HELLO, 1, 900);
        let length = (text.len() as u16).to_ne_bytes();
        let marks = [direction, clear];
        let mut record = [
            header.as_bytes(),
            &offset.to_ne_bytes(),
            &length,
            &marks,
            text.as_bytes(),
        ]
        .concat();
        record.resize(size_of::<HelloRecord<HELLO_SMALL>>(), 0);
        record
    }

    /// State after a connection with this request and these responses.
    fn after(request: &str, responses: &[&str]) -> Snapshot {
        tracker_after(request, responses).snapshot()
    }

    fn tracker_after(request: &str, responses: &[&str]) -> Tracker {
        let mut tracker = Tracker::new(TrackerOptions::default());
        let mut connected = ConnectRecord::new_zeroed();
        connected.header = header::<ConnectRecord>(kind::CONNECT, 1, 20);
        (connected.endpoint.family, connected.endpoint.remote_port) = (2, 80);
        connected.outcome = connect::ESTABLISHED;
        take(&mut tracker, connected.as_bytes());
        take(&mut tracker, &bytes(direction::EGRESS, 1, 0, request));
        for (number, response) in (1..).zip(responses) {
            let record = bytes(direction::INGRESS, note::RESPONSE, number, response);
            take(&mut tracker, &record);
        }
        tracker
    }

    #[track_caller]
    fn check(request: &str, responses: &[&str], expected: Responses) {
        let snapshot = after(request, responses);
        assert_eq!(snapshot.totals.responses, expected);
        assert_eq!(snapshot.processes[0].group.responses, expected);
        let hosts = snapshot.hosts.iter().map(|host| host.group.responses.read);
        assert_eq!(hosts.sum::<u64>(), expected.read);
    }

    #[test]
    fn by_the_wish_of_the_client() {
        let plain = Responses {
            read: 2,
            text: 2,
            plain_sized: 2,
            plain_bytes: 10_000,
            bytes: 10_000,
            ..Responses::default()
        };
        let ask = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let asked = Responses {
            plain_asked: 2,
            ..plain
        };
        check(&ask(GZIP), &[PAGE, PAGE], asked);
        let unasked = Responses {
            plain_unasked: 2,
            ..plain
        };
        check(&ask(""), &[PAGE, PAGE], unasked);
        let cut = Responses {
            cut: 2,
            ..Responses::default()
        };
        check(
            "GET / HTTP/1.1\r\nHost: a\r\nCookie: lo",
            &[PAGE, PAGE],
            cut,
        );
    }

    #[test]
    fn what_has_no_whole_body() {
        let none = Responses::default();
        check("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", &[PAGE], none);
        let partly = PAGE.replace("200", "206");
        check(
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            &[&partly, "no HTTP"],
            none,
        );
    }

    #[test]
    fn a_response_to_head_has_no_body_wherever_it_is() {
        let mut tracker = tracker_after("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[PAGE]);
        let closing = PAGE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let head = bytes(direction::INGRESS, note::HEAD_RESPONSE, 2, &closing);
        take(&mut tracker, &head);
        let totals = tracker.snapshot().totals;
        let responses = &totals.responses;
        assert_eq!((responses.read, responses.bytes), (1, 5000));
        assert_eq!(
            totals.connections.server_asks_close, 1,
            "it says so all the same"
        );
    }

    #[test]
    fn requests_to_a_forward_proxy_count_for_their_hosts() {
        let request = format!("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n{GZIP}\r\n");
        let snapshot = after(&request, &[PAGE]);
        let of_host = |name: &str| {
            let host = snapshot.hosts.iter().find(|host| &*host.key.host == name);
            host.map(|host| host.group.responses.plain_asked)
        };
        assert_eq!(of_host("a.example"), Some(1));
        assert_eq!(snapshot.totals.responses.plain_asked, 1);
        assert_eq!(snapshot.proxies[0].group.responses.plain_asked, 1);
    }

    /// A client that closes when so many bytes of the response have come.
    #[track_caller]
    fn check_cut(request: &str, closer: u8, received: u64, expected: (u64, u64)) {
        let mut tracker = tracker_after(request, &[PAGE]);
        let mut turn = TurnRecord::new_zeroed();
        turn.header = header::<TurnRecord>(kind::TURN, 1, 5000);
        (turn.start_ns, turn.first_ns, turn.last_ns) = (1000, 1100, 1200);
        (turn.number, turn.ended, turn.protocol) = (1, turn::CLOSE, turn::CLEAR);
        take(&mut tracker, turn.as_bytes());
        let mut close = CloseRecord::new_zeroed();
        close.header = header::<CloseRecord>(kind::CLOSE, 1, 5000);
        (close.closing_ns, close.bytes_received, close.closer) = (5000, received, closer);
        take(&mut tracker, close.as_bytes());
        let group = tracker.snapshot().totals;
        let got = (group.requests.cut_short, group.phases.idle_at_close.count());
        assert_eq!(got, expected, "{received} bytes");
        let aborted = group.phases.aborted.quantile(0.5);
        assert_eq!(
            aborted.is_some_and(|age_ns| age_ns.abs_diff(4000) < 8),
            got.0 == 1
        );
    }

    #[test]
    fn a_response_that_the_client_cuts_short() {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let whole = PAGE.len() as u64 + 5000;
        check_cut(get, closer::CLIENT, whole - 1, (1, 0));
        check_cut(get, closer::CLIENT_RESET, whole - 1, (1, 0));
        check_cut(get, closer::CLIENT, whole, (0, 1));
        check_cut(get, closer::SERVER, whole - 1, (0, 1));
        check_cut(
            "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            closer::CLIENT,
            60,
            (0, 1),
        );
    }

    #[test]
    fn servers_that_will_close() {
        let closing = PAGE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let snapshot = after("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[&closing, &closing]);
        assert_eq!(snapshot.totals.connections.server_asks_close, 1);
        let snapshot = after("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[PAGE]);
        assert_eq!(snapshot.totals.connections.server_asks_close, 0);
    }
}
