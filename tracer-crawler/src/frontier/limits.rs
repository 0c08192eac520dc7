//! Limits that the frontier keeps, and its figures.

use std::time::Duration;

use crate::files::Files;

/// How hosts are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Politeness {
    /// Pages of one host handed out and not yet done.
    pub per_host: u32,
    /// Between two pages of one host, unless the host has a longer delay of its own.
    pub delay: Duration,
    /// Pages of one host ever accepted.
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

/// Limits of the state on disk, and how its files are opened.
#[derive(Debug, Clone)]
pub struct DiskOptions {
    /// Memory in bytes: half of it for the database's cache, a quarter for queued URLs, the rest for what is on its way to the disk.
    pub memory_bytes: usize,
    /// Between two durable snapshots.
    pub snapshot_interval: Duration,
    /// How files are opened.
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
    /// Waiting to be fetched, retries included.
    pub queued: u64,
    /// Handed out.
    pub in_flight: u64,
    /// Done, by earlier processes of this crawl as well.
    pub done: u64,
    /// Different URLs ever added.
    pub seen: u64,
    /// Hosts ever seen.
    pub hosts: u64,
    /// Memory or mapped file of the table of seen URLs, in bytes.
    pub dedup_bytes: u64,
}
