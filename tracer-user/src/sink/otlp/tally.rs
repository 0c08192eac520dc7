//! Count of what was delivered and what was not, shared by the thread and the engine.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracer_text::{number, printable::printable};

/// Counts of requests to the collector.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    delivered: u64,
    given_up: u64,
    why: String,
    rejected: u64,
    why_rejected: String,
    trouble: Option<String>,
}

impl Tally {
    /// Counts a delivered request, of which the collector has rejected so many points or spans.
    pub(super) fn deliver(&self, rejected: u64, why: &str) {
        let mut counts = self.counts();
        counts.delivered += 1;
        counts.trouble = None;
        if rejected != 0 {
            counts.rejected += rejected;
            counts.why_rejected = printable(why);
        }
    }

    /// Counts requests that will not be sent again.
    pub(super) fn give_up(&self, requests: u64, why: &str) {
        if requests != 0 {
            let mut counts = self.counts();
            counts.given_up += requests;
            counts.why = printable(why);
        }
    }

    /// Notes that the last attempt has failed.
    pub(super) fn fail(&self, why: &str) {
        self.counts().trouble = Some(printable(why));
    }

    /// Reason why the last attempt has failed, if it has.
    pub(super) fn trouble(&self) -> Option<String> {
        self.counts().trouble.clone()
    }

    /// Number of requests that were given up.
    pub(super) fn given_up(&self) -> u64 {
        self.counts().given_up
    }

    /// Losses in one line; None if everything was delivered.
    pub(super) fn losses(&self) -> Option<String> {
        let counts = self.counts();
        let all = counts.delivered + counts.given_up;
        let given_up = (counts.given_up != 0).then(|| {
            let (given_up, all) = (number::count(counts.given_up), number::count(all));
            format!("{given_up} of {all} requests not delivered: {}", counts.why)
        });
        let rejected = (counts.rejected != 0).then(|| {
            let rejected = number::count(counts.rejected);
            match counts.why_rejected.as_str() {
                "" => format!("the collector rejected {rejected} values"),
                why => format!("the collector rejected {rejected} values: {why}"),
            }
        });
        let parts: Vec<String> = given_up.into_iter().chain(rejected).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
