//! Windows of a long trace: each has an export with its own figures. The figures of the whole go on beside them, so that
//! open connections and counters for other systems do not begin anew.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracer_core::snapshot::Snapshot;

use super::Engine;
use crate::{
    failure::Failure,
    sink::{Occasion, Results},
    trace::description::Description,
};

/// Windows of a trace.
#[derive(Debug)]
pub(super) struct Windows {
    period: Duration,
    /// State at the beginning of the window.
    before: Snapshot,
    /// Beginning of the window.
    began: Beginning,
}

/// Beginning of a window.
#[derive(Debug, Clone, Copy)]
struct Beginning {
    /// CLOCK_MONOTONIC, ns.
    ns: u64,
    /// Time of day.
    at: SystemTime,
}

impl Windows {
    /// Begins the first window with the trace.
    pub(super) fn begin(period: Duration, about: &Description) -> Self {
        Self {
            period,
            before: Snapshot::default(),
            began: Beginning::of_trace(about),
        }
    }

    /// Sets another length, for the window under way too.
    pub(super) fn set_period(&mut self, period: Duration) {
        self.period = period;
    }

    /// Begins anew with the figures of the trace.
    pub(super) fn restart(&mut self, about: &Description) {
        *self = Self::begin(self.period, about);
    }

    /// End of the window under way: windows begin at multiples of their length in UTC, so that those of many machines
    /// cover the same time.
    fn due(&self) -> Instant {
        Instant::now() + until_next(self.period, SystemTime::now())
    }

    /// Description of the window under way.
    fn about(&self, about: &Description) -> Description {
        Description {
            started_ns: self.began.ns,
            started_at: self.began.at,
            ..about.clone()
        }
    }

    /// Figures of the window under way.
    fn figures(&self, now: &Snapshot, about: &Description) -> Snapshot {
        let window_ns = self.about(about).elapsed_ns();
        let began_ns = about.elapsed_ns().saturating_sub(window_ns);
        now.since(&self.before, began_ns, window_ns)
    }
}

impl Beginning {
    fn of_trace(about: &Description) -> Self {
        Self {
            ns: about.started_ns,
            at: about.started_at,
        }
    }
}

/// Time until the next multiple of a period since 1970. A timer that fires a little early does not make a tiny window.
fn until_next(period: Duration, now: SystemTime) -> Duration {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let early = period / 20;
    let past = (since + early).as_nanos() % period.as_nanos().max(1);
    let past = Duration::from_nanos(u64::try_from(past).unwrap_or(0));
    period.saturating_sub(past) + early
}

impl Engine {
    /// Begins the windows anew after the figures have.
    pub(super) fn restart_windows(&mut self) {
        if let Some(windows) = &mut self.windows {
            windows.restart(&self.description);
        }
    }

    /// Time at which the window under way ends, if there are windows.
    pub(super) fn window_ends_at(&self) -> Option<Instant> {
        self.windows.as_ref().map(Windows::due)
    }

    /// Ends the window under way and begins the next one; returns when that ends. If its export cannot be written, the
    /// window goes on, so that nothing is lost.
    pub(super) fn rotate(&mut self) -> Result<Option<Instant>, Failure> {
        self.look_again()?;
        let snapshot = self.tracker.snapshot();
        if self.take_window(Occasion::WindowOver, &snapshot)
            && let Some(windows) = &mut self.windows
        {
            let about = &self.description;
            windows.began = Beginning {
                ns: about.as_of_ns,
                at: SystemTime::now(),
            };
            windows.before = snapshot;
        }
        Ok(self.window_ends_at())
    }

    /// Hands the figures of the window under way to the sinks. False if one of them failed.
    pub(super) fn take_window(&mut self, occasion: Occasion, snapshot: &Snapshot) -> bool {
        let Some(windows) = &self.windows else {
            return true;
        };
        let figures = windows.figures(snapshot, &self.description);
        let about = windows.about(&self.description);
        let results = Results::new(figures, &about, &self.output.allowed);
        let results = Results {
            verdicts: results.judge(&self.output.gates),
            ..results
        };
        let failures = self.output.sinks.take(occasion, &results);
        let is_written = failures.is_empty();
        for failure in failures {
            match occasion {
                Occasion::LastWindow => self.fail(failure.into()),
                _ => self.tell(format!("{failure}; tracing goes on")),
            }
        }
        is_written
    }
}

#[cfg(test)]
mod tests;
