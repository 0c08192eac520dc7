//! Exchange of results between the engine and the server. The engine makes results when they are asked for, and never
//! waits for the server; who asks waits a limited time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc, watch},
    time::{Instant, sleep_until, timeout},
};

use crate::sink::Results;

/// Age up to which results are served without asking for new ones: several clients at once share them.
const FRESH: Duration = Duration::from_millis(100);

/// Time limit for the engine to make results. Then the latest ones are served.
const PATIENCE: Duration = Duration::from_secs(5);

/// Least ratio of the time between two makings of results to the time that one takes.
const SHARE: u32 = 4;

/// Results with the time at which they were made.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// The results.
    pub(crate) results: Results,
    /// Time at which they were made.
    pub(crate) at: Instant,
}

/// State that both ends share.
#[derive(Debug, Default)]
struct Shared {
    asked: Notify,
    /// Told when a window has ended.
    window: Notify,
    /// True once the results do not change any more.
    is_over: AtomicBool,
}

/// The engine's end.
#[derive(Debug)]
pub(crate) struct Supply {
    latest: watch::Sender<Arc<Moment>>,
    windows: mpsc::UnboundedSender<Results>,
    shared: Arc<Shared>,
    earliest: Instant,
}

/// The server's end.
#[derive(Debug)]
pub(crate) struct Demand {
    latest: watch::Receiver<Arc<Moment>>,
    windows: Mutex<mpsc::UnboundedReceiver<Results>>,
    shared: Arc<Shared>,
}

/// Opens a desk with the results at the beginning.
pub(crate) fn open(first: Results) -> (Supply, Demand) {
    let now = Instant::now();
    let first = Moment {
        results: first,
        at: now,
    };
    let (latest, received) = watch::channel(Arc::new(first));
    let (windows, ended) = mpsc::unbounded_channel();
    let shared = Arc::<Shared>::default();
    let supply = Supply {
        latest,
        windows,
        shared: Arc::clone(&shared),
        earliest: now,
    };
    let demand = Demand {
        latest: received,
        windows: Mutex::new(ended),
        shared,
    };
    (supply, demand)
}

impl Supply {
    /// Waits until results are asked for, and until they may be made again. Nothing is lost when the wait is given up.
    pub(crate) async fn asked(&self) {
        sleep_until(self.earliest).await;
        self.shared.asked.notified().await;
    }

    /// Hands out results, on which work began at `begun`.
    pub(crate) fn publish(&mut self, results: Results, begun: Instant) {
        let at = Instant::now();
        self.earliest = at + SHARE * begun.elapsed();
        self.latest.send_replace(Arc::new(Moment { results, at }));
    }

    /// Hands out the last results of a window: the figures begin anew.
    pub(crate) fn end_window(&self, results: Results) {
        // A server that is gone counts no more.
        let _ = self.windows.send(results);
        self.shared.window.notify_one();
    }

    /// Hands out the results at the end of the trace.
    pub(crate) fn end(&mut self, results: Results) {
        self.shared.is_over.store(true, Ordering::Release);
        self.publish(results, Instant::now());
    }
}

impl Demand {
    /// The latest results.
    pub(crate) fn latest(&self) -> Arc<Moment> {
        Arc::clone(&self.latest.borrow())
    }

    /// Last results of a window that has ended because the figures began anew; each is given once, in order.
    pub(crate) fn ended_window(&self) -> Option<Results> {
        self.windows.lock().ok()?.try_recv().ok()
    }

    /// Waits until a window has ended.
    pub(crate) async fn window_ends(&self) {
        self.shared.window.notified().await;
    }

    /// Waits until the latest results are new, at most [`PATIENCE`].
    pub(crate) async fn refresh(&self) {
        let is_over = self.shared.is_over.load(Ordering::Acquire);
        let mut latest = self.latest.clone();
        if is_over || latest.borrow_and_update().at.elapsed() < FRESH {
            return;
        }
        self.shared.asked.notify_one();
        // Without new results, or without an engine, the latest ones are served.
        let _ = timeout(PATIENCE, latest.changed()).await;
    }
}
