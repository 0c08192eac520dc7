//! Tests with messages as bytes and lookups as packets.

use proptest::prelude::*;

mod copies;

use super::{counts::Dns, message::rcode, packet::tests::packet, *};
use crate::group::Group;

const A: u16 = 1;
const SECOND: u64 = 1_000_000_000;

fn wire_name(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut wire: Vec<u8> = labels
        .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
        .collect();
    wire.push(0);
    wire
}

fn header(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    [id, flags]
        .iter()
        .chain(&counts)
        .flat_map(|word| word.to_be_bytes())
        .collect()
}

fn query(id: u16, name: &str) -> Vec<u8> {
    let tail = [wire_name(name), vec![0, 1, 0, 1]].concat();
    [header(id, 0x0100, [1, 0, 0, 0]), tail].concat()
}

fn record(name: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut wire = name.to_vec();
    wire.extend([kind, 1].iter().flat_map(|word| word.to_be_bytes()));
    wire.extend(ttl.to_be_bytes());
    wire.extend((data.len() as u16).to_be_bytes());
    wire.extend(data);
    wire
}

/// Answer to a query, with records in the answer section.
fn answer(id: u16, name: &str, flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let mut wire = header(id, 0x8180 | flags, [1, records.len() as u16, 0, 0]);
    wire.extend(wire_name(name));
    wire.extend([0, 1, 0, 1]);
    wire.extend(records.concat());
    wire
}

const TO_QUESTION: [u8; 2] = [0xc0, 12];

fn address_of(name: &str, id: u16) -> Vec<u8> {
    answer(id, name, 0, &[record(&TO_QUESTION, A, 60, &[10, 0, 0, 1])])
}

#[derive(Default)]
struct Trace {
    dns: Option<DnsTracker>,
    group: Group,
}

impl Trace {
    fn packet(
        &mut self,
        time_ns: u64,
        cookie: u64,
        egress: bool,
        tcp: bool,
        bytes: &[u8],
    ) -> &mut Self {
        let mut packet = packet(bytes);
        (packet.time_ns, packet.cookie, packet.egress, packet.tcp) = (time_ns, cookie, egress, tcp);
        packet.position = u32::from(tcp);
        self.dns().take(&packet, 0);
        self
    }

    fn dns(&mut self) -> &mut DnsTracker {
        self.dns
            .get_or_insert_with(|| DnsTracker::new(HostFilter::all(), false))
    }

    /// Sends a query to the server at an address that ends in `server`.
    fn ask_at(&mut self, server: u8, time_ns: u64, cookie: u64, id: u16, name: &str) -> &mut Self {
        let bytes = query(id, name);
        let mut packet = packet(&bytes);
        let mut endpoint = *packet.endpoint;
        endpoint.remote[3] = server;
        (packet.time_ns, packet.cookie) = (time_ns, cookie);
        packet.endpoint = &endpoint;
        self.dns().take(&packet, 0);
        self
    }

    fn ask(&mut self, time_ns: u64, cookie: u64, id: u16, name: &str) -> &mut Self {
        self.packet(time_ns, cookie, true, false, &query(id, name))
    }

    fn get(&mut self, time_ns: u64, cookie: u64, bytes: &[u8]) -> &mut Self {
        self.packet(time_ns, cookie, false, false, bytes)
    }

    fn close(&mut self, time_ns: u64, cookie: u64) -> &mut Self {
        self.dns().released(time_ns, cookie);
        self
    }

    #[track_caller]
    fn end(&mut self, time_ns: u64, expected: Dns) -> Vec<u64> {
        self.dns().expire(time_ns);
        self.dns().finish(time_ns);
        for (_, change) in self.dns().take_changes() {
            self.group.look_up(change);
        }
        assert_eq!(self.group.dns, expected);
        let answered = self.group.phases.dns.to_hdr();
        answered
            .iter_recorded()
            .map(|step| step.value_iterated_to())
            .collect()
    }
}

fn counts(queries: u64, answered: u64) -> Dns {
    Dns {
        queries,
        answered,
        ..Dns::default()
    }
}

#[test]
fn query_and_answer() {
    let mut trace = Trace::default();
    trace
        .ask(1000, 1, 9, "Example.org")
        .get(2023, 1, &address_of("example.ORG", 9));
    assert_eq!(trace.end(SECOND, counts(1, 1)), [1023]);
    let name = trace.dns().name(7, "10.0.0.1".parse().unwrap()).cloned();
    assert_eq!(name.as_deref(), Some("example.org"));
    assert!(trace.dns().name(8, "10.0.0.1".parse().unwrap()).is_none());
    trace.dns().forked(7, 8);
    assert!(trace.dns().name(8, "10.0.0.1".parse().unwrap()).is_some());
}

#[test]
fn another_id_name_or_socket_is_no_answer() {
    let mut trace = Trace::default();
    trace.ask(0, 1, 9, "a.test");
    for (cookie, id, name) in [(1, 8, "a.test"), (1, 9, "b.test"), (2, 9, "a.test")] {
        trace.get(10, cookie, &address_of(name, id));
    }
    trace.end(SECOND, counts(1, 0));
    trace.end(
        6 * SECOND,
        Dns {
            failed: DnsFailed {
                timeout: 1,
                ..DnsFailed::default()
            },
            ..counts(1, 0)
        },
    );
}

use super::counts::DnsFailed;

#[test]
fn response_codes() {
    let mut trace = Trace::default();
    for (id, code) in [(1, rcode::NXDOMAIN), (2, rcode::SERVFAIL), (3, 5)] {
        trace
            .ask(0, 1, id, "a.test")
            .get(5, 1, &answer(id, "a.test", code, &[]));
    }
    let failed = DnsFailed {
        nxdomain: 1,
        servfail: 1,
        other: 1,
        timeout: 0,
    };
    trace.end(
        SECOND,
        Dns {
            failed,
            ..counts(3, 0)
        },
    );
    assert_eq!(trace.group.phases.dns_failed.count(), 3);
}

/// The answer found the ring buffer full, and is reported either after or before its query is read.
#[test]
fn answers_without_their_content() {
    let mut trace = Trace::default();
    trace
        .ask(100, 1, 9, "a.test")
        .dns()
        .answer_lost(150, 1, 9, 0x8180);
    trace.dns().answer_lost(260, 2, 7, 0x8183);
    trace.ask(200, 2, 7, "b.test");
    // This answer belongs to an earlier query with the same id.
    trace.dns().answer_lost(290, 3, 7, 0x8180);
    trace.ask(300, 3, 7, "c.test");
    let failed = DnsFailed {
        nxdomain: 1,
        ..DnsFailed::default()
    };
    let expected = Dns {
        failed,
        ..counts(3, 1)
    };
    assert_eq!(trace.end(SECOND, expected), [50]);
}

#[test]
fn asked_again_on_the_same_socket() {
    let mut trace = Trace::default();
    trace
        .ask(0, 1, 9, "a.test")
        .ask(10, 1, 9, "a.test")
        .ask(2 * SECOND, 1, 10, "a.test");
    trace.get(2 * SECOND + 7, 1, &address_of("a.test", 9));
    let lasted = trace.end(
        3 * SECOND,
        Dns {
            retries: 2,
            ..counts(1, 1)
        },
    );
    assert!(
        (2 * SECOND..2 * SECOND + SECOND / 100).contains(&lasted[0]),
        "{lasted:?}"
    );
}

#[test]
fn asked_again_on_another_socket_after_the_first_was_closed() {
    let mut trace = Trace::default();
    trace
        .ask(0, 1, 9, "a.test")
        .close(5 * SECOND, 1)
        .ask(5 * SECOND + 1, 2, 9, "a.test");
    trace.get(5 * SECOND + 2, 2, &address_of("a.test", 9));
    trace.end(
        6 * SECOND,
        Dns {
            retries: 1,
            ..counts(1, 1)
        },
    );
}

/// glibc leaves the socket of the first server open, and its timeout may be a second.
#[test]
fn asked_again_with_the_same_id_on_another_socket_while_the_first_is_open() {
    let mut trace = Trace::default();
    trace
        .ask(0, 1, 9, "a.test")
        .ask(SECOND / 2, 2, 9, "a.test")
        .get(SECOND / 2 + 7, 2, &address_of("a.test", 9));
    let lasted = trace.end(
        SECOND,
        Dns {
            retries: 1,
            ..counts(1, 1)
        },
    );
    let exact = SECOND / 2..SECOND / 2 + SECOND / 100;
    assert!(exact.contains(&lasted[0]), "{lasted:?}");
}

/// Eight workers of a process share a socket (c-ares) or have one each; the server is slower than any resolver's timeout.
#[test]
fn workers_that_ask_one_name_have_a_lookup_each() {
    for shared in [true, false] {
        let mut trace = Trace::default();
        let socket = |worker: u16| if shared { 1 } else { u64::from(worker) };
        let begin = |worker: u16| u64::from(worker) * SECOND / 8;
        for worker in 0..8 {
            trace.ask(begin(worker), socket(worker), 100 + worker, "a.test");
        }
        for worker in 0..8 {
            let time_ns = begin(worker) + 6 * SECOND - 1;
            trace.get(time_ns, socket(worker), &address_of("a.test", 100 + worker));
        }
        let lasted = trace.end(7 * SECOND, counts(8, 8));
        assert!(
            lasted.iter().all(|&ns| ns > 5 * SECOND),
            "{shared}: {lasted:?}"
        );
    }
}

/// Two workers share a socket, and the server does not answer: each repeats its own query.
#[test]
fn a_repetition_belongs_to_the_lookup_with_its_id() {
    let mut trace = Trace::default();
    for round in 0..2 {
        trace
            .ask(round * 2 * SECOND, 1, 9, "a.test")
            .ask(round * 2 * SECOND + 1, 1, 10, "a.test");
    }
    trace.get(3 * SECOND, 1, &address_of("a.test", 9)).get(
        3 * SECOND,
        1,
        &address_of("a.test", 10),
    );
    trace.end(
        4 * SECOND,
        Dns {
            retries: 2,
            ..counts(2, 2)
        },
    );
}

#[test]
fn two_workers_ask_the_same_at_once() {
    let mut trace = Trace::default();
    trace
        .ask(0, 1, 9, "a.test")
        .ask(1, 2, 10, "a.test")
        .ask(2, 2, 11, "a.test");
    trace
        .get(3, 1, &address_of("a.test", 9))
        .get(3, 2, &address_of("a.test", 10))
        .get(3, 2, &address_of("a.test", 11));
    trace.end(SECOND, counts(3, 3));
}

#[test]
fn truncated_then_over_tcp_is_one_lookup() {
    let mut trace = Trace::default();
    let framed = |bytes: Vec<u8>| [(bytes.len() as u16).to_be_bytes().to_vec(), bytes].concat();
    trace
        .ask(0, 1, 9, "a.test")
        .get(100, 1, &answer(9, "a.test", 0x0200, &[]))
        .close(150, 1);
    trace.packet(200, 2, true, true, &framed(query(9, "a.test")));
    trace.packet(500, 2, false, true, &framed(address_of("a.test", 9)));
    assert_eq!(
        trace.end(
            SECOND,
            Dns {
                truncated: 1,
                ..counts(1, 1)
            }
        ),
        [500]
    );
}

#[test]
fn repeated_within_the_ttl() {
    let mut trace = Trace::default();
    for (time, id) in [(0, 1), (59, 2), (120, 3)] {
        trace
            .ask(time * SECOND, 1, id, "a.test")
            .get(time * SECOND, 1, &address_of("a.test", id));
    }
    trace.end(
        200 * SECOND,
        Dns {
            repeated_within_ttl: 1,
            ..counts(3, 3)
        },
    );
}

#[test]
fn aliases_lead_to_addresses_and_strangers_do_not() {
    let alias = record(&TO_QUESTION, 5, 30, &wire_name("cdn.test"));
    let real = record(&wire_name("CDN.test"), A, 300, &[10, 0, 0, 2]);
    let stranger = record(&wire_name("bank.test"), A, 1, &[10, 0, 0, 3]);
    let message = parse(&answer(1, "www.test", 0, &[stranger, real, alias])).unwrap();
    assert_eq!(message.addresses, ["10.0.0.2".parse::<IpAddr>().unwrap()]);
    assert_eq!(message.ttl_s, Some(30));
}

#[test]
fn names_are_harmless() {
    #[track_caller]
    fn check(wire: &[u8], expected: Option<&str>) {
        let bytes = [header(1, 0, [1, 0, 0, 0]), wire.to_vec(), vec![0, 1, 0, 1]].concat();
        let name = parse(&bytes)
            .and_then(|message| message.question)
            .map(|question| question.name);
        assert_eq!(name.as_deref(), expected);
    }
    check(b"\x05a\x1b[2J\x02B.\x00", Some("a\\027[2j.b\\046"));
    check(b"\x00", Some(""));
    check(b"\xc0\x0c", None);
    check(b"\xc0\xff", None);
    check(b"\x40a\x00", None);
    check(&[b"\x3f".to_vec(), vec![b'a'; 63]].concat().repeat(4), None);
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Some(message) = parse(&bytes) {
            prop_assert!(message.addresses.len() <= 256);
            if let Some(question) = message.question {
                prop_assert!(question.name.len() <= 4 * 255);
                prop_assert!(question.name.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
            }
        }
    }

    #[test]
    fn cut_anywhere(cut in 0..200usize, flip in 0..200usize, with in any::<u8>()) {
        let alias = record(&TO_QUESTION, 5, 30, &wire_name("cdn.test"));
        let real = record(&[0xc0, 36], A, 300, &[10, 0, 0, 2]);
        let mut bytes = answer(1, "www.test", 0, &[alias, real]);
        if let Some(byte) = bytes.get_mut(flip) {
            *byte ^= with;
        }
        bytes.truncate(cut);
        let _ = parse(&bytes);
    }

    #[test]
    fn any_packets(packets in proptest::collection::vec((0..20u64, 0..3u64, any::<bool>(), 0..3u16, any::<bool>(), any::<bool>(), any::<bool>()), 0..60)) {
        let mut trace = Trace::default();
        let mut now = 0;
        for (seconds, cookie, egress, id, tcp, close, truncated) in packets {
            now += seconds * SECOND / 7;
            let flags = if truncated { 0x0200 } else { 0 };
            let bytes = if egress { query(id, "a.test") } else { answer(id, "a.test", flags, &[]) };
            trace.packet(now, cookie, egress, tcp, &bytes);
            if close {
                trace.close(now, cookie);
            }
        }
        trace.dns().expire(u64::MAX);
        for (_, change) in trace.dns().take_changes() {
            trace.group.look_up(change);
        }
        let dns = trace.group.dns;
        prop_assert_eq!(dns.queries, dns.answered + dns.failed.total());
        prop_assert_eq!(trace.group.phases.dns.count() + trace.group.phases.dns_failed.count(), dns.queries);
    }
}
