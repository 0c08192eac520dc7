//! Tests of resolvers that ask several servers at once.

use super::*;

/// Three servers, of which the first answers at once.
#[test]
fn copies_behind_the_answer() {
    let mut trace = Trace::default();
    trace
        .ask_at(1, 0, 1, 9, "a.test")
        .get(100, 1, &address_of("a.test", 9))
        .ask_at(2, 120, 1, 9, "a.test")
        .get(130, 1, &address_of("a.test", 9))
        // This copy was sent before the answer and is read after it.
        .ask_at(3, 99, 1, 9, "a.test");
    let expected = Dns {
        retries: 1,
        ..counts(1, 1)
    };
    assert_eq!(trace.end(SECOND, expected), [100]);
}

#[test]
fn copies_behind_a_truncated_answer() {
    let framed = |bytes: Vec<u8>| [(bytes.len() as u16).to_be_bytes().to_vec(), bytes].concat();
    let mut trace = Trace::default();
    let short = answer(9, "a.test", 0x0200, &[]);
    trace
        .ask_at(1, 0, 1, 9, "a.test")
        .get(100, 1, &short)
        .ask_at(2, 120, 1, 9, "a.test")
        .get(130, 1, &short);
    trace.packet(200, 2, true, true, &framed(query(9, "a.test")));
    trace.packet(500, 2, false, true, &framed(address_of("a.test", 9)));
    let expected = Dns {
        truncated: 1,
        ..counts(1, 1)
    };
    assert_eq!(trace.end(SECOND, expected), [500]);
}

/// A second lookup while the first answer is valid, different from a copy in one way each time.
#[test]
fn what_is_no_copy() {
    #[track_caller]
    fn check(server: u8, time_ns: u64, cookie: u64, id: u16) {
        let mut trace = Trace::default();
        trace
            .ask_at(1, 0, 1, 9, "a.test")
            .get(100, 1, &address_of("a.test", 9))
            .ask_at(server, time_ns, cookie, id, "a.test")
            .get(time_ns + 5, cookie, &address_of("a.test", id));
        let expected = Dns {
            repeated_within_ttl: 1,
            ..counts(2, 2)
        };
        trace.end(3 * SECOND, expected);
    }
    check(2, 120, 2, 9);
    check(2, 120, 1, 10);
    check(1, 120, 1, 9);
    check(2, 101 + SECOND, 1, 9);
}

/// A query for another name on the socket is no copy, nor is one after an answer that makes the resolver ask the next
/// server.
#[test]
fn a_failed_lookup_is_asked_anew() {
    let mut trace = Trace::default();
    trace
        .ask_at(1, 0, 1, 9, "a.test")
        .get(100, 1, &answer(9, "a.test", rcode::SERVFAIL, &[]))
        .ask_at(2, 120, 1, 9, "a.test")
        .get(220, 1, &address_of("a.test", 9))
        .ask_at(2, 230, 1, 9, "b.test");
    let failed = DnsFailed {
        servfail: 1,
        ..DnsFailed::default()
    };
    let expected = Dns {
        failed,
        ..counts(3, 1)
    };
    trace.end(SECOND, expected);
}

proptest! {
    /// Lookups of one name, each with its own id, some on a new socket, sent to several servers and answered in
    /// between. All of them are counted, and those within the TTL count as repeated.
    #[test]
    fn several_servers(lookups in proptest::collection::vec((0..90u64, any::<bool>(), 1..4u8, 1..4u8), 1..20)) {
        let mut trace = Trace::default();
        let (mut now, mut cookie, mut fresh_until) = (0, 1, 0);
        let mut expected = Dns::default();
        for (id, (seconds, anew, servers, asked_first)) in (1u16..).zip(lookups) {
            now += seconds * SECOND + 1;
            cookie += u64::from(anew);
            expected.queries += 1;
            expected.answered += 1;
            expected.repeated_within_ttl += u64::from(now < fresh_until);
            let asked_first = asked_first.min(servers);
            expected.retries += u64::from(asked_first - 1);
            for server in 1..=servers {
                trace.ask_at(server, now, cookie, id, "a.test");
                now += 1000;
                if server >= asked_first {
                    trace.get(now, cookie, &address_of("a.test", id));
                }
                if server == asked_first {
                    fresh_until = now + 60 * SECOND;
                }
                now += 1000;
            }
        }
        trace.end(now + 10 * SECOND, expected);
    }
}
