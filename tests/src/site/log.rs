//! What the server was asked for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Requests for one URL.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// How many.
    pub requests: u32,
    /// Of the first.
    pub first: Instant,
    /// Of the last.
    pub last: Instant,
}

impl Asked {
    /// From the first to the last.
    pub fn span(&self) -> Duration {
        self.last - self.first
    }
}

/// Requests by URL.
#[derive(Debug, Default)]
pub struct Log {
    by_url: Mutex<HashMap<String, Asked>>,
    requests: AtomicU64,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Asked>> {
        self.by_url.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request; how many there were before.
    pub(super) fn note(&self, url: &str) -> u32 {
        let now = Instant::now();
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut log = self.lock();
        if let Some(asked) = log.get_mut(url) {
            asked.requests += 1;
            asked.last = now;
            return asked.requests - 1;
        }
        let asked = Asked {
            requests: 1,
            first: now,
            last: now,
        };
        log.insert(url.to_owned(), asked);
        0
    }

    /// All of it until now.
    pub fn all(&self) -> HashMap<String, Asked> {
        self.lock().clone()
    }

    /// All requests until now.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
