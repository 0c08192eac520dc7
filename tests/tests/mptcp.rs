//! MPTCP sockets: their subflows are connections, and that their reads are not seen is counted.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::FromRawFd;

use anyhow::{Result, ensure};
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::port;
use tracer_tests::server::Threaded;
use tracer_tests::tracer::run;

const MPTCP: i32 = 262;

/// Listener of MPTCP on an unused port of 127.0.0.1.
fn listener() -> Result<TcpListener> {
    let address = SocketAddr::from(([127, 0, 0, 1], port::unused()?));
    // SAFETY: a call without pointers.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, MPTCP) };
    ensure!(
        fd >= 0,
        "no MPTCP socket: {}",
        std::io::Error::last_os_error()
    );
    // SAFETY: a descriptor of our own, which the listener closes.
    let listener = unsafe { TcpListener::from_raw_fd(fd) };
    let name = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
        },
        sin_zero: [0; 8],
    };
    let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: pointer and length describe one address, which the kernel only reads.
    let bound = unsafe { libc::bind(fd, (&raw const name).cast(), length) };
    // SAFETY: a call without pointers.
    let listens = bound == 0 && unsafe { libc::listen(fd, 64) } == 0;
    ensure!(listens, "{}", std::io::Error::last_os_error());
    Ok(listener)
}

/// Answers requests in clear until the client closes.
fn answers(mut stream: TcpStream) {
    let mut request = [0; 4096];
    while let Ok(1..) = stream.read(&mut request) {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

/// Servers with and without MPTCP.
fn servers() -> Result<[Threaded; 2]> {
    Ok([
        Threaded::over(listener()?, answers)?,
        Threaded::start(answers)?,
    ])
}

#[test]
fn reads_that_are_not_seen_are_counted() -> Result<()> {
    for server in servers()? {
        let client = Client::python("mptcp.py", &[&server.port().to_string(), "5"])?;
        let traced = run(&client)?;
        let mut differences = Differences::of("MPTCP");
        compare!(
            &mut differences,
            traced.export,
            totals.connections.established = 5,
            totals.connections.open_now = 0,
            totals.requests.count = 5,
            totals.requests.failed = 0,
            totals.requests.pickups_unseen = 5,
            totals.requests.slow_pickups = 0,
            Phase::Ttfb.count = 5,
            Phase::Pickup.count = 0,
            events.negative_durations = 0,
        );
        let told = traced
            .finished
            .stderr
            .contains("5 responses came on MPTCP sockets");
        differences.holds("the summary says so", told);
        differences.finish(|| traced.story())?;
    }
    Ok(())
}
