//! Connections kept for the next request: exact limits, first come first served, the most recently used one first.
//!
//! A connection is opened only by one who found none idle and a place free, so there are never more than the limit, and none is opened that nobody waits for.

#[path = "pool_counts.rs"]
mod counts;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use counts::Counts;
pub use counts::PoolFigures;

/// What a pool can keep.
pub trait Keep: Send + 'static {
    /// Whether it can carry another request. Called before each reuse and, while idle, about once a second.
    fn is_alive(&mut self) -> bool;
}

/// Numbers that bound a pool.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections open or being opened to one host.
    pub per_host: usize,
    /// Idle connections kept to one host.
    pub idle_per_host: usize,
    /// Idle connections kept to all hosts together.
    pub idle_total: usize,
    /// Idle connections older than this are closed.
    pub idle_timeout: Duration,
}

/// Pools of all hosts.
#[derive(Debug)]
pub struct Pool<C: Keep> {
    hosts: RwLock<HashMap<Box<str>, Arc<Host<C>>>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    per_host: AtomicUsize,
    bounds: Bounds,
    counts: Counts,
}

/// The connections of one host.
#[derive(Debug)]
pub struct Host<C: Keep> {
    state: Mutex<State<C>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct State<C> {
    /// Oldest first.
    idle: Vec<Idle<C>>,
    /// Idle, in use, or being opened.
    open: usize,
    waiters: VecDeque<oneshot::Sender<GrantInner<C>>>,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Instant,
}

/// The right to have one connection open. Dropped, it goes to the next in the row.
#[derive(Debug)]
pub struct Slot<C: Keep>(Option<Arc<Host<C>>>);

/// A connection in use. Dropped, it is closed.
#[derive(Debug)]
pub struct Lease<C: Keep> {
    /// What carries the request.
    pub connection: C,
    slot: Slot<C>,
}

/// What a request gets.
#[derive(Debug)]
pub enum Grant<C: Keep> {
    /// A connection that has carried requests before.
    Reuse(Lease<C>),
    /// No connection is idle, and one may be opened.
    Open(Slot<C>),
}

/// A grant on its way to a waiter: it has no host of its own yet, so that it can be taken back under the lock.
#[derive(Debug)]
enum GrantInner<C> {
    Reuse(C),
    Open,
}

/// Waits in the row; leaves it when dropped, and passes on what was already given.
struct Waiter<C: Keep> {
    receiver: oneshot::Receiver<GrantInner<C>>,
    host: Arc<Host<C>>,
}

impl<C: Keep> Pool<C> {
    /// An empty pool.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            hosts: RwLock::default(),
            shared: Arc::new(Shared {
                per_host: AtomicUsize::new(bounds.per_host.max(1)),
                bounds,
                counts: Counts::default(),
            }),
        }
    }

    /// The connections of one host; `key` names scheme, host and port.
    pub fn host(&self, key: &str) -> Arc<Host<C>> {
        let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(key) {
            return Arc::clone(host);
        }
        drop(hosts);
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        let host = hosts
            .entry(key.into())
            .or_insert_with(|| Arc::new(Host::new(Arc::clone(&self.shared))));
        Arc::clone(host)
    }

    /// Changes the limit of connections to one host. Those open stay open until they are closed for another reason.
    pub fn set_per_host(&self, per_host: usize) {
        self.shared
            .per_host
            .store(per_host.max(1), Ordering::Release);
        let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        hosts
            .values()
            .for_each(|host| host.lock().admit(&self.shared));
    }

    /// Closes idle connections that are too old or dead, and forgets hosts without any. Meant to be called about once a second.
    pub fn sweep(&self, now: Instant) {
        let all: Vec<_> = {
            let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
            hosts.values().cloned().collect()
        };
        all.iter().for_each(|host| host.sweep(now));
        drop(all);
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.lock().open > 0);
    }

    /// Events so far.
    pub fn figures(&self) -> PoolFigures {
        self.shared.counts.figures()
    }
}

impl<C: Keep> Host<C> {
    fn new(shared: Arc<Shared>) -> Self {
        let state = State {
            idle: Vec::new(),
            open: 0,
            waiters: VecDeque::new(),
        };
        Self {
            state: Mutex::new(state),
            shared,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection, the right to open one, or a place in the row until there is either.
    pub async fn take(self: &Arc<Self>) -> Grant<C> {
        let mut waiter = match self.take_now() {
            Ok(grant) => return grant,
            Err(waiter) => waiter,
        };
        match (&mut waiter.receiver).await {
            Ok(inner) => self.grant(inner),
            // The sender lives in the state, which lives as long as we do; were it lost, a place is due.
            Err(_) => {
                self.lock().open += 1;
                self.grant(GrantInner::Open)
            }
        }
    }

    fn take_now(self: &Arc<Self>) -> Result<Grant<C>, Waiter<C>> {
        let mut closed = Vec::new();
        let mut state = self.lock();
        let found = state.newest(&self.shared, Instant::now(), &mut closed);
        let inner = match found {
            Some(connection) => Ok(GrantInner::Reuse(connection)),
            None if state.open < self.shared.per_host.load(Ordering::Acquire) => {
                state.open += 1;
                Ok(GrantInner::Open)
            }
            None => {
                let (sender, receiver) = oneshot::channel();
                state.waiters.push_back(sender);
                Err(receiver)
            }
        };
        // Sockets are closed outside the lock.
        drop(state);
        drop(closed);
        match inner {
            Ok(inner) => Ok(self.grant(inner)),
            Err(receiver) => Err(Waiter {
                receiver,
                host: Arc::clone(self),
            }),
        }
    }

    fn grant(self: &Arc<Self>, inner: GrantInner<C>) -> Grant<C> {
        let slot = Slot(Some(Arc::clone(self)));
        match inner {
            GrantInner::Reuse(connection) => {
                self.shared.counts.reused.fetch_add(1, Ordering::Relaxed);
                Grant::Reuse(Lease { connection, slot })
            }
            GrantInner::Open => Grant::Open(slot),
        }
    }

    /// Takes a connection back: to the next in the row, else among the idle ones, else to be closed.
    fn put(&self, connection: C) {
        let refused = self.lock().put(connection, &self.shared);
        drop(refused);
    }

    fn release(&self) {
        let mut state = self.lock();
        state.open -= 1;
        state.admit(&self.shared);
    }

    fn sweep(&self, now: Instant) {
        let mut closed = Vec::new();
        let mut state = self.lock();
        let idle = std::mem::take(&mut state.idle);
        for mut one in idle {
            if state.is_usable(&mut one, &self.shared, now) {
                state.idle.push(one);
            } else {
                closed.push(one.connection);
            }
        }
        state.admit(&self.shared);
        drop(state);
        drop(closed);
    }
}

impl<C: Keep> State<C> {
    /// The most recently used connection that still works. Those that do not are moved to `closed`.
    fn newest(&mut self, shared: &Shared, now: Instant, closed: &mut Vec<C>) -> Option<C> {
        while let Some(mut one) = self.idle.pop() {
            if self.is_usable(&mut one, shared, now) {
                shared.counts.idle.fetch_sub(1, Ordering::Relaxed);
                return Some(one.connection);
            }
            closed.push(one.connection);
        }
        None
    }

    /// Takes one that is not usable off the accounts.
    fn is_usable(&mut self, one: &mut Idle<C>, shared: &Shared, now: Instant) -> bool {
        let counter = if now.saturating_duration_since(one.since) >= shared.bounds.idle_timeout {
            &shared.counts.expired
        } else if !one.connection.is_alive() {
            &shared.counts.dead
        } else {
            return true;
        };
        counter.fetch_add(1, Ordering::Relaxed);
        shared.counts.idle.fetch_sub(1, Ordering::Relaxed);
        self.open -= 1;
        false
    }

    /// The connection comes back if there is no room for it.
    fn put(&mut self, connection: C, shared: &Shared) -> Option<C> {
        let mut inner = GrantInner::Reuse(connection);
        while let Some(waiter) = self.waiters.pop_front() {
            match waiter.send(inner) {
                Ok(()) => return None,
                Err(back) => inner = back,
            }
        }
        let GrantInner::Reuse(connection) = inner else {
            return None;
        };
        let full = self.idle.len() >= shared.bounds.idle_per_host
            || shared.counts.idle.load(Ordering::Relaxed) >= shared.bounds.idle_total
            || self.open > shared.per_host.load(Ordering::Acquire);
        if full {
            shared.counts.refused.fetch_add(1, Ordering::Relaxed);
            self.open -= 1;
            self.admit(shared);
            return Some(connection);
        }
        shared.counts.idle.fetch_add(1, Ordering::Relaxed);
        self.idle.push(Idle {
            connection,
            since: Instant::now(),
        });
        None
    }

    /// Gives free places to those who wait.
    fn admit(&mut self, shared: &Shared) {
        while self.open < shared.per_host.load(Ordering::Acquire) {
            let Some(waiter) = self.waiters.pop_front() else {
                return;
            };
            if waiter.send(GrantInner::Open).is_ok() {
                self.open += 1;
            }
        }
    }
}

impl<C: Keep> Slot<C> {
    /// The place is filled.
    pub fn fill(self, connection: C) -> Lease<C> {
        self.note_opened();
        Lease {
            connection,
            slot: self,
        }
    }
}

impl<C: Keep> Slot<C> {
    /// The place is filled by a connection that the pool does not keep.
    pub(crate) fn note_opened(&self) {
        if let Some(host) = &self.0 {
            host.shared.counts.opened.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<C: Keep> Lease<C> {
    /// The request is over and the connection can carry another.
    pub fn keep(mut self) {
        if let Some(host) = self.slot.0.take() {
            host.put(self.connection);
        }
    }

    /// Closes the connection; its place stays ours.
    pub fn close(self) -> Slot<C> {
        self.slot
    }
}

impl<C: Keep> Drop for Slot<C> {
    fn drop(&mut self) {
        if let Some(host) = self.0.take() {
            host.release();
        }
    }
}

impl<C: Keep> Drop for Waiter<C> {
    fn drop(&mut self) {
        self.receiver.close();
        // Given in the moment we left.
        if let Ok(inner) = self.receiver.try_recv() {
            match inner {
                GrantInner::Reuse(connection) => self.host.put(connection),
                GrantInner::Open => self.host.release(),
            }
        }
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
