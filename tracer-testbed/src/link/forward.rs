//! Forwarding thread: reads packets from both devices, waits with a precision of microseconds, writes them.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::{Duration, Instant};

use super::counts::LinkCounts;
use super::impair::Impairments;
use super::tun::Tun;
use super::{LinkOptions, Side};

/// Most packets read from one device before the other device and the clock are looked at.
const BATCH: usize = 32;
/// Size of the buffer in bytes, larger than any packet of the devices.
const BUFFER_BYTES: usize = 4096;
/// Nice value of the thread where real-time scheduling is not allowed.
const NICE: i32 = -15;
/// Longest sleep while no packet is on its way.
const IDLE: Duration = Duration::from_secs(1);

/// Forwards until the writing end of `stopped` is closed or a device fails.
pub(super) fn run(
    mut tuns: [Tun; 2],
    options: &LinkOptions,
    counts: &LinkCounts,
    stopped: &io::PipeReader,
) {
    be_punctual();
    let mut link = Impairments::new(options, counts);
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        let busy = match read_all(&mut tuns, &mut link, &mut buffer) {
            Ok(busy) => busy,
            Err(error) => {
                let _ = writeln!(
                    io::stderr(),
                    "link: cannot read the TUN device: {error}; forwarding ends"
                );
                return;
            }
        };
        write_due(&mut tuns, &mut link, counts);
        let pause = if busy { Duration::ZERO } else { pause(&link) };
        if wait(&tuns, stopped, pause) {
            return;
        }
    }
}

/// Asks for fine timers and for a place before the load under test, like that of a network card. If the system
/// refuses, the link is only less exact.
fn be_punctual() {
    let realtime = libc::sched_param { sched_priority: 1 };
    // SAFETY: the calls affect the calling thread only (id 0) and take plain integers, but for `realtime`,
    // which is read during its call.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64);
        if libc::sched_setscheduler(0, libc::SCHED_RR, &raw const realtime) != 0 {
            libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
        }
    }
}

/// Reads packets, and tells whether a device may have more of them.
fn read_all(
    tuns: &mut [Tun; 2],
    link: &mut Impairments<'_>,
    buffer: &mut [u8],
) -> io::Result<bool> {
    let mut busy = false;
    for (tun, from) in tuns.iter_mut().zip([Side::Client, Side::Server]) {
        let mut read = 0;
        while read < BATCH
            && let Some(length) = tun.read(buffer)?
        {
            link.accept(from, &buffer[..length], Instant::now());
            read += 1;
        }
        busy |= read == BATCH;
    }
    Ok(busy)
}

fn write_due(tuns: &mut [Tun; 2], link: &mut Impairments<'_>, counts: &LinkCounts) {
    for _ in 0..2 * BATCH {
        let now = Instant::now();
        let Some(packet) = link.next_due(now) else {
            return;
        };
        let to = match packet.from {
            Side::Client => 1,
            Side::Server => 0,
        };
        counts.note_lateness(now - packet.due);
        let taken = tuns[to].write(&packet.bytes);
        LinkCounts::add(if taken {
            &counts.forwarded
        } else {
            &counts.refused
        });
        link.recycle(packet.bytes);
    }
}

fn pause(link: &Impairments<'_>) -> Duration {
    link.next_event().map_or(IDLE, |at| {
        at.saturating_duration_since(Instant::now()).min(IDLE)
    })
}

/// Sleeps until a device has a packet or the time is over; `true` when the thread is told to stop.
fn wait(tuns: &[Tun; 2], stopped: &io::PipeReader, pause: Duration) -> bool {
    let entry = |fd: std::os::fd::BorrowedFd<'_>| libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let mut entries = [
        entry(tuns[0].as_fd()),
        entry(tuns[1].as_fd()),
        entry(stopped.as_fd()),
    ];
    let timeout = libc::timespec {
        tv_sec: pause.as_secs().cast_signed(),
        tv_nsec: i64::from(pause.subsec_nanos()),
    };
    // SAFETY: `entries` holds three pollfd that outlive the call, as does `timeout`; no signal mask is given.
    unsafe {
        libc::ppoll(
            entries.as_mut_ptr(),
            3,
            &raw const timeout,
            std::ptr::null(),
        )
    };
    entries[2].revents != 0
}
