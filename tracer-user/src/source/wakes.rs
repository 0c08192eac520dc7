//! Events that wake the engine while it traces. As long as records come, the engine polls the ring, because each
//! wake-up by a kernel program costs the traced process time. When no record has come for a while, the engine sleeps,
//! and the kernel programs wake it.

use std::{os::fd::OwnedFd, time::Duration};

use tokio::{
    io::unix::AsyncFd,
    time::{Interval, MissedTickBehavior, interval},
};

use super::kernel::Kernel;

/// Time between two reads of the ring while records come.
pub(super) const POLL: Duration = Duration::from_millis(25);
/// Time between two listings of sockets.
const LISTING: Duration = Duration::from_secs(1);

/// Events that wake the engine.
pub(super) struct Wakes {
    /// Wakes when the kernel programs report waiting records.
    pub(super) ring: AsyncFd<OwnedFd>,
    /// Wakes when it is time to read the ring.
    pub(super) poll: Interval,
    /// Wakes when it is time to list sockets.
    pub(super) listing: Interval,
}

impl Wakes {
    /// Makes the wakes for these programs; must be called inside a runtime.
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
