//! Summary at the end of a crawl: the reason for the end, the pages fetched, and counts of the URLs not fetched, by
//! reason.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use crate::stats::{FinishReason, Snapshot};
use tracer_text::number::{bytes, count, short_clock, time};

/// Summary of several lines, each with a line end.
pub fn summary(figures: &Snapshot) -> String {
    let mut text = String::new();
    let reason = figures.finish_reason.map_or("it still runs", why);
    let elapsed = Duration::from_millis(figures.elapsed_ms);
    let _ = writeln!(
        text,
        "Crawl ended after {}: {reason}.",
        short_clock(elapsed.as_secs())
    );
    for (name, line) in lines(figures, elapsed) {
        let _ = writeln!(text, "  {name:<12} {line}");
    }
    text
}

fn why(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Done => "nothing is left to fetch (done)",
        FinishReason::PageLimit => "as many pages as allowed are fetched (page_limit)",
        FinishReason::TimeLimit => "its time is over (time_limit)",
        FinishReason::Interrupted => "it was told to stop (interrupted)",
        FinishReason::OutOfResources => "this machine is out of something (out_of_resources)",
        FinishReason::OutputFailed => "results could not be written (output_failed)",
    }
}

/// Lines of the summary; lines without content are left out.
fn lines(figures: &Snapshot, elapsed: Duration) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("pages", pages(figures, elapsed)),
        ("failed", with_parts(figures.failed, &figures.failures)),
        (
            "skipped",
            with_parts(figures.skipped.values().sum(), &figures.skipped),
        ),
        ("left", format!("{} URLs wait", count(figures.queued))),
        ("requests", requests(figures)),
        ("connections", connections(figures)),
        (
            "links",
            format!(
                "{}, {} of them seen before; depth {}",
                count(figures.links),
                count(figures.duplicates),
                figures.depth
            ),
        ),
        (
            "bodies",
            format!(
                "{}, {} decoded",
                bytes(figures.wire_bytes),
                bytes(figures.decoded_bytes)
            ),
        ),
    ];
    let times = times(figures);
    if !times.is_empty() {
        lines.push(("p50, p99 <=", times));
    }
    if figures.hooks_done + figures.hooks_failed > 0 {
        lines.push((
            "hooks",
            format!(
                "{} done, {} failed",
                count(figures.hooks_done),
                count(figures.hooks_failed)
            ),
        ));
    }
    if figures.panics > 0 {
        lines.push((
            "panics",
            format!("{}; please report them", count(figures.panics)),
        ));
    }
    lines
}

fn pages(figures: &Snapshot, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let per_second = if seconds > 0.0 {
        figures.pages as f64 / seconds
    } else {
        0.0
    };
    format!(
        "{}, {per_second:.1}/s",
        with_parts(figures.pages, &figures.statuses)
    )
}

fn requests(figures: &Snapshot) -> String {
    let mut text = format!(
        "{}, {} retries, {} redirects",
        count(figures.requests),
        count(figures.retries),
        count(figures.redirects)
    );
    if figures.not_modified > 0 {
        let _ = write!(text, ", {} not modified", count(figures.not_modified));
    }
    text
}

fn connections(figures: &Snapshot) -> String {
    let reused = 100.0 * figures.reused as f64 / figures.requests.max(1) as f64;
    format!(
        "{} opened, {reused:.1} % of requests on a used one; {} lookups",
        count(figures.connections),
        count(figures.lookups)
    )
}

/// Total with its parts, the largest first: `12 (robots 10, scheme 2)`.
fn with_parts(total: u64, parts: &BTreeMap<&'static str, u64>) -> String {
    let mut parts: Vec<_> = parts.iter().collect();
    parts.sort_by_key(|(name, part)| (std::cmp::Reverse(**part), **name));
    let named: Vec<String> = parts
        .iter()
        .map(|(name, part)| format!("{name} {}", count(**part)))
        .collect();
    if named.is_empty() {
        count(total)
    } else {
        format!("{} ({})", count(total), named.join(", "))
    }
}

fn times(figures: &Snapshot) -> String {
    const ORDER: [&str; 5] = ["dns", "connect", "tls", "ttfb", "total"];
    let phases = ORDER.iter().filter_map(|name| {
        let times = figures.phases.get(name).filter(|times| times.count > 0)?;
        Some(format!(
            "{name} {}, {}",
            time(times.p50_ns as f64),
            time(times.p99_ns as f64)
        ))
    });
    phases.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::Class, stats::Stats};

    #[test]
    fn the_whole_text() {
        let stats = Stats::default();
        for _ in 0..1200 {
            stats.page(200);
        }
        stats.page(404);
        stats.failure(Class::ConnectRefused);
        stats.failure(Class::TimeoutRequest);
        stats.failure(Class::TimeoutRequest);
        stats.skip("robots", 4);
        stats.skip("outside_host", 1000);
        stats.requests.add(1300);
        stats.reused.add(1287);
        stats.connections.add(13);
        stats.ttfb.add_ns(1_500_000);
        let figures = Snapshot {
            finish_reason: Some(FinishReason::Done),
            elapsed_ms: 4000,
            ..stats.snapshot()
        };
        assert_eq!(
            summary(&figures),
            "Crawl ended after 0:04: nothing is left to fetch (done).
  pages        1,201 (2xx 1,200, 4xx 1), 300.2/s
  failed       3 (timeout_request 2, connect_refused 1)
  skipped      1,004 (outside_host 1,000, robots 4)
  left         0 URLs wait
  requests     1,300, 0 retries, 0 redirects
  connections  13 opened, 99.0 % of requests on a used one; 0 lookups
  links        0, 0 of them seen before; depth 0
  bodies       0 B, 0 B decoded
  p50, p99 <=  ttfb 2.05 ms, 2.05 ms
"
        );
    }

    #[test]
    fn hooks_and_panics_are_said_when_there_were_any() {
        let stats = Stats::default();
        stats.hooks_failed.add_one();
        stats.panics.add_one();
        let text = summary(&stats.snapshot());
        assert!(
            text.contains("hooks        0 done, 1 failed\n") && text.contains("panics       1;"),
            "{text}"
        );
    }
}
