//! Measurement of the link by the clocks of sender and receiver: `cargo bench -p tracer-testbed --bench link`.
//!
//! A sender in one namespace sends UDP packets at a steady rate, each with the time of its sending; the
//! kernel notes when each arrives in the other namespace. The error is the difference between the time on the
//! way and half the round trip. Needs root.

#![allow(clippy::unwrap_used, reason = "a step that fails ends the measurement")]

use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, setsockopt, sockopt,
};
use nix::time::{ClockId, clock_gettime};
use tracer_testbed::link::{Link, LinkOptions, Side};

const RTT: Duration = Duration::from_millis(85);
const RATES: [u64; 4] = [1_000, 20_000, 100_000, 150_000];
const SECONDS: u64 = 4;
/// Data of a packet in bytes. A full segment would only take longer to copy.
const DATA_BYTES: usize = 512;
const BATCH: usize = 32;
/// Time between two bursts.
const STEP: Duration = Duration::from_micros(200);

fn main() {
    println!("packets/s      sent  received  error p50       p99       max   link CPU");
    for rate in RATES {
        measure(rate);
    }
}

fn measure(rate: u64) {
    let link = Link::new(LinkOptions {
        rtt: RTT,
        ..LinkOptions::default()
    })
    .unwrap();
    let bind = |side: Side| {
        link.run_in(side, || UdpSocket::bind((side.ipv4(), 0)).unwrap())
            .unwrap()
    };
    let (sender, receiver) = (bind(Side::Client), bind(Side::Server));
    setsockopt(&receiver, sockopt::ReceiveTimestampns, &true).unwrap();
    setsockopt(&receiver, sockopt::RcvBufForce, &(64 << 20)).unwrap();
    setsockopt(&sender, sockopt::SndBuf, &(64 << 20)).unwrap();
    receiver
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    sender.connect(receiver.local_addr().unwrap()).unwrap();
    let (sent, mut errors) = std::thread::scope(|scope| {
        let received = scope.spawn(|| receive(&receiver));
        let sent = scope.spawn(|| send(&sender, rate));
        (sent.join().unwrap(), received.join().unwrap())
    });
    let busy = link_cpu().as_secs_f64() / SECONDS as f64;
    errors.sort_unstable();
    let at = |quantile: f64| errors[((errors.len() - 1) as f64 * quantile) as usize];
    println!(
        "{rate:>9} {sent:>9} {:>9} {:>7} us {:>6} us {:>6} us {:>8.0} %   (dropped by the link: {})",
        errors.len(),
        at(0.5) / 1000,
        at(0.99) / 1000,
        at(1.0) / 1000,
        busy * 100.0,
        link.counts().overflowed.load(Relaxed) + link.counts().refused.load(Relaxed),
    );
}

/// CLOCK_REALTIME in ns, the clock of the kernel's stamps.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).unwrap();
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// Sends packets and gives their number. The thread runs before others: an interruption between reading the
/// clock and sending the packet would count as an error of the link.
fn send(socket: &UdpSocket, rate: u64) -> u64 {
    run_first();
    let start = Instant::now();
    let total = rate * SECONDS;
    let mut packet = [0; DATA_BYTES];
    let mut sent = 0;
    while sent < total {
        let due = (start.elapsed().as_nanos() as u64 * rate / 1_000_000_000).min(total);
        while sent < due {
            packet[..8].copy_from_slice(&now_ns().to_le_bytes());
            socket.send(&packet).unwrap();
            sent += 1;
        }
        std::thread::sleep(STEP);
    }
    sent
}

/// Puts the calling thread ahead of all ordinary ones.
fn run_first() {
    let first = libc::sched_param { sched_priority: 1 };
    // SAFETY: affects the calling thread only; `first` is read during the call.
    let set = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const first) };
    assert_eq!(set, 0, "real-time scheduling is not allowed here");
}

/// Receives packets until none came for half a second, and gives by how many ns each was too late or too early.
fn receive(socket: &UdpSocket) -> Vec<u64> {
    // Without this the socket overflows on a busy machine, and packets seem lost.
    run_first();
    let mut errors = Vec::with_capacity(1 << 20);
    let mut headers =
        MultiHeaders::<SockaddrIn>::preallocate(BATCH, Some(nix::cmsg_space!(libc::timespec)));
    let mut buffers = vec![[0; DATA_BYTES]; BATCH];
    loop {
        let mut slices: Vec<_> = buffers
            .iter_mut()
            .map(|buffer| [std::io::IoSliceMut::new(buffer)])
            .collect();
        let received = recvmmsg(
            socket.as_raw_fd(),
            &mut headers,
            slices.iter_mut(),
            MsgFlags::MSG_WAITFORONE,
            None,
        );
        let Ok(received) = received else {
            return errors;
        };
        let arrived: Vec<u64> = received
            .map(|message| match message.cmsgs().unwrap().next() {
                Some(ControlMessageOwned::ScmTimestampns(at)) => {
                    at.tv_sec() as u64 * 1_000_000_000 + at.tv_nsec() as u64
                }
                _ => 0,
            })
            .collect();
        for (at, buffer) in arrived.into_iter().zip(&buffers) {
            let sent = u64::from_le_bytes(buffer[..8].try_into().unwrap());
            errors.push((at - sent).abs_diff(RTT.as_nanos() as u64 / 2));
        }
    }
}

/// CPU time of the thread named `link` in this process.
fn link_cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let spent = tasks.filter_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        let nanos: u64 = stat.split_whitespace().next()?.parse().ok()?;
        (name.trim() == "link").then_some(nanos)
    });
    Duration::from_nanos(spent.sum())
}
