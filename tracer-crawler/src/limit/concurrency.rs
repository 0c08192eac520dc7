//! Limit on the number of operations at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// Limit with a number of permits that can be changed while some are in use.
#[derive(Debug)]
pub struct Concurrency {
    permits: Semaphore,
    limit: AtomicUsize,
    /// Number of permits to remove when they come back, because the limit was lowered while they were in use.
    owed: AtomicUsize,
}

/// Permit that returns when dropped.
#[derive(Debug)]
pub struct Permit(Arc<Concurrency>);

impl Concurrency {
    /// Makes a limit of `limit` permits; 0 counts as 1.
    pub fn new(limit: usize) -> Arc<Self> {
        let limit = clamp(limit);
        Arc::new(Self {
            permits: Semaphore::new(limit),
            limit: AtomicUsize::new(limit),
            owed: AtomicUsize::new(0),
        })
    }

    /// Current limit.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Acquire)
    }

    /// Number of free permits.
    pub fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// Changes the limit. Permits in use stay valid; after a lowering they are removed as they come back.
    pub fn set_limit(&self, limit: usize) {
        let limit = clamp(limit);
        let before = self.limit.swap(limit, Ordering::AcqRel);
        if limit >= before {
            self.grow(limit - before);
        } else {
            let less = before - limit;
            let gone = self.permits.forget_permits(less);
            self.owed.fetch_add(less - gone, Ordering::AcqRel);
        }
    }

    /// Waits for a permit, in the order of calls.
    pub async fn acquire(self: &Arc<Self>) -> Permit {
        match self.permits.acquire().await {
            Ok(permit) => permit.forget(),
            // The semaphore is never closed. Without it there would be no limit to keep.
            Err(_) => self.owe(),
        }
        Permit(Arc::clone(self))
    }

    /// Permit, if one is free now.
    pub fn try_acquire(self: &Arc<Self>) -> Option<Permit> {
        self.permits.try_acquire().ok()?.forget();
        Some(Permit(Arc::clone(self)))
    }

    /// Settles owed permits first, then adds the rest.
    fn grow(&self, by: usize) {
        let mut paid = 0;
        while paid < by && self.settle() {
            paid += 1;
        }
        self.permits.add_permits(by - paid);
    }

    fn owe(&self) {
        self.owed.fetch_add(1, Ordering::AcqRel);
    }

    /// Reduces the number of owed permits; false if none was owed.
    fn settle(&self) -> bool {
        self.owed
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |owed| {
                owed.checked_sub(1)
            })
            .is_ok()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.0.settle() {
            self.0.permits.add_permits(1);
        }
    }
}

fn clamp(limit: usize) -> usize {
    limit.clamp(1, Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_limit_takes_places_as_they_come_back() {
        let limit = Concurrency::new(3);
        let mut held: Vec<_> = (0..3).map(|_| limit.try_acquire().unwrap()).collect();
        limit.set_limit(1);
        assert!(limit.try_acquire().is_none());
        held.pop();
        held.pop();
        assert!(limit.try_acquire().is_none(), "two of three were owed");
        held.pop();
        assert_eq!(limit.free(), 1);
    }

    #[test]
    fn a_higher_limit_pays_debts_first() {
        let limit = Concurrency::new(4);
        let held: Vec<_> = (0..4).map(|_| limit.try_acquire().unwrap()).collect();
        limit.set_limit(1);
        limit.set_limit(2);
        assert!(limit.try_acquire().is_none());
        limit.set_limit(5);
        assert_eq!(limit.free(), 1, "four are out");
        drop(held);
        assert_eq!(limit.free(), 5);
        assert_eq!(limit.limit(), 5);
    }

    #[tokio::test]
    async fn a_waiter_goes_on_when_the_limit_rises() {
        let limit = Concurrency::new(1);
        let first = limit.acquire().await;
        let waiter = tokio::spawn({
            let limit = Arc::clone(&limit);
            async move { drop(limit.acquire().await) }
        });
        limit.set_limit(2);
        waiter.await.unwrap();
        drop(first);
        assert_eq!(limit.free(), 2);
    }
}
