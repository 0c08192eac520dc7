//! Outputs that the settings configure: JSONL, WARC and bodies.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::Version;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::oneshot;
use url::Position;

use super::report::{Needs, Out, OutError, PageReport, Step, Written};
use crate::fetch::Head;
use crate::files::Files;
use crate::out::body::{Bodies, Body, sha256_hex};
use crate::out::jsonl::Jsonl;
use crate::out::record::{FailureRecord, PageRecord};
use crate::out::warc::{self, Confirmed, Exchange, Warc};
use crate::out::{self, Output, Sink};
use crate::outcome::Class;
use crate::settings::Settings;

/// Writes pages to all configured outputs.
pub struct Outputs {
    ways: Mutex<Ways>,
    threads: Mutex<Threads>,
    needs: Needs,
    /// True if a page counts as done only once it is written, which is so with a state directory: a crawl can resume
    /// from it.
    waits: bool,
}

/// Senders to the writing threads. A thread ends when its last sender is dropped.
#[derive(Clone, Default)]
struct Ways {
    jsonl: Option<Sink<PageRecord>>,
    warc: Option<Sink<Exchange>>,
    bodies: Option<Sink<Body>>,
}

#[derive(Default)]
struct Threads {
    jsonl: Option<Output<PageRecord>>,
    warc: Option<Output<Exchange>>,
    bodies: Option<Output<Body>>,
}

impl Outputs {
    /// Opens the outputs that the settings name; `None` when there are none.
    pub fn open(settings: &Settings, files: &Files) -> Result<Option<Self>, out::OutError> {
        let output = &settings.output;
        let software = concat!("tracer/", env!("CARGO_PKG_VERSION"));
        let mut threads = Threads::default();
        if let Some(path) = &output.jsonl {
            threads.jsonl = Some(Output::start("jsonl", Jsonl::open(path, files)?)?);
        }
        if let Some(path) = &output.warc {
            let mut warc = Warc::open(path, output.warc_max_size.bytes(), software, files)?;
            if output.warc_dedup {
                warc = warc.once_each();
            }
            threads.warc = Some(Output::start("warc", warc)?);
        }
        if let Some(path) = &output.bodies {
            threads.bodies = Some(Output::start("bodies", Bodies::open(path, files)?)?);
        }
        let ways = Ways {
            jsonl: threads.jsonl.as_ref().map(Output::sink),
            warc: threads.warc.as_ref().map(Output::sink),
            bodies: threads.bodies.as_ref().map(Output::sink),
        };
        let any = ways.jsonl.is_some() || ways.warc.is_some() || ways.bodies.is_some();
        let outputs = Self {
            needs: Needs {
                wire: ways.warc.is_some(),
                body: ways.bodies.is_some(),
                links: output.jsonl_links,
            },
            ways: Mutex::new(ways),
            waits: settings.state.dir.is_some(),
            threads: Mutex::new(threads),
        };
        Ok(any.then_some(outputs))
    }

    async fn write(&self, report: &PageReport) -> Result<(), out::OutError> {
        let mut pending = Vec::new();
        let ways = locked(&self.ways).clone();
        if let (Some(sink), Some(step)) = (&ways.warc, &report.step) {
            self.send(sink, exchange(report, step), &mut pending)
                .await?;
        }
        if report.is_told() {
            let mut record = record(report, self.needs.links);
            if let (Some(sink), Some(bytes)) = (&ways.bodies, report.body.clone()) {
                let name = sha256_hex(&bytes);
                record.body_sha256 = Some(name.clone());
                self.send(sink, Body { name, bytes }, &mut pending).await?;
            }
            if let Some(sink) = &ways.jsonl {
                self.send(sink, record, &mut pending).await?;
            }
        }
        for written in pending {
            written.await.map_err(|_| out::OutError::Closed)?;
        }
        Ok(())
    }

    async fn send<T: Send + 'static>(
        &self,
        sink: &Sink<T>,
        item: T,
        pending: &mut Vec<oneshot::Receiver<()>>,
    ) -> Result<(), out::OutError> {
        if !self.waits {
            return sink.send(item).await;
        }
        let (sender, receiver) = oneshot::channel();
        pending.push(receiver);
        let written = move || {
            // The receiver is gone when the crawl was cut off.
            let _ = sender.send(());
        };
        sink.send_then(item, written).await
    }
}

impl Out for Outputs {
    fn needs(&self) -> Needs {
        self.needs
    }

    fn page<'a>(&'a self, report: &'a PageReport) -> Written<'a> {
        Box::pin(async move {
            let written = self.write(report).await;
            written.map_err(|error| OutError(error.into()))
        })
    }

    fn finish(&self) -> Written<'_> {
        Box::pin(async move {
            drop(std::mem::take(&mut *locked(&self.ways)));
            let threads = std::mem::take(&mut *locked(&self.threads));
            let closed = tokio::task::spawn_blocking(move || threads.close()).await;
            match closed {
                Ok(closed) => closed.map_err(|error| OutError(error.into())),
                Err(error) => Err(OutError(error.into())),
            }
        })
    }
}

impl Threads {
    /// Waits for all threads, even if one has failed. Returns the first error.
    fn close(self) -> Result<(), out::OutError> {
        let jsonl = self.jsonl.map_or(Ok(()), Output::close);
        let warc = self.warc.map_or(Ok(()), Output::close);
        let bodies = self.bodies.map_or(Ok(()), Output::close);
        jsonl.and(warc).and(bodies)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn started(step: &Step) -> OffsetDateTime {
    OffsetDateTime::from(step.started)
}

fn version(head: &Head) -> &'static str {
    match head.version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// JSONL record of a page.
pub(crate) fn record(report: &PageReport, with_links: bool) -> PageRecord {
    let step = report.step.as_ref();
    let exchange = step.map(|step| &step.exchange);
    let head = exchange.and_then(|exchange| exchange.head.as_ref());
    let parsed = report.parsed.as_ref();
    let failure = report.failure.as_ref().map(|failure| FailureRecord {
        class: failure.class(),
        message: failure.to_string(),
    });
    let cut = [Class::BodyTooLong, Class::Bomb, Class::Truncated];
    PageRecord {
        url: report.url.to_string(),
        requested_url: report.requested_url.to_string(),
        task_id: report.id,
        depth: report.depth,
        retries: report.retries,
        started_at: step
            .and_then(|step| started(step).format(&Rfc3339).ok())
            .unwrap_or_default(),
        status: report.status(),
        truncated: failure
            .as_ref()
            .is_some_and(|failure| cut.contains(&failure.class))
            || parsed.is_some_and(|page| page.truncated)
            || exchange.is_some_and(|exchange| exchange.is_cut),
        failure,
        skipped: report.skipped,
        redirects: report.redirects.clone(),
        referrer: report.referrer.as_deref().map(str::to_owned),
        http_version: head.map(version),
        content_type: head
            .and_then(|head| head.headers.get(CONTENT_TYPE))
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        charset: parsed.map(|page| page.charset),
        phases: exchange.map(|exchange| exchange.phases).unwrap_or_default(),
        parse_ns: report.parse_ns,
        task_ns: report.task_ns,
        connection: exchange.and_then(|exchange| exchange.connection),
        wire_bytes: exchange.map_or(0, |exchange| exchange.wire_bytes),
        decoded_bytes: exchange.map_or(0, |exchange| exchange.decoded_bytes),
        not_modified: report.status() == Some(304),
        body_sha256: None,
        canonical: parsed.and_then(|page| page.canonical.as_ref().map(ToString::to_string)),
        noindex: parsed.is_some_and(|page| page.directives.noindex),
        nofollow: parsed.is_some_and(|page| page.directives.nofollow),
        links: report.counts.clone(),
        link_urls: link_urls(report).filter(|_| with_links),
    }
}

/// The URLs that a page or a sitemap names.
fn link_urls(report: &PageReport) -> Option<Vec<String>> {
    let Some(page) = &report.parsed else {
        return report.sitemap_urls.clone();
    };
    let urls = page.links.iter().map(|link| link.url.as_str());
    Some(urls.map(str::to_owned).collect())
}

fn exchange(report: &PageReport, step: &Step) -> Exchange {
    let target = &report.url[Position::BeforePath..Position::AfterQuery];
    let host = &report.url[Position::BeforeHost..Position::AfterPort];
    let mut headers = HeaderMap::new();
    if let Ok(host) = HeaderValue::from_str(host) {
        headers.insert(hyper::header::HOST, host);
    }
    for (name, value) in step
        .request_headers
        .iter()
        .filter(|(_, value)| !value.is_sensitive())
    {
        headers.append(name, value.clone());
    }
    let body = step.wire.clone().unwrap_or_default();
    let response = step.exchange.head.as_ref().map(|head| {
        let reason = head.status.canonical_reason().unwrap_or("");
        let status = head.status.as_u16();
        warc::response_head(
            version(head),
            status,
            reason,
            &head.headers,
            body.len(),
            false,
        )
    });
    let truncated = report
        .failure
        .as_ref()
        .and_then(|failure| match failure.class() {
            Class::BodyTooLong | Class::Bomb => Some(warc::Truncated::Length),
            Class::TimeoutRequest | Class::TimeoutTask => Some(warc::Truncated::Time),
            Class::Truncated | Class::Lost => Some(warc::Truncated::Disconnect),
            Class::Decode => Some(warc::Truncated::Unspecified),
            _ => None,
        });
    let mut metadata = vec![
        (
            "fetchTimeMs",
            (step.exchange.phases.total_ns / 1_000_000).to_string(),
        ),
        ("hopsFromSeed", report.depth.to_string()),
    ];
    if let Some(referrer) = &report.referrer {
        metadata.push(("via", referrer.to_string()));
    }
    Exchange {
        url: report.url.to_string(),
        at: started(step),
        address: step.exchange.connection.map(|used| used.remote.ip()),
        request: warc::request_head("GET", target, &headers),
        response: response.unwrap_or_default(),
        body,
        truncated,
        not_modified: (report.status() == Some(304)).then(|| Confirmed {
            fetched_at: report
                .fetched_before_ns
                .and_then(|at| OffsetDateTime::from_unix_timestamp_nanos(at.into()).ok()),
        }),
        metadata,
    }
}
