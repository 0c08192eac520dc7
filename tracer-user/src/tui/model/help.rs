//! Lines and pages of the help.

use std::ops::Range;

use tracer_core::phase::Phase;
use tracer_text::number;

use super::Model;

/// Most characters of a line about HTTP/2.
const HTTP2_WIDTH: usize = 64;

/// Keys and their meanings, line by line; a line with an empty key is a heading.
const HELP: &[(&str, &str)] = &[
    ("", "You see: it means; do"),
    (
        "low reuse",
        "connections are thrown away; keep one client object",
    ),
    (
        "pickup, big",
        "the crawler reads late; move work out of its loop",
    ),
    (
        "no resumed",
        "handshakes from scratch; keep sessions in one context",
    ),
    ("conn p99 +1s", "SYNs are lost; fewer connections at once"),
    ("ttfb, a host", "that server is slow; ask it less often"),
    (
        "many lookups",
        "names are not remembered; a cache in the client",
    ),
    ("TIME_WAIT up", "local ports run out; reuse connections"),
    (
        "failed",
        "its parts are named on screen 1, advice is on screen 7",
    ),
    ("", "Everywhere"),
    ("1-9  Tab", "screens; also a click on a name"),
    (
        "arrows hjkl",
        "move; PageUp PageDown Home End g G; the wheel",
    ),
    ("Enter  Esc", "open what is chosen; back"),
    (
        "m",
        "mark: figures since now, with their change; m again ends it",
    ),
    (
        "t",
        "window: figures of the last 10 s, last minute, all; peaks stay",
    ),
    ("p", "pause the screen, not the tracing; p again goes on"),
    ("e", "write the export (JSON) where tracer was started"),
    (
        "w",
        "record to a file there, figures begin anew; w again ends it",
    ),
    (
        "y",
        "copy the chosen row or finding; by mouse: hold Shift and drag",
    ),
    ("r", "reset: forget all figures; open connections stay"),
    ("q  Ctrl-C", "end, with the summary; Ctrl-Z suspends"),
    ("", "Tables"),
    ("/", "filter: words that all have to hold"),
    ("  text", "the row holds it"),
    (
        "  host:*.org",
        "a column's text, with * and ?; comm: pid: port: name: to: via:",
    ),
    (
        "  ttfb>10ms",
        "a figure: requests reuse failed tw open connect tls ttfb transfer",
    ),
    (
        "  tls<=1s",
        "a phase alone is its p99; times need a unit: us ms s m",
    ),
    ("  !word Tab", "not; Tab completes the name of a column"),
    (
        "s  S",
        "choose the column to sort by; reverse; a click on a head sorts",
    ),
    ("left right", "columns that do not fit"),
    ("x", "on Hosts: the proxies instead of the hosts, and back"),
    ("", "Histograms"),
    ("left right", "move the cursor over the buckets"),
    (
        "c",
        "compare: full with resumed, first with reused, before the mark",
    ),
    ("", "Replay"),
    ("p  .", "pause, go on; a quarter of a second further"),
    ("[  ]", "half as fast, twice as fast"),
    ("", "Phases"),
];

/// All help lines as key and meaning: the fixed lines, one for each phase of the screens and tables, and what else is
/// known of this trace.
pub(in super::super) fn help_lines(model: &Model) -> Vec<(&'static str, String)> {
    let fixed = HELP.iter().map(|(key, what)| (*key, (*what).to_owned()));
    let phases = Phase::SAMPLED.into_iter().map(|phase| {
        let span = format!("{} until {}", phase.from(), phase.to());
        (phase.title(), span)
    });
    let lines = wrapped(model.about.http2.as_deref().unwrap_or_default());
    let keys = std::iter::once("--http2").chain(std::iter::repeat(" "));
    let http2 = keys.zip(lines);
    fixed
        .chain(phases)
        .chain(trace(model))
        .chain(http2)
        .collect()
}

/// Pages of so many rows, as ranges of the lines. A page ends before a heading, unless a part is longer than a page.
pub(in super::super) fn pages(lines: &[(&str, String)], rows: usize) -> Vec<Range<usize>> {
    let is_heading = |at: &usize| lines[*at].0.is_empty();
    let mut pages = Vec::new();
    let mut begin = 0;
    while begin < lines.len() {
        let full = begin + rows.max(1);
        let end = match full < lines.len() {
            true => (begin + 1..=full).rev().find(is_heading).unwrap_or(full),
            false => lines.len(),
        };
        pages.push(begin..end);
        begin = end;
    }
    pages
}

/// Lines of a text, broken between words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= HTTP2_WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Kernel, and records by which everything is known.
fn trace(model: &Model) -> [(&'static str, String); 3] {
    let snapshot = &model.shown.snapshot;
    let series = &snapshot.series;
    let events = series.points.last().map_or(0, |point| point.events);
    let per_second = events as f64 * 1e9 / series.interval_ns.max(1) as f64;
    let records = format!(
        "{} from the kernel, {} ev/s now",
        number::count(snapshot.events.received),
        number::short_count(per_second.round() as u64)
    );
    [
        ("", "This trace".to_owned()),
        ("kernel", format!("Linux {}", model.about.kernel)),
        ("records", records),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_beginnings(rows: usize) -> Vec<&'static str> {
        let lines: Vec<(&str, String)> = HELP
            .iter()
            .map(|(key, what)| (*key, (*what).to_owned()))
            .collect();
        let pages = pages(&lines, rows);
        let ends = pages.iter().map(|page| page.end);
        let begins: Vec<usize> = [0].into_iter().chain(ends).collect();
        assert!(
            pages
                .iter()
                .zip(&begins)
                .all(|(page, at)| page.start == *at)
        );
        assert_eq!(begins.last(), Some(&lines.len()));
        assert!(pages.iter().all(|page| (1..=rows).contains(&page.len())));
        pages.iter().map(|page| HELP[page.start].0).collect()
    }

    #[test]
    fn pages_begin_at_headings() {
        assert_eq!(page_beginnings(21), ["", ""]);
        assert_eq!(page_beginnings(1000), [""]);
        // A part of twelve lines is longer than a page.
        assert_eq!(page_beginnings(10)[..3], ["", "", "r"]);
        assert_eq!(page_beginnings(1).len(), HELP.len());
        assert!(pages(&[], 10).is_empty());
    }

    /// On a screen of 80 columns no line of the fixed part is cut.
    #[test]
    fn lines_fit() {
        for (key, what) in HELP {
            assert!(key.chars().count() <= 12, "{key}");
            assert!(what.chars().count() <= 66, "{what}");
        }
    }
}
