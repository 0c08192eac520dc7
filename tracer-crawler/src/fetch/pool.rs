//! Pool of connections: exact limits, requests served in order of arrival, the most recently used connection first.
//!
//! A connection is opened only for a request that finds no idle one and a free slot, so the limit is never exceeded and
//! no connection is opened without need.

mod counts;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use counts::Counts;
pub use counts::PoolFigures;

/// Connection that a pool can keep.
pub trait Keep: Send + 'static {
    /// True if the connection can carry another request. Called before each reuse and about once a second while idle.
    fn is_alive(&mut self) -> bool;
}

/// Limits of a pool.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Limit of connections to one host, including those being opened.
    pub per_host: usize,
    /// Limit of idle connections to one host.
    pub idle_per_host: usize,
    /// Limit of idle connections to all hosts together.
    pub idle_total: usize,
    /// Idle time after which a connection is closed.
    pub idle_timeout: Duration,
}

/// Connections of all hosts.
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

/// Connections of one host.
#[derive(Debug)]
pub struct Host<C: Keep> {
    state: Mutex<State<C>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct State<C> {
    /// Idle connections, the oldest first.
    idle: Vec<Idle<C>>,
    /// Number of connections that are idle, in use, or being opened.
    open: usize,
    waiters: VecDeque<oneshot::Sender<GrantInner<C>>>,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Instant,
}

/// Right to have one connection open. When dropped, it goes to the next request that waits.
#[derive(Debug)]
pub struct Slot<C: Keep>(Option<Arc<Host<C>>>);

/// Connection in use. When dropped, the connection is closed.
#[derive(Debug)]
pub struct Lease<C: Keep> {
    /// Connection that carries the request.
    pub connection: C,
    slot: Slot<C>,
}

/// Result of asking for a connection.
#[derive(Debug)]
pub enum Grant<C: Keep> {
    /// A connection that has carried requests before.
    Reuse(Lease<C>),
    /// Permission to open a connection, because none is idle.
    Open(Slot<C>),
}

/// Grant on its way to a waiting request. It does not refer to the host, so that it can be taken back under the host's
/// lock.
#[derive(Debug)]
enum GrantInner<C> {
    Reuse(C),
    Open,
}

/// Place of a request in the queue. When dropped, it leaves the queue and passes on a grant that has already arrived.
struct Waiter<C: Keep> {
    receiver: oneshot::Receiver<GrantInner<C>>,
    host: Arc<Host<C>>,
}

impl<C: Keep> Pool<C> {
    /// Makes an empty pool.
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

    /// Connections of one host; `key` consists of scheme, host and port.
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

    /// Changes the limit of connections to one host. Connections above a lower limit stay open until closed for another
    /// reason.
    pub fn set_per_host(&self, per_host: usize) {
        self.shared
            .per_host
            .store(per_host.max(1), Ordering::Release);
        let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        hosts
            .values()
            .for_each(|host| host.lock().admit(&self.shared));
    }

    /// Closes idle connections that are too old or dead, and forgets hosts without connections. To be called about once
    /// a second.
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

    /// Counts of events since the pool was made.
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

    /// Returns an idle connection or the right to open one, waiting in the queue until there is either.
    pub async fn take(self: &Arc<Self>) -> Grant<C> {
        let mut waiter = match self.take_now() {
            Ok(grant) => return grant,
            Err(waiter) => waiter,
        };
        match (&mut waiter.receiver).await {
            Ok(inner) => self.grant(inner),
            // The sender is part of the host's state, which outlives this call. If it were lost, a slot would be due.
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
        // Sockets are closed outside of the lock.
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

    /// Takes a connection back: for the next request in the queue, else as idle, else to be closed.
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
    /// Most recently used connection that still works. Connections that do not are moved to `closed`.
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

    /// Checks an idle connection; one that is not usable is removed from the counts.
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

    /// Takes a connection back; returns it if there is no room for it.
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

    /// Gives free slots to waiting requests.
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
    /// Puts a new connection into the slot.
    pub fn fill(self, connection: C) -> Lease<C> {
        self.note_opened();
        Lease {
            connection,
            slot: self,
        }
    }
}

impl<C: Keep> Slot<C> {
    /// Counts a new connection in this slot that the pool itself does not keep.
    pub(crate) fn note_opened(&self) {
        if let Some(host) = &self.0 {
            host.shared.counts.opened.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<C: Keep> Lease<C> {
    /// Returns the connection to the pool after a request, to carry another.
    pub fn keep(mut self) {
        if let Some(host) = self.slot.0.take() {
            host.put(self.connection);
        }
    }

    /// Closes the connection and keeps its slot.
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
        // A grant may have arrived just before the request gave up.
        if let Ok(inner) = self.receiver.try_recv() {
            match inner {
                GrantInner::Reuse(connection) => self.host.put(connection),
                GrantInner::Open => self.host.release(),
            }
        }
    }
}

#[cfg(test)]
mod tests;
