//! Figures for Prometheus in the OpenMetrics text format at /metrics, and /healthz and /readyz for programs that start
//! and restart crawlers. All values are in base units, and no label contains a URL or host.

use std::{collections::BTreeMap, fmt, fs, sync::Arc};

use hyper::{Method, StatusCode};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};

use crate::{
    endpoint::{Call, Handler, Reply},
    settings::LiveSettings,
    stats::{BUCKETS, CrawlPhase, HistogramSnapshot, Snapshot, Stats, upper_bound_s},
};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Handler of scrapes.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    stats: Arc<Stats>,
}

impl Metrics {
    /// Makes a handler that reads the figures anew for each scrape.
    pub fn new(stats: Arc<Stats>, live: Arc<LiveSettings>) -> Self {
        let mut registry = Registry::with_prefix("tracer_crawl");
        registry.register_collector(Box::new(Figures {
            stats: Arc::clone(&stats),
            live,
        }));
        Self { registry, stats }
    }

    fn scrape(&self) -> Reply {
        let mut body = String::new();
        match text::encode(&mut body, &self.registry) {
            Ok(()) => Reply {
                status: StatusCode::OK,
                content_type: CONTENT_TYPE,
                body: body.into(),
            },
            Err(fmt::Error) => Reply::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "figures could not be written",
            ),
        }
    }

    /// Reply about readiness. Only a crawl that is fetching is ready, so that an ending one gets no more work.
    fn ready(&self) -> Reply {
        let phase = self.stats.phase();
        let status = match phase {
            CrawlPhase::Running => StatusCode::OK,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Reply::text(status, phase.name())
    }
}

impl Handler for Metrics {
    fn answer(&self, call: &Call) -> Reply {
        if call.method != Method::GET && call.method != Method::HEAD {
            return Reply::text(StatusCode::METHOD_NOT_ALLOWED, "GET only");
        }
        match call.path.as_str() {
            "/metrics" => self.scrape(),
            "/healthz" => Reply::text(StatusCode::OK, "ok"),
            "/readyz" => self.ready(),
            _ => Reply::text(
                StatusCode::NOT_FOUND,
                "there are /metrics, /healthz and /readyz",
            ),
        }
    }
}

#[derive(Debug)]
struct Figures {
    stats: Arc<Stats>,
    live: Arc<LiveSettings>,
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let figures = self.stats.snapshot();
        info(&mut encoder)?;
        counters(&mut encoder, &figures)?;
        families(&mut encoder, &figures)?;
        gauges(&mut encoder, &figures)?;
        limits(&mut encoder, &self.live)?;
        phases(&mut encoder, &figures)?;
        process(&mut encoder)
    }
}

fn info(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    encoder
        .encode_descriptor("build", "Version of the crawler", None, MetricType::Info)?
        .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
}

fn counters(encoder: &mut DescriptorEncoder<'_>, figures: &Snapshot) -> fmt::Result {
    let counters = [
        ("requests", "Requests sent", figures.requests),
        ("retries", "Tries after a failure", figures.retries),
        ("redirects", "Redirects followed", figures.redirects),
        ("links", "Links found in pages", figures.links),
        ("links_duplicate", "Links seen before", figures.duplicates),
        (
            "not_modified",
            "Pages found unchanged by a conditional request",
            figures.not_modified,
        ),
        (
            "connections_opened",
            "Connections opened",
            figures.connections,
        ),
        (
            "connections_reused",
            "Requests on a connection that had carried one before",
            figures.reused,
        ),
        ("dns_lookups", "Names looked up", figures.lookups),
        (
            "dns_cache_hits",
            "Names found in the cache",
            figures.lookup_hits,
        ),
        (
            "panics",
            "Panics caught, each failed one page",
            figures.panics,
        ),
    ];
    for (name, help, value) in counters {
        encoder
            .encode_descriptor(name, help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, u64, f64>(&value, None)?;
    }
    let bytes = [
        ("wire", figures.wire_bytes),
        ("decoded", figures.decoded_bytes),
    ]
    .into();
    let unit = Some(&Unit::Bytes);
    family(
        encoder,
        (
            "body",
            "Body bytes, from the wire and after decompression",
            unit,
        ),
        "stage",
        &bytes,
    )
}

fn families(encoder: &mut DescriptorEncoder<'_>, figures: &Snapshot) -> fmt::Result {
    let hooks = [
        ("done", figures.hooks_done),
        ("failed", figures.hooks_failed),
    ]
    .into();
    family(
        encoder,
        ("pages", "Pages fetched, by class of status", None),
        "status",
        &figures.statuses,
    )?;
    family(
        encoder,
        ("failures", "URLs given up, by error class", None),
        "class",
        &figures.failures,
    )?;
    family(
        encoder,
        ("skipped", "URLs left out, by reason", None),
        "reason",
        &figures.skipped,
    )?;
    family(
        encoder,
        ("hooks", "Hook commands, by result", None),
        "result",
        &hooks,
    )
}

/// Encodes a counter with one label.
fn family(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit): (&str, &str, Option<&Unit>),
    label: &str,
    values: &BTreeMap<&'static str, u64>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Counter)?;
    for (value, count) in values {
        metric
            .encode_family(&[(label, *value)])?
            .encode_counter::<NoLabelSet, u64, f64>(count, None)?;
    }
    Ok(())
}

fn gauges(encoder: &mut DescriptorEncoder<'_>, figures: &Snapshot) -> fmt::Result {
    let gauges = [
        ("queued", "URLs that wait", figures.queued),
        ("in_flight", "Requests under way", figures.in_flight),
        (
            "hosts",
            "Hosts with a URL that waits or is under way",
            figures.hosts,
        ),
        (
            "connections_idle",
            "Connections open and idle",
            figures.idle_connections,
        ),
        ("workers", "Page workers", figures.workers),
        (
            "depth",
            "Deepest page fetched, in links from a seed",
            figures.depth,
        ),
    ];
    for (name, help, value) in gauges {
        gauge(encoder, (name, help, None), value as f64)?;
    }
    gauge(
        encoder,
        ("uptime", "Time since the begin", Some(&Unit::Seconds)),
        figures.elapsed_ms as f64 / 1e3,
    )
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit): (&str, &str, Option<&Unit>),
    value: f64,
) -> fmt::Result {
    encoder
        .encode_descriptor(name, help, unit, MetricType::Gauge)?
        .encode_gauge(&value)
}

/// Encodes the current limits, which may change during the crawl.
fn limits(encoder: &mut DescriptorEncoder<'_>, live: &LiveSettings) -> fmt::Result {
    let limits = live.load().limits.clone();
    gauge(
        encoder,
        ("limit_concurrency", "Requests under way at most", None),
        limits.concurrency.into(),
    )?;
    gauge(
        encoder,
        (
            "limit_per_host",
            "Requests under way to one host at most",
            None,
        ),
        limits.per_host.into(),
    )
}

fn phases(encoder: &mut DescriptorEncoder<'_>, figures: &Snapshot) -> fmt::Result {
    let help = "Time of the phases of requests; dns, connect and tls of new connections";
    let mut metric =
        encoder.encode_descriptor("phase", help, Some(&Unit::Seconds), MetricType::Histogram)?;
    for (phase, times) in &figures.phases {
        metric
            .encode_family(&[("phase", *phase)])?
            .encode_histogram::<NoLabelSet>(
                times.sum_ns as f64 / 1e9,
                times.count,
                &buckets(times),
                None,
            )?;
    }
    Ok(())
}

fn buckets(times: &HistogramSnapshot) -> Vec<(f64, u64)> {
    let bound = |index| {
        if index < BUCKETS {
            upper_bound_s(index)
        } else {
            f64::INFINITY
        }
    };
    times
        .buckets
        .iter()
        .enumerate()
        .map(|(index, count)| (bound(index), *count))
        .collect()
}

/// Encodes resident memory and open descriptors of this process, as far as /proc shows them.
fn process(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    if let Some(bytes) = resident_bytes() {
        gauge(
            encoder,
            (
                "resident_memory",
                "Memory of the process",
                Some(&Unit::Bytes),
            ),
            bytes as f64,
        )?;
    }
    match fs::read_dir("/proc/self/fd") {
        Ok(entries) => gauge(
            encoder,
            ("open_fds", "Open file descriptors", None),
            entries.count() as f64,
        ),
        Err(_) => Ok(()),
    }
}

/// Resident memory: the second field of statm, in pages, times the page size.
fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * u64::try_from(page).ok()?)
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, body::Bytes};

    use super::*;
    use crate::{
        endpoint::tests::{start, talk},
        outcome::Class,
        settings::Settings,
    };

    fn metrics() -> Metrics {
        let stats = Arc::new(Stats::default());
        stats.requests.add(5);
        stats.page(200);
        stats.page(404);
        stats.failure(Class::TimeoutRequest);
        stats.skip("robots", 7);
        stats.wire_bytes.add(1234);
        stats.ttfb.add_ns(1_500_000);
        stats.ttfb.add_ns(60_000_000_000);
        Metrics::new(stats, Arc::new(LiveSettings::new(Settings::default())))
    }

    fn get(metrics: &Metrics, path: &str) -> Reply {
        metrics.answer(&Call {
            method: Method::GET,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            local_file: false,
        })
    }

    /// Samples by name and labels. This also checks the rules that promtool checks.
    fn parse(text: &str) -> BTreeMap<String, f64> {
        assert!(text.ends_with("# EOF\n"));
        let mut types = BTreeMap::new();
        let mut samples = BTreeMap::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(
                    types.insert(name.to_owned(), kind.to_owned()).is_none(),
                    "{name} twice"
                );
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').unwrap();
                let base = name.split('{').next().unwrap();
                assert!(base.starts_with("tracer_crawl_"), "{base}");
                assert!(
                    types.keys().any(|family| base.starts_with(family.as_str())),
                    "{base} without type"
                );
                assert!(
                    samples
                        .insert(name.to_owned(), value.parse().unwrap())
                        .is_none(),
                    "{name} twice"
                );
            }
        }
        for (name, kind) in &types {
            let counts = samples
                .keys()
                .filter(|sample| sample.starts_with(name.as_str()));
            assert!(
                kind != "counter" || counts.clone().all(|sample| sample.contains("_total")),
                "{name}"
            );
        }
        samples
    }

    #[test]
    fn every_figure_is_there_once() {
        let answer = get(&metrics(), "/metrics");
        assert_eq!(
            (answer.status, answer.content_type),
            (StatusCode::OK, CONTENT_TYPE)
        );
        let samples = parse(std::str::from_utf8(&answer.body).unwrap());
        #[track_caller]
        fn check(samples: &BTreeMap<String, f64>, name: &str, expected: f64) {
            let found = samples.get(&format!("tracer_crawl_{name}"));
            assert_eq!(found, Some(&expected), "{name} in {samples:#?}");
        }
        check(&samples, "requests_total", 5.0);
        check(&samples, "pages_total{status=\"2xx\"}", 1.0);
        check(&samples, "pages_total{status=\"4xx\"}", 1.0);
        check(&samples, "failures_total{class=\"timeout_request\"}", 1.0);
        check(&samples, "skipped_total{reason=\"robots\"}", 7.0);
        check(&samples, "body_bytes_total{stage=\"wire\"}", 1234.0);
        check(&samples, "limit_concurrency", 50.0);
        check(&samples, "phase_seconds_count{phase=\"ttfb\"}", 2.0);
        check(
            &samples,
            "phase_seconds_bucket{le=\"0.001024\",phase=\"ttfb\"}",
            0.0,
        );
        check(
            &samples,
            "phase_seconds_bucket{le=\"0.002048\",phase=\"ttfb\"}",
            1.0,
        );
        check(
            &samples,
            "phase_seconds_bucket{le=\"+Inf\",phase=\"ttfb\"}",
            2.0,
        );
        assert!(samples["tracer_crawl_resident_memory_bytes"] > 1e6);
        assert!(samples["tracer_crawl_open_fds"] > 2.0);
    }

    #[test]
    fn ready_only_while_it_fetches() {
        let metrics = metrics();
        for (phase, status) in [
            (CrawlPhase::Starting, 503),
            (CrawlPhase::Running, 200),
            (CrawlPhase::Stopping, 503),
            (CrawlPhase::Ended, 503),
        ] {
            metrics.stats.set_phase(phase);
            assert_eq!(get(&metrics, "/readyz").status, status, "{phase:?}");
            assert_eq!(get(&metrics, "/healthz").status, 200);
        }
        assert_eq!(get(&metrics, "/").status, 404);
    }

    #[tokio::test]
    async fn scraped_over_http() {
        let (address, _stop) = start(Arc::new(metrics()));
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let text = talk(
            stream,
            b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains("content-type: application/openmetrics-text"),
            "{head}"
        );
        assert!(parse(body).len() > 100);
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let text = talk(
            stream,
            b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        )
        .await;
        assert!(text.starts_with("HTTP/1.1 405 "), "{text}");
    }
}
