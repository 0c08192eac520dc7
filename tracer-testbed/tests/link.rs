//! Tests of the link in the real kernel: round trip, reordering, teardown. They need root.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a step that fails fails the test"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tracer_testbed::link::{Hold, Link, LinkError, LinkOptions, Side};

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

/// Measures `count` connects and gives their times, sorted.
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

/// Part of struct tcp_info up to the field that is read (linux/tcp.h); libc's struct ends before it.
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

/// Inode of the file of a namespace.
fn inode(namespace: &Path) -> u64 {
    std::fs::metadata(namespace).unwrap().ino()
}

fn inodes(link: &Link) -> [u64; 2] {
    [Side::Client, Side::Server].map(|side| inode(&link.namespace_path(side)))
}

/// Tells whether a process, a thread, a descriptor or a mount still holds the network namespace.
fn exists(inode: u64) -> bool {
    let name = format!("net:[{inode}]");
    let links = |dir: &Path| {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let mut targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.any(|target| target.as_os_str() == name.as_str())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let held = processes.map(|entry| entry.path()).any(|process| {
        let tasks = std::fs::read_dir(process.join("task"))
            .into_iter()
            .flatten();
        let inside = tasks.flatten().any(|task| links(&task.path().join("ns")));
        inside || links(&process.join("fd"))
    });
    held || std::fs::read_to_string("/proc/self/mountinfo")
        .unwrap()
        .contains(&name)
}

/// Waits until the namespace is gone: the kernel and ending processes take a moment.
fn wait_until_gone(inode: u64) {
    let start = Instant::now();
    while exists(inode) {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "a namespace stays"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn everything_is_torn_down_with_what_still_runs() {
    let link = link(rtt(RTT));
    let inodes = inodes(&link);
    let mut left_running = link
        .command(Side::Server, "sleep")
        .unwrap()
        .arg("1000")
        .spawn()
        .unwrap();
    assert!(inodes.into_iter().all(exists) && link.is_forwarding());
    drop(link);
    assert!(!left_running.wait().unwrap().success());
    inodes.into_iter().for_each(wait_until_gone);
}

#[test]
fn a_panic_tears_down_and_two_links_do_not_collide() {
    let other = link(rtt(Duration::ZERO));
    let made = std::sync::Mutex::new(Vec::new());
    let panicked = std::thread::scope(|scope| {
        let work = || {
            let link = link(rtt(RTT));
            made.lock().unwrap().extend(inodes(&link));
            panic!("on purpose");
        };
        scope.spawn(work).join().is_err()
    });
    let made = made.into_inner().unwrap();
    assert!(panicked && made.len() == 2);
    made.iter().copied().for_each(wait_until_gone);
    let others = inodes(&other);
    assert!(
        others
            .into_iter()
            .all(|inode| exists(inode) && !made.contains(&inode))
    );
    let listener = listen(&other, Side::Server.ipv4());
    connect(&other, &listener);
}

#[test]
fn a_bandwidth_is_kept() {
    let link = link(LinkOptions {
        bandwidth_bits: Some(4_000_000),
        ..rtt(Duration::from_millis(10))
    });
    let listener = listen(&link, Side::Server.ipv4());
    let (mut client, mut server) = connect(&link, &listener);
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || client.write_all(&vec![0; 400_000]).unwrap());
        server.read_to_end(&mut Vec::new()).unwrap();
    });
    // 3.2 Mbit of data take 0.8 s at 4 Mbit/s, and headers come on top.
    assert!(start.elapsed() >= Duration::from_millis(800));
}

#[test]
fn netem_works_or_says_what_is_missing() {
    match Link::new(LinkOptions {
        netem: true,
        ..rtt(RTT)
    }) {
        Ok(link) => {
            let listener = listen(&link, Side::Server.ipv4());
            assert!(connect_times(&link, &listener, 3)[0] >= RTT);
        }
        Err(error) => assert!(
            matches!(error, LinkError::Netem { .. })
                && error.to_string().contains("leave --netem out"),
            "{error}"
        ),
    }
}

#[test]
fn the_command_line_passes_the_names_on_and_cleans_up() {
    let script = "stat -Lc %i $TRACER_CLIENT_NS; nsenter --net=$TRACER_SERVER_NS ip -o addr | grep -c $TRACER_SERVER_ADDR/; exit 7";
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
    assert!(lines[0].contains("/proc/"), "{output}");
    wait_until_gone(lines[1].parse().unwrap());
}

/// Runs the command line with a command inside, and ends it by a signal. Nothing stays.
fn check_signal(signal: Signal, code: Option<i32>) {
    let script = "exec nsenter --net=$TRACER_CLIENT_NS sleep 1000";
    let mut run = Command::new(env!("CARGO_BIN_EXE_tracer-testbed"))
        .args(["link", "--", "sh", "-c", script])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(run.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let started: serde_json::Value = serde_json::from_str(&line).unwrap();
    let inode = inode(Path::new(started["client_ns"].as_str().unwrap()));
    assert!(exists(inode));
    kill(Pid::from_raw(run.id() as i32), signal).unwrap();
    assert_eq!(run.wait().unwrap().code(), code);
    wait_until_gone(inode);
}

#[test]
fn the_command_line_cleans_up_on_sigterm() {
    check_signal(Signal::SIGTERM, Some(143));
}

#[test]
fn nothing_stays_after_sigkill() {
    check_signal(Signal::SIGKILL, None);
}
