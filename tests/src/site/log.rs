//! Log of the requests to the server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Requests for one URL.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Number of requests.
    pub requests: u32,
    /// Time of the first request.
    pub first: Instant,
    /// Time of the last request.
    pub last: Instant,
}

impl Asked {
    /// Time from the first request to the last.
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

    /// Notes a request, and gives the number of requests before it.
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

    /// Copy of the log so far.
    pub fn all(&self) -> HashMap<String, Asked> {
        self.lock().clone()
    }

    /// Number of all requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
