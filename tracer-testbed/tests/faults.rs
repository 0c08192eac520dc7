//! Every switch makes its fault, which the client's result, the server's counts and `ss` show.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Runtime;
use tracer_testbed::client::{
    ClientOptions, Habit, Report, is_half_closed, look_up, read_to_close, run,
};
use tracer_testbed::dns::{DnsFault, DnsOptions, DnsServer};
use tracer_testbed::origin::{Faults, Options, Origin, Reach};

const REQUESTS: u64 = 20;
const BODY_BYTES: usize = 400_000;

/// Sends requests with a habit to an origin with options. Gives the results of both, and the sockets that `ss` lists
/// while the client's connections are open.
fn crawl(options: Options, habit: Habit) -> (Report, Value, Vec<String>) {
    let runtime = Runtime::new().unwrap();
    let origin = runtime.block_on(Origin::start(options)).unwrap();
    let address = origin.address();
    let report = client(address, habit);
    let sockets = sockets(address);
    let counts = runtime.block_on(origin.stop());
    (report, counts, sockets)
}

fn client(origin: SocketAddr, habit: Habit) -> Report {
    run(&ClientOptions {
        origin,
        host: "origin.test".into(),
        path: "/x".into(),
        requests: REQUESTS,
        habit,
    })
}

/// State and queues of the sockets toward an address, as `ss` lists them.
fn sockets(remote: SocketAddr) -> Vec<String> {
    let filter = format!("dst {remote}");
    let listed = Command::new("ss")
        .args(["-Htan", &filter])
        .output()
        .unwrap();
    assert!(listed.status.success());
    let text = String::from_utf8(listed.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn count(sockets: &[String], state: &str) -> usize {
    sockets
        .iter()
        .filter(|line| line.starts_with(state))
        .count()
}

fn faults(faults: Faults) -> Options {
    Options {
        faults,
        body_bytes: 100,
        ..Options::default()
    }
}

fn healthy() -> Options {
    faults(Faults::default())
}

#[test]
fn without_a_fault_there_is_one_connection() {
    let (report, counts, _) = crawl(healthy(), Habit::None);
    assert_eq!((report.answered, report.connections), (REQUESTS, 1));
    assert_eq!(
        (&counts["requests"], &counts["connections"]),
        (&REQUESTS.into(), &1.into())
    );
}

#[test]
fn no_keep_alive_takes_a_connection_for_each() {
    let options = Options {
        keep_alive: false,
        ..healthy()
    };
    let (report, counts, _) = crawl(options, Habit::None);
    assert_eq!((report.answered, report.connections), (REQUESTS, REQUESTS));
    assert_eq!(counts["connections"], REQUESTS);
}

#[test]
fn a_short_idle_timeout_closes_under_the_client() {
    let runtime = Runtime::new().unwrap();
    let options = Options {
        idle_timeout: Some(Duration::from_millis(30)),
        ..healthy()
    };
    let origin = runtime.block_on(Origin::start(options)).unwrap();
    let mut report = client(origin.address(), Habit::Leak);
    for stream in &mut report.held {
        // Reading ends only because the server closes.
        assert_eq!(read_to_close(stream).unwrap(), 0);
    }
    assert_eq!(
        count(&sockets(origin.address()), "CLOSE-WAIT"),
        REQUESTS as usize
    );
    drop(report);
    let counts = runtime.block_on(origin.stop());
    assert_eq!(counts["closed_by"]["server"], REQUESTS);
}

#[test]
fn resets_hit_every_fourth_request() {
    let options = faults(Faults {
        reset: true,
        spared: 3,
        ..Faults::default()
    });
    let (report, counts, _) = crawl(options, Habit::None);
    assert_eq!(
        (report.resets, report.answered),
        (REQUESTS / 4, REQUESTS * 3 / 4)
    );
    assert_eq!(counts["closed_by"]["reset"], REQUESTS / 4);
}

#[test]
fn slow_first_bytes_and_bodies_take_their_time() {
    let pause = Duration::from_millis(300);
    for slow in [
        Faults {
            slow_first_byte: pause,
            ..Faults::default()
        },
        Faults {
            slow_body: pause,
            ..Faults::default()
        },
    ] {
        let body_is_slow = !slow.slow_body.is_zero();
        let runtime = Runtime::new().unwrap();
        let options = faults(Faults { spared: 0, ..slow });
        let origin = runtime.block_on(Origin::start(options)).unwrap();
        let mut stream = TcpStream::connect(origin.address()).unwrap();
        let start = Instant::now();
        stream
            .write_all(b"GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .unwrap();
        stream.peek(&mut [0; 1]).unwrap();
        let first_byte = start.elapsed();
        read_to_close(&mut stream).unwrap();
        assert!(start.elapsed() >= pause);
        // With a slow body the head comes before the first piece of the body.
        assert!(first_byte >= pause || body_is_slow, "{first_byte:?}");
        runtime.block_on(origin.stop());
    }
}

#[test]
fn refused_is_a_reset_for_each_connect() {
    let options = faults(Faults {
        reach: Reach::Refused,
        ..Faults::default()
    });
    let (report, ..) = crawl(options, Habit::None);
    assert_eq!((report.refused, report.connections), (REQUESTS, 0));
}

#[test]
fn a_black_hole_leaves_syns_unanswered() {
    let runtime = Runtime::new().unwrap();
    let options = faults(Faults {
        reach: Reach::BlackHole,
        ..Faults::default()
    });
    let origin = runtime.block_on(Origin::start(options)).unwrap();
    let address = origin.address();
    let trying = std::thread::spawn(move || {
        TcpStream::connect_timeout(&address, Duration::from_millis(1500)).map(drop)
    });
    let start = Instant::now();
    while count(&sockets(address), "SYN-SENT") == 0 {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "no SYN is waiting"
        );
    }
    let error = trying.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    runtime.block_on(origin.stop());
}

#[test]
fn half_open_closes_leave_the_client_waiting() {
    let runtime = Runtime::new().unwrap();
    let options = faults(Faults {
        half_close: true,
        ..Faults::default()
    });
    let origin = runtime.block_on(Origin::start(options)).unwrap();
    let report = client(origin.address(), Habit::Leak);
    assert_eq!(report.answered, REQUESTS);
    let start = Instant::now();
    while !report
        .held
        .iter()
        .all(|stream| is_half_closed(stream).unwrap())
    {
        assert!(start.elapsed() < Duration::from_secs(20), "no FIN");
    }
    // The client can still send: the server's other half is open.
    assert_eq!(
        count(&sockets(origin.address()), "CLOSE-WAIT"),
        REQUESTS as usize
    );
    assert_eq!(origin.counts().closed.load(Relaxed), 0);
    runtime.block_on(origin.stop());
}

#[test]
fn leaks_stay_open_and_are_not_used_again() {
    let (report, counts, sockets) = crawl(healthy(), Habit::Leak);
    assert_eq!((report.answered, report.connections), (REQUESTS, REQUESTS));
    assert_eq!(count(&sockets, "ESTAB"), REQUESTS as usize);
    assert_eq!(counts["connections"], REQUESTS);
}

#[test]
fn unread_bodies_end_in_resets() {
    let options = Options {
        body_bytes: BODY_BYTES,
        ..healthy()
    };
    let (report, counts, sockets) = crawl(options, Habit::UnreadBody);
    assert_eq!((report.answered, report.connections), (REQUESTS, REQUESTS));
    assert_eq!(counts["closed_by"]["reset"], REQUESTS, "{counts}");
    assert_eq!(count(&sockets, "ESTAB"), 0);
}

#[test]
fn unclosed_responses_keep_their_data_in_the_socket() {
    let options = Options {
        body_bytes: BODY_BYTES,
        ..healthy()
    };
    let (report, _, sockets) = crawl(options, Habit::UnclosedResponse);
    assert_eq!(
        (report.held.len(), report.connections),
        (REQUESTS as usize, REQUESTS)
    );
    let unread = |line: &&String| {
        let queue = line
            .split_whitespace()
            .nth(1)
            .and_then(|bytes| bytes.parse().ok());
        line.starts_with("ESTAB") && queue.is_some_and(|bytes: u64| bytes > 0)
    };
    assert_eq!(
        sockets.iter().filter(unread).count(),
        REQUESTS as usize,
        "{sockets:?}"
    );
}

#[test]
fn a_busy_reader_and_a_short_timeout() {
    let busy = Duration::from_millis(20);
    let (report, ..) = crawl(healthy(), Habit::BusyReader(busy));
    assert!(report.longest >= busy && report.answered == REQUESTS);
    let options = faults(Faults {
        slow_first_byte: Duration::from_secs(30),
        spared: 9,
        ..Faults::default()
    });
    let (report, ..) = crawl(options, Habit::ShortTimeout(Duration::from_millis(500)));
    assert_eq!(
        (report.timeouts, report.answered),
        (REQUESTS / 10, REQUESTS * 9 / 10)
    );
}

#[test]
fn a_pool_of_two_closes_the_rest() {
    let (report, counts, _) = crawl(healthy(), Habit::PoolOfTwo(5));
    assert_eq!(report.answered, REQUESTS);
    // There are four rounds of five requests; all but the first find two connections.
    assert_eq!(report.connections, 5 + 3 * 3);
    assert_eq!(counts["connections"], report.connections);
}

fn dns(runtime: &Runtime, fault: DnsFault) -> DnsServer {
    runtime
        .block_on(DnsServer::start(DnsOptions {
            listen: ([127, 0, 0, 1], 0).into(),
            names: vec!["origin.test".into(), "*.site.test".into()],
            addresses: vec![[10, 0, 0, 9].into()],
            ttl: Duration::from_secs(60),
            fault,
        }))
        .unwrap()
}

#[test]
fn names_are_answered_each_time() {
    let runtime = Runtime::new().unwrap();
    let server = dns(&runtime, DnsFault::None);
    for name in ["origin.test", "a.site.test", "b.c.site.test"] {
        let address = look_up(server.address(), name).unwrap();
        assert_eq!(address.to_string(), "10.0.0.9");
    }
    for name in ["site.test", "elsewhere.test", "xsite.test"] {
        assert!(look_up(server.address(), name).is_err(), "{name}");
    }
    let origin = runtime.block_on(Origin::start(healthy())).unwrap();
    let report = client(origin.address(), Habit::DnsEachTime(server.address()));
    assert_eq!((report.lookups, report.connections), (REQUESTS, 1));
    let counts = server.counts();
    assert_eq!(
        (
            counts.queries(),
            counts.answered.load(Relaxed),
            counts.nxdomain.load(Relaxed)
        ),
        (6 + REQUESTS, 3 + REQUESTS, 3)
    );
    runtime.block_on(origin.stop());
}

#[test]
fn dns_faults() {
    let runtime = Runtime::new().unwrap();
    let server = dns(&runtime, DnsFault::ServFail);
    assert!(look_up(server.address(), "origin.test").is_err());
    assert_eq!(server.counts().servfail.load(Relaxed), 1);
    let delay = Duration::from_millis(200);
    let server = dns(&runtime, DnsFault::Slow(delay));
    let start = Instant::now();
    look_up(server.address(), "origin.test").unwrap();
    assert!(start.elapsed() >= delay);
}

#[test]
fn cut_answers_are_whole_over_tcp() {
    use std::io::Read as _;
    let runtime = Runtime::new().unwrap();
    let server = dns(&runtime, DnsFault::Truncate);
    assert!(look_up(server.address(), "origin.test").is_err());
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let query = b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06origin\x04test\x00\x00\x01\x00\x01";
    stream.write_all(query).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[answer.len() - 4..], [10, 0, 0, 9]);
    assert_eq!(
        (
            server.counts().udp.load(Relaxed),
            server.counts().tcp.load(Relaxed)
        ),
        (1, 1)
    );
}
