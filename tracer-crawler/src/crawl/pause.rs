//! Hosts that ask for a pause: an answer with Retry-After is about the host, not about the one page that got it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use url::Url;

use super::engine::Engine;
use crate::fetch::{Exchange, origin_key};
use crate::retry;
use crate::settings::Settings;

/// Until when hosts pause. The frontier hands out none of their pages until then; pages that it handed out before, and that
/// wait for something else, look here before they are sent.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    /// Number of pauses. While there are none, no lock is taken.
    count: AtomicUsize,
    until: Mutex<HashMap<Box<str>, Instant>>,
}

impl Pauses {
    fn change<T>(&self, change: impl FnOnce(&mut HashMap<Box<str>, Instant>) -> T) -> T {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut until);
        self.count.store(until.len(), Ordering::Release);
        changed
    }

    fn begin(&self, url: &Url, until: Instant, now: Instant) {
        self.change(|pauses| {
            pauses.retain(|_, end| *end > now);
            let end = pauses.entry(origin_key(url).into()).or_insert(until);
            *end = until.max(*end);
        });
    }

    fn holds(&self, url: &Url, now: Instant) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        self.change(|pauses| {
            let is_held = pauses.get(origin_key(url)).is_some_and(|end| *end > now);
            if !is_held {
                pauses.remove(origin_key(url));
            }
            is_held
        })
    }
}

impl Engine {
    /// Makes a pause count that an answer asks for, up to the limit of the settings; the pause as it was asked for.
    pub(crate) fn obey_retry_after(
        &self,
        settings: &Settings,
        url: &Url,
        exchange: &Exchange,
    ) -> Option<Duration> {
        let head = exchange.head.as_ref()?;
        let wish = retry::wish(&head.headers, SystemTime::now())?;
        let pause = wish.min(settings.retry.max_retry_after);
        let now = Instant::now();
        let until = now.checked_add(pause).filter(|until| *until > now);
        if let Some(until) = until.filter(|_| is_about_the_host(head.status.as_u16())) {
            tracing::info!(
                host = origin_key(url),
                ?wish,
                ?pause,
                "the host asks for a pause"
            );
            // The frontier first: a page that is put back must not come again at once.
            self.with_frontier(|frontier| {
                frontier.hold_host(url, until);
                Ok(())
            });
            self.pauses.begin(url, until, now);
        }
        Some(wish)
    }

    /// Tells whether a host has asked for a pause that is not over.
    pub(crate) fn is_paused(&self, url: &Url) -> bool {
        self.pauses.holds(url, Instant::now())
    }
}

/// Too many requests (RFC 6585, and 403 where servers say it that way), or a server that cannot serve now.
fn is_about_the_host(status: u16) -> bool {
    matches!(status, 403 | 429 | 500..=599)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wish_counts_for_its_host_until_it_is_over() {
        let url = |text| Url::parse(text).unwrap();
        let (host, page) = (url("http://h/a"), url("http://h/b"));
        let (pauses, now) = (Pauses::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!(!pauses.holds(&page, now));
        pauses.begin(&host, after(5), now);
        pauses.begin(&host, after(3), now);
        assert!(pauses.holds(&page, after(4)));
        for other in ["http://h:81/", "https://h/", "http://g/"] {
            assert!(!pauses.holds(&url(other), after(4)), "{other}");
        }
        assert!(!pauses.holds(&page, after(5)));
        assert_eq!(pauses.count.load(Ordering::Relaxed), 0);
    }
}
