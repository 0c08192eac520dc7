//! What wakes the engine while it traces. As long as records come it looks by itself, since to be woken costs the
//! traced; when nothing came for a while it rests, and the kernel programs wake it.

use std::{os::fd::OwnedFd, time::Duration};

use tokio::{
    io::unix::AsyncFd,
    time::{Interval, MissedTickBehavior, interval},
};

use super::kernel::Kernel;

/// How often the ring is looked at while records come.
pub(super) const POLL: Duration = Duration::from_millis(25);
/// How often sockets are listed.
const LISTING: Duration = Duration::from_secs(1);

/// What wakes the engine.
pub(super) struct Wakes {
    /// Records wait.
    pub(super) ring: AsyncFd<OwnedFd>,
    /// It is time to look whether any do.
    pub(super) poll: Interval,
    /// It is time to list sockets.
    pub(super) listing: Interval,
}

impl Wakes {
    /// Of these programs; inside a runtime.
    pub(super) fn of(kernel: &Kernel) -> std::io::Result<Self> {
        let fd = kernel.records_fd()?;
        // SAFETY: the descriptor is owned by the AsyncFd and closed with it.
        let ring = unsafe { AsyncFd::register(fd) }.map_err(std::io::Error::from)?;
        let every = |period| {
            let mut interval = interval(period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        };
        Ok(Self {
            ring,
            poll: every(POLL),
            listing: every(LISTING),
        })
    }
}
