//! Reports to other systems while tracing goes on.

use std::sync::Arc;

use tokio::time::Instant;
use tracer_text::number;

use super::Engine;
use crate::{
    failure::Failure,
    sink::{Occasion, Results},
};

impl Engine {
    /// Makes a report; a failure is said once and does not end the trace. Returns when the next report is due, so that
    /// reports take a fifth of the time at most.
    pub(super) fn report(&mut self) -> Result<Option<Instant>, Failure> {
        let begun = Instant::now();
        self.look_again()?;
        let results = self.results_with_samples();
        let failures = self.output.sinks.take(Occasion::Report, &results);
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

    /// Results, with the samples since the last report.
    pub(super) fn results_with_samples(&mut self) -> Results {
        let (samples, dropped) = self.tracker.take_samples();
        self.samples_dropped += dropped;
        Results {
            samples: Arc::new(samples),
            ..self.results()
        }
    }

    /// Results at the end, with the samples of the connections that are still open; says if there were too many samples.
    pub(super) fn last_results(&mut self) -> Results {
        self.tracker.finish_samples(self.description.as_of_ns);
        let results = self.results_with_samples();
        if self.samples_dropped != 0 {
            let count = number::count(self.samples_dropped);
            let text = format!(
                "--otlp-traces: {count} spans were too many to keep; a smaller share lacks none"
            );
            self.remarks.push(text);
        }
        results
    }
}
