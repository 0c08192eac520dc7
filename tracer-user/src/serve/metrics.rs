//! Metrics for Prometheus (`--prometheus`) at `/metrics`. Counters and histograms never go down as long as tracer runs,
//! whatever happens to the figures; the number of series is bounded.

mod accept;
mod family;
mod figures;
mod gauges;
mod hosts;
mod list;
mod native;
mod page;
mod protobuf;
mod rising;
mod text;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tracer_crawler::endpoint::{Bytes, Call, Reply, StatusCode, header};

use self::{
    accept::Format,
    family::{Family, Labels},
    figures::{Columns, Figures},
    gauges::Findings,
    list::Rows,
    page::Page,
};
use super::{desk::Moment, route::Route};
use crate::sink::Results;

/// Hosts with series of their own, unless told.
pub(crate) const HOSTS: u32 = 100;

/// The metrics with all that was told so far.
#[derive(Debug)]
struct Metrics {
    families: Vec<(Family, Rows)>,
    figures: Figures,
    findings: Findings,
    /// Labels of the hosts without a name.
    other: Labels,
    /// Beginning of the first window, since 1970, ns.
    began_ns: Option<u64>,
    /// Beginning of the last window that has ended.
    ended: Option<u64>,
    /// Last page, with its format and the time of its results.
    page: Option<(Instant, Format, Bytes)>,
}

/// Route of the metrics, with series for at most `hosts` hosts.
pub(crate) fn route(hosts: u32) -> Route {
    let metrics = Arc::new(Mutex::new(Metrics::new(hosts as usize)));
    let windows = Arc::clone(&metrics);
    let answer = move |call: &Call, moment: &Moment| {
        let accept = call.headers.get_all(header::ACCEPT).into_iter();
        let accept: Vec<&str> = accept.filter_map(|it| it.to_str().ok()).collect();
        locked(&metrics).reply(Format::wanted(&accept.join(",")), moment)
    };
    let about = "metrics for Prometheus";
    Route::new("/metrics", about, answer)
        .with_new_results()
        .taking_windows(move |results| locked(&windows).end_window(results))
}

/// Memory of a page for the next one; without any when somebody still reads it.
fn emptied(page: Bytes) -> Vec<u8> {
    let mut room = page.try_into_mut().map_or_else(|_| Vec::new(), Vec::from);
    room.clear();
    room
}

/// The metrics, also after a panic: the next page may be fine.
fn locked(metrics: &Mutex<Metrics>) -> std::sync::MutexGuard<'_, Metrics> {
    metrics.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Metrics {
    fn new(hosts: usize) -> Self {
        let mut columns = Columns::default();
        Self {
            families: list::listed(&mut columns),
            figures: Figures::new(columns, hosts),
            findings: Findings::default(),
            other: Labels::new([("server.address", "other")]),
            began_ns: None,
            ended: None,
            page: None,
        }
    }

    /// Reply with the page of a moment. Clients that ask for the same one at once share it.
    fn reply(&mut self, format: Format, moment: &Moment) -> Reply {
        let body = match self.page.take() {
            Some((at, known, body)) if (at, known) == (moment.at, format) => body,
            last => {
                let room = last.map_or_else(Vec::new, |(_, _, body)| emptied(body));
                Bytes::from(self.page(format, &moment.results, room))
            }
        };
        self.page = Some((moment.at, format, body.clone()));
        Reply {
            status: StatusCode::OK,
            content_type: format.content_type(),
            body,
        }
    }

    /// Page of results, in this room.
    fn page(&mut self, format: Format, results: &Results, room: Vec<u8>) -> Vec<u8> {
        let began_ns = self.begin(results);
        let empty = Default::default();
        // Results of a window that has ended are told already.
        let is_told = self.ended == Some(results.description.started_ns);
        let snapshot = if is_told { &empty } else { &*results.snapshot };
        let seen = self.figures.take(snapshot);
        self.findings.take(&results.findings);
        let gauges = gauges::gauges(results, &self.figures, &self.findings, began_ns);
        Page {
            families: &self.families,
            figures: &self.figures,
            snapshot,
            seen: &seen,
            gauges: &gauges,
            other: &self.other,
        }
        .written(format, room)
    }

    /// Takes the last results of a window.
    fn end_window(&mut self, results: &Results) {
        self.begin(results);
        self.figures.take(&results.snapshot);
        self.figures.begin_anew();
        self.ended = Some(results.description.started_ns);
    }

    fn begin(&mut self, results: &Results) -> u64 {
        let began_ns = results.description.started_at_ns();
        *self.began_ns.get_or_insert(began_ns)
    }
}

#[cfg(test)]
mod tests;
