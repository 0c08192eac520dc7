//! Limits and figures of the frontier.

use std::time::Duration;

use crate::files::Files;

/// Limits on the load of each host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Politeness {
    /// Limit of pages of one host that are handed out and not yet done.
    pub per_host: u32,
    /// Time between two pages of one host, unless the host has a longer delay of its own.
    pub delay: Duration,
    /// Limit of pages of one host accepted during the whole crawl.
    pub max_pages_per_host: Option<u64>,
}

impl Default for Politeness {
    fn default() -> Self {
        Self {
            per_host: 8,
            delay: Duration::ZERO,
            max_pages_per_host: None,
        }
    }
}

/// Options of the state on disk, and the way its files are opened.
#[derive(Debug, Clone)]
pub struct DiskOptions {
    /// Memory in bytes: half of it for the database's cache, a quarter for queued URLs, the rest for changes not yet
    /// written.
    pub memory_bytes: usize,
    /// Time between two durable snapshots.
    pub snapshot_interval: Duration,
    /// Opener of the files.
    pub files: Files,
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            snapshot_interval: Duration::from_secs(5),
            files: Files::default(),
        }
    }
}

/// Figures of the frontier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Pages waiting to be fetched, including those that wait for another try.
    pub queued: u64,
    /// Pages handed out and not yet done.
    pub in_flight: u64,
    /// Pages done, including those of earlier processes of this crawl.
    pub done: u64,
    /// Number of different URLs ever added.
    pub seen: u64,
    /// Number of hosts ever seen.
    pub hosts: u64,
    /// Size in bytes of the table of seen URLs, in memory or as a mapped file.
    pub dedup_bytes: u64,
}
