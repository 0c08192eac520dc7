//! Settings that can be exchanged during the crawl.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::Settings;

/// Current settings, shared by all parts of the crawl. Reading them is one atomic load; a part that has to act on a
/// change subscribes.
#[derive(Debug)]
pub struct LiveSettings {
    current: ArcSwap<Settings>,
    generation: watch::Sender<u64>,
}

impl LiveSettings {
    /// Starts with these settings.
    pub fn new(settings: Settings) -> Self {
        Self {
            current: ArcSwap::from_pointee(settings),
            generation: watch::Sender::new(0),
        }
    }

    /// Current settings. Do not keep them: load them again for the next page.
    pub fn load(&self) -> Arc<Settings> {
        self.current.load_full()
    }

    /// Exchanges all settings at once and notifies the subscribers.
    pub fn swap(&self, settings: Settings) {
        self.current.store(Arc::new(settings));
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// Receiver that is notified after each exchange; its value counts the exchanges.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_see_the_new_settings() {
        let live = LiveSettings::new(Settings::default());
        let mut changes = live.subscribe();
        assert!(!changes.has_changed().unwrap());
        let mut settings = (*live.load()).clone();
        settings.limits.concurrency = 7;
        live.swap(settings);
        assert!(changes.has_changed().unwrap());
        assert_eq!(*changes.borrow_and_update(), 1);
        assert_eq!(live.load().limits.concurrency, 7);
    }
}
