//! The link in the real kernel: round trip, reordering, teardown. Needs root.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a step that fails fails the test"
)]

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tracer_testbed::link::{Hold, Link, LinkOptions, Side};

fn link(options: LinkOptions) -> Link {
    Link::new(options).unwrap_or_else(|error| panic!("{error}"))
}

fn rtt(rtt: Duration) -> LinkOptions {
    LinkOptions {
        rtt,
        ..LinkOptions::default()
    }
}

const RTT: Duration = Duration::from_millis(40);

fn listen(link: &Link, address: impl Into<IpAddr>) -> TcpListener {
    let address = SocketAddr::new(address.into(), 0);
    link.run_in(Side::Server, || TcpListener::bind(address).unwrap())
        .unwrap()
}

fn connect(link: &Link, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let address = listener.local_addr().unwrap();
    let client = link
        .run_in(Side::Client, || TcpStream::connect(address).unwrap())
        .unwrap();
    client.set_nodelay(true).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Times of `count` connects, sorted.
fn connect_times(link: &Link, listener: &TcpListener, count: usize) -> Vec<Duration> {
    let address = listener.local_addr().unwrap();
    let connect = || {
        let start = Instant::now();
        TcpStream::connect(address).unwrap();
        start.elapsed()
    };
    let mut times = link
        .run_in(Side::Client, || {
            (0..count).map(|_| connect()).collect::<Vec<_>>()
        })
        .unwrap();
    times.sort_unstable();
    times
}

#[test]
fn a_connect_takes_the_round_trip() {
    let link = link(rtt(RTT));
    for address in [
        IpAddr::from(Side::Server.ipv4()),
        Side::Server.ipv6().into(),
    ] {
        let listener = listen(&link, address);
        let times = connect_times(&link, &listener, 25);
        assert!(times[0] >= RTT, "{times:?}");
        let median = times[times.len() / 2];
        assert!(
            median <= RTT + Duration::from_millis(1),
            "{address}: median {median:?}"
        );
    }
    let late = link.counts().lateness(0.5).unwrap();
    assert!(late < Duration::from_millis(1), "packets {late:?} late");
}

/// Segments that reached the server out of order (tcpi_rcv_ooopack) after five of one KiB.
fn out_of_order(options: LinkOptions) -> u32 {
    let link = link(options);
    let listener = listen(&link, Side::Server.ipv4());
    let (mut client, mut server) = connect(&link, &listener);
    for byte in 1..=5 {
        client.write_all(&[byte; 1024]).unwrap();
    }
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut received = Vec::new();
    server.read_to_end(&mut received).unwrap();
    assert_eq!(
        received,
        (1..=5).flat_map(|byte| [byte; 1024]).collect::<Vec<u8>>()
    );
    tcp_info(&server).tcpi_rcv_ooopack
}

/// struct tcp_info up to the field asked for (linux/tcp.h); libc's ends before it.
#[repr(C)]
struct TcpInfo {
    before: [u8; 224],
    tcpi_rcv_ooopack: u32,
}

fn tcp_info(stream: &TcpStream) -> TcpInfo {
    let mut info = TcpInfo {
        before: [0; 224],
        tcpi_rcv_ooopack: u32::MAX,
    };
    let mut length = size_of::<TcpInfo>() as libc::socklen_t;
    // SAFETY: the descriptor is open; the kernel writes at most `length` bytes into `info`, all integers.
    let result = unsafe {
        let buffer = (&raw mut info).cast();
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            buffer,
            &raw mut length,
        )
    };
    assert_eq!(
        (result, length as usize),
        (0, size_of::<TcpInfo>()),
        "this kernel has no tcpi_rcv_ooopack"
    );
    info
}

#[test]
fn scripted_packets_are_really_overtaken() {
    let short = Duration::from_millis(10);
    let holds = |packets: &[u32]| {
        packets
            .iter()
            .map(|&data_packet| Hold {
                from: Side::Client,
                data_packet,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(out_of_order(rtt(short)), 0);
    assert_eq!(
        out_of_order(LinkOptions {
            holds: holds(&[2]),
            ..rtt(short)
        }),
        1
    );
    assert_eq!(
        out_of_order(LinkOptions {
            holds: holds(&[1, 3]),
            ..rtt(short)
        }),
        2
    );
}

#[test]
fn a_lossy_link_delivers_in_the_end() {
    let options = LinkOptions {
        loss: 0.05,
        duplicate: 0.05,
        reorder: 0.2,
        seed: 7,
        ..rtt(Duration::from_millis(4))
    };
    let link = link(options);
    let listener = listen(&link, Side::Server.ipv4());
    let (mut client, mut server) = connect(&link, &listener);
    let sent: Vec<u8> = (0..500_000_u32).map(|i| (i % 251) as u8).collect();
    let mut received = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || client.write_all(&[&sent[..]].concat()).unwrap());
        server.read_to_end(&mut received).unwrap();
    });
    assert!(
        received
            .iter()
            .enumerate()
            .all(|(i, &byte)| byte == (i % 251) as u8)
    );
    assert_eq!(received.len(), 500_000);
    let counts = link.counts();
    for (name, count) in [
        ("lost", &counts.lost),
        ("twice", &counts.duplicated),
        ("reordered", &counts.reordered),
    ] {
        assert!(count.load(Relaxed) > 0, "no packet was {name}");
    }
    assert_eq!(
        (
            counts.overflowed.load(Relaxed),
            counts.refused.load(Relaxed)
        ),
        (0, 0)
    );
}

fn exists(namespace: &str) -> bool {
    Path::new("/run/netns").join(namespace).exists()
}

#[test]
fn everything_is_torn_down_with_what_still_runs() {
    let link = link(rtt(RTT));
    let names = [link.client_ns().to_owned(), link.server_ns().to_owned()];
    let mut left_running = link
        .command(Side::Server, "sleep")
        .unwrap()
        .arg("1000")
        .spawn()
        .unwrap();
    assert!(names.iter().all(|name| exists(name)) && link.is_forwarding());
    drop(link);
    assert!(!names.iter().any(|name| exists(name)));
    assert!(!left_running.wait().unwrap().success());
}

#[test]
fn a_panic_tears_down_and_two_links_do_not_collide() {
    let other = link(rtt(Duration::ZERO));
    let names = std::sync::Mutex::new(Vec::new());
    let panicked = std::thread::scope(|scope| {
        let work = || {
            let link = link(rtt(RTT));
            names
                .lock()
                .unwrap()
                .extend([link.client_ns().to_owned(), link.server_ns().to_owned()]);
            panic!("on purpose");
        };
        scope.spawn(work).join().is_err()
    });
    let names = names.into_inner().unwrap();
    assert!(panicked && names.len() == 2 && !names.iter().any(|name| exists(name)));
    assert!(exists(other.client_ns()) && !names.contains(&other.client_ns().to_owned()));
}

#[test]
fn the_command_line_passes_the_names_on_and_cleans_up() {
    let script = "echo $TRACER_CLIENT_NS; ip -n $TRACER_SERVER_NS -o addr | grep -c $TRACER_SERVER_ADDR/; exit 7";
    let run = Command::new(env!("CARGO_BIN_EXE_tracer-testbed"))
        .args([
            "link",
            "--rtt",
            "2ms",
            "--reorder",
            "5%",
            "--",
            "sh",
            "-c",
            script,
        ])
        .output()
        .unwrap();
    let output = String::from_utf8(run.stdout).unwrap();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(
        (run.status.code(), lines.len(), lines[2]),
        (Some(7), 3, "1"),
        "{output}"
    );
    assert!(lines[0].contains(lines[1]) && !exists(lines[1]));
}

#[test]
fn the_command_line_cleans_up_on_sigterm() {
    let mut run = Command::new(env!("CARGO_BIN_EXE_tracer-testbed"))
        .args(["link", "--", "sleep", "1000"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    run.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let namespace = format!("tracer-c-{}", run.id());
    assert!(exists(&namespace));
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(run.id() as i32),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(143));
    assert!(!exists(&namespace));
}
