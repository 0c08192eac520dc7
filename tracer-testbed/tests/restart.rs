//! A server that was stopped is gone: its sockets are closed when its stop returns, so that the next one
//! binds the same address at once, whatever the first one was doing. Needs root.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a step that fails fails the test"
)]

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use tokio::runtime::Runtime;
use tracer_testbed::client::look_up;
use tracer_testbed::dns::{DnsFault, DnsOptions, DnsServer};
use tracer_testbed::link::{Link, LinkOptions, Side};
use tracer_testbed::origin::{Faults, Options, Origin, Reach};

/// Number of starts and stops.
const ROUNDS: usize = 200;
/// Time longer than any test: a wait of this length ends only by a stop.
const FOR_GOOD: Duration = Duration::from_secs(3600);
const NAME: &str = "origin.test";
/// An A query for [`NAME`].
const QUERY: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06origin\x04test\x00\x00\x01\x00\x01";

/// Runs `work` in a namespace of its own, where nobody else takes a port.
fn alone(work: impl FnOnce(&Runtime) + Send) {
    let link = Link::new(LinkOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let runtime = Runtime::new().unwrap();
    link.run_in(Side::Server, || work(&runtime)).unwrap();
}

fn address(port: u16) -> SocketAddr {
    (Side::Server.ipv4(), port).into()
}

fn dns(runtime: &Runtime, fault: DnsFault) -> DnsServer {
    let options = DnsOptions {
        listen: address(53),
        names: vec![NAME.into()],
        addresses: vec![[10, 0, 0, 9].into()],
        ttl: Duration::from_secs(60),
        fault,
    };
    runtime.block_on(DnsServer::start(options)).unwrap()
}

/// Waits until a server has counted `count` queries.
fn asked(server: &DnsServer, count: u64) {
    while server.counts().queries() < count {
        std::thread::yield_now();
    }
}

#[test]
fn a_dns_server_starts_again_at_once() {
    alone(|runtime| {
        for _ in 0..ROUNDS {
            let server = dns(runtime, DnsFault::None);
            look_up(server.address(), NAME).unwrap();
            assert_eq!(runtime.block_on(server.stop()).queries(), 1);
        }
    });
}

#[test]
fn answers_held_back_and_open_connections_do_not_keep_the_port() {
    alone(|runtime| {
        for _ in 0..ROUNDS {
            let server = dns(runtime, DnsFault::Slow(FOR_GOOD));
            let datagrams = UdpSocket::bind(address(0)).unwrap();
            datagrams.send_to(QUERY, server.address()).unwrap();
            let mut stream = TcpStream::connect(server.address()).unwrap();
            let length = u16::try_from(QUERY.len()).unwrap();
            stream.write_all(&length.to_be_bytes()).unwrap();
            stream.write_all(QUERY).unwrap();
            asked(&server, 2);
            runtime.block_on(server.stop());
            // The connection is closed as well, not only the port.
            assert!(tracer_testbed::client::read_to_close(&mut stream).is_ok_and(|read| read == 0));
        }
    });
}

fn origin(runtime: &Runtime, faults: Faults) -> Origin {
    let options = Options {
        listen: address(443),
        faults,
        ..Options::default()
    };
    runtime.block_on(Origin::start(options)).unwrap()
}

#[test]
fn an_origin_starts_again_at_once() {
    alone(|runtime| {
        for round in 0..ROUNDS {
            let reach = match round % 10 {
                0 => Reach::Refused,
                _ => Reach::Open,
            };
            let origin = origin(
                runtime,
                Faults {
                    reach,
                    ..Faults::default()
                },
            );
            let idle = TcpStream::connect(origin.address());
            assert_eq!(idle.is_ok(), reach == Reach::Open);
            runtime.block_on(origin.stop());
        }
    });
}

#[test]
fn a_request_that_never_ends_is_closed_by_the_stop() {
    alone(|runtime| {
        let faults = Faults {
            slow_first_byte: FOR_GOOD,
            ..Faults::default()
        };
        for _ in 0..2 {
            let origin = origin(runtime, faults.clone());
            let mut stream = TcpStream::connect(origin.address()).unwrap();
            stream
                .write_all(b"GET /x HTTP/1.1\r\nhost: origin.test\r\n\r\n")
                .unwrap();
            let counts = origin.counts();
            while counts.accepted.load(std::sync::atomic::Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            runtime.block_on(origin.stop());
            // Reading does not wait, so the server's end has to be closed already.
            stream.set_nonblocking(true).unwrap();
            let read = tracer_testbed::client::read_to_close(&mut stream);
            assert!(
                !matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
                "still open"
            );
        }
    });
}
