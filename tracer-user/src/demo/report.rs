//! Texts of the demo, before and after the crawls.

use std::fmt::Write as _;

use tracer_export::Phase;

use super::check::{self, Check, TOLERANCE};
use super::client::NAIVE;
use super::stage::Stage;
use super::{DemoError, DemoSettings, Profile, Run};
use super::{crawled::Crawled, directory::Directory};
use tracer_text::number;

use crate::diff::{self, Comparison};
use crate::exit_code;
use crate::say::{self, note};
use crate::source::kernel::KernelError;

/// Prints what the demo will do, and what it cannot do here.
pub(super) fn introduce(settings: &DemoSettings, stage: &Stage, untraced: Option<&KernelError>) {
    let seconds = settings.time.as_secs_f64();
    match stage.no_link() {
        None => note(format_args!(
            "tracer demo: two crawls of {seconds:.0} s, {} requests at once, round trip {}\n",
            settings.concurrency,
            number::time(settings.rtt.as_nanos() as f64)
        )),
        Some(error) => note(format_args!(
            "tracer demo: no link with a round trip: {error}\n\
             tracer demo: two crawls of {seconds:.0} s on loopback instead, without delay or DNS\n"
        )),
    }
    note(format_args!(
        "tracer demo: default is `tracer crawl --profile default {}`, tuned is `tracer crawl --profile tuned`\n",
        NAIVE.join(" ")
    ));
    if let Some(error) = untraced {
        note(format_args!("tracer demo: without a trace: {error}\n"));
    }
}

/// Prints the comparison; returns the exit code. `limit`: requests per second that the link allows, if there is one.
pub(super) fn conclude(
    settings: &DemoSettings,
    runs: &[Run],
    directory: Option<&Directory>,
    limit: Option<f64>,
) -> Result<u8, DemoError> {
    let (text, agrees) = match directory {
        Some(directory) => compare(settings, runs, directory, limit)?,
        None => (counted(runs), true),
    };
    say::print(&text)?;
    Ok(if agrees {
        exit_code::OK
    } else {
        exit_code::INTERNAL
    })
}

/// Prints the table, then the checks, then the paths of the exports.
fn compare(
    settings: &DemoSettings,
    runs: &[Run],
    directory: &Directory,
    limit: Option<f64>,
) -> Result<(String, bool), DemoError> {
    let files = [Profile::Default, Profile::Tuned].map(|profile| directory.export(profile));
    let comparison = Comparison::of_files(&files[0], &files[1])?;
    let mut text = comparison.to_text(settings.color);
    if let Some(limit) = limit {
        let _ = writeln!(
            text,
            "\n{} at once / {} = {limit:.0} requests per second is the limit of any client here",
            settings.concurrency,
            number::time(settings.rtt.as_nanos() as f64)
        );
    }
    let mut agrees = true;
    for (run, file) in runs.iter().zip(&files) {
        let checks = check::checks(run, &diff::read(file)?);
        // Counts must agree. A busy crawler's clock runs on while it waits for a CPU: a different time is only
        // reported.
        agrees &= checks.iter().all(|check| check.is_time || check.agrees());
        text.push_str(&witnesses(run, &checks));
    }
    let _ = writeln!(
        text,
        "exports: {} {}",
        files[0].display(),
        files[1].display()
    );
    Ok((text, agrees))
}

/// One line when all checks agree; otherwise a line for each figure that does not.
fn witnesses(run: &Run, checks: &[Check]) -> String {
    let name = run.profile.name();
    let differing: Vec<&Check> = checks.iter().filter(|check| !check.agrees()).collect();
    if differing.is_empty() {
        return format!(
            "{name}: origin, DNS server and crawler counted and timed the same within {:.0} % ({} figures)\n",
            TOLERANCE * 100.0,
            checks.len()
        );
    }
    let print = |check: &Check, value: Option<f64>| match value {
        None => "nothing".to_owned(),
        Some(ns) if check.is_time => number::time(ns),
        Some(count) => format!("{count:.0}"),
    };
    let lines = differing.iter().map(|check| {
        format!(
            "{name}: {} differs: tracer {}, {} {}{}\n",
            check.what,
            print(check, check.tracer),
            check.witness,
            print(check, check.other),
            if check.is_time {
                " (with its waits for a CPU)"
            } else {
                ""
            }
        )
    });
    lines.collect()
}

/// A median in the crawler's figures, ns.
type Median = fn(&Crawled) -> Option<u64>;

/// Phases that the crawler measures itself. It does not distinguish full handshakes from resumed ones.
const CRAWLERS_OWN: [(Phase, Median); 3] = [
    (Phase::Connect, |crawled| crawled.connect_ns),
    (Phase::Tls, |crawled| crawled.tls_ns),
    (Phase::Ttfb, |crawled| crawled.ttfb_ns),
];

/// Table without a trace: the counts of origin and crawler.
fn counted(runs: &[Run]) -> String {
    let mut text = format!("{:<30}", "as origin and crawler counted");
    for run in runs {
        let _ = write!(text, "{:>12}", run.profile.name());
    }
    text.push('\n');
    let mut row = |title: &str, cell: &dyn Fn(&Run) -> String| {
        let _ = write!(text, "{title:<30}");
        for run in runs {
            let _ = write!(text, "{:>12}", cell(run));
        }
        text.push('\n');
    };
    let origin = |run: &Run, pointer: &str| {
        let value = run
            .counted
            .origin
            .pointer(pointer)
            .and_then(serde_json::Value::as_u64);
        value.map_or("-".to_owned(), |count| count.to_string())
    };
    let nanos = |ns: Option<u64>| ns.map_or("-".to_owned(), |ns| number::time(ns as f64));
    row("pages per second", &|run| {
        format!(
            "{:.0} /s",
            run.crawled.pages as f64 / run.took.as_secs_f64()
        )
    });
    row("requests", &|run| origin(run, "/requests"));
    row("connections opened", &|run| origin(run, "/connections"));
    row("full handshakes", &|run| origin(run, "/tls/full"));
    row("resumed handshakes", &|run| origin(run, "/tls/resumed"));
    for (phase, figure) in CRAWLERS_OWN {
        let title = format!("{}, median", phase.key());
        row(&title, &|run| nanos(figure(&run.crawled)));
    }
    text.push_str("For where the time goes, with DNS, TIME_WAIT and the kernel's clock, run it as root: sudo tracer demo\n");
    text
}
