//! Reports to other systems while tracing goes on.

use tokio::time::Instant;

use super::Engine;
use crate::{failure::Failure, sink::Occasion};

impl Engine {
    /// Makes a report; a failure is said once and does not end the trace. Returns when the next report is due, so that
    /// reports take a fifth of the time at most.
    pub(super) fn report(&mut self) -> Result<Option<Instant>, Failure> {
        let begun = Instant::now();
        self.look_again()?;
        let failures = self.output.sinks.take(Occasion::Report, &self.results());
        if let Some(failure) = failures.first()
            && !self.reports_fail
        {
            self.tell(format!("{failure}; tracing goes on"));
        }
        self.reports_fail = !failures.is_empty();
        let interval = self.output.report;
        let earliest = Instant::now() + 4 * begun.elapsed();
        Ok(interval.map(|interval| (begun + interval).max(earliest)))
    }
}
