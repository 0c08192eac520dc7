//! Settings of the demo.

use std::path::PathBuf;
use std::time::Duration;

/// Validated flags of `tracer demo`.
#[derive(Debug, Clone)]
pub(crate) struct DemoSettings {
    /// Round trip of the link.
    pub(crate) rtt: Duration,
    /// Requests at once.
    pub(crate) concurrency: u32,
    /// Time that each of the two crawls takes.
    pub(crate) time: Duration,
    /// Directory for the exports; `None` for one that no other demo uses.
    pub(crate) out: Option<PathBuf>,
    /// Show the live screen of each trace.
    pub(crate) screen: bool,
    /// Emulate the link with the kernel's netem instead of TUN devices.
    pub(crate) netem: bool,
    /// Use colours in the table.
    pub(crate) color: bool,
}

impl DemoSettings {
    /// Requests per second that no client with this many requests at once can exceed.
    pub(super) fn limit_per_second(&self) -> f64 {
        f64::from(self.concurrency) / self.rtt.as_secs_f64()
    }
}
