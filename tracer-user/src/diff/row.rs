//! Rows of the table, and the figures of an export that they show.

use std::borrow::Cow;

use serde_json::{Value, json};

use tracer_core::phase::Kind;
use tracer_export::{Export, Histogram, Phase};

use super::chance::{self, Chance};
use super::export::{percentile_ns, samples, total_ns};
use super::figure::{Change, Unit};
use super::words::{self, Words, words};

/// Direction that is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// More of it.
    More,
    /// Less of it.
    Less,
    /// No direction: the figure counts what was done, which is neither good nor bad.
    Neither,
}

/// Least change of a time or a rate, relative to the first one, that counts as better or worse; smaller ones are noise.
const NOISE: f64 = 0.05;

/// Name of the row of reused connections.
const REUSE: &str = "reuse";

/// A figure of both exports.
#[derive(Debug)]
pub(crate) struct Row {
    /// Name in the JSON; stable.
    pub(crate) id: String,
    /// Name in the table.
    pub(crate) title: String,
    /// True if a blank line goes before the row.
    pub(crate) begins_group: bool,
    /// Unit of both figures.
    pub(crate) unit: Unit,
    /// Figure of the first export; `None` when the export lacks it.
    pub(crate) a: Option<f64>,
    /// Figure of the second export.
    pub(crate) b: Option<f64>,
    better: Better,
    words: Words,
    /// Test whether the change may be chance, for figures that have one.
    chance: Option<Chance>,
}

impl Row {
    /// Change from the first export to the second.
    pub(crate) fn change(&self) -> Change {
        Change::of(self.a, self.b)
    }

    /// Result of the change: 1 for better, -1 for worse, 0 for neither.
    pub(crate) fn verdict(&self) -> i8 {
        let tolerance = match self.unit {
            Unit::Count => 0.0,
            _ => NOISE,
        };
        let direction = self.change().direction(tolerance);
        if self.may_be_chance() {
            return 0;
        }
        match self.better {
            Better::More => direction,
            Better::Less => -direction,
            Better::Neither => 0,
        }
    }

    /// True for a change that there are too few samples to tell from chance.
    pub(crate) fn may_be_chance(&self) -> bool {
        let changed = self.change().direction(NOISE) != 0;
        changed && self.chance.is_some_and(Chance::is_likely)
    }

    /// Meaning of the change, in plain words.
    pub(crate) fn explanation(&self) -> Cow<'static, str> {
        match self.chance.filter(|_| self.may_be_chance()) {
            Some(Chance { p, samples: [a, b] }) => {
                format!("may be chance: {a} and {b} samples (p {p:.2})").into()
            }
            None => self.meaning().into(),
        }
    }

    fn meaning(&self) -> &'static str {
        match self.change() {
            Change::Unknown if self.a.is_none() && self.b.is_none() => "in neither of the two",
            Change::Unknown if self.a.is_none() => "not in the first: no percentage",
            Change::Unknown => "not in the second any more",
            change => match change.direction(NOISE) {
                1 => self.words.more,
                -1 => self.words.less,
                _ => self.words.same,
            },
        }
    }

    /// True if neither export has anything to show.
    pub(crate) fn is_empty(&self) -> bool {
        [self.a, self.b]
            .into_iter()
            .flatten()
            .all(|value| value == 0.0)
    }

    /// Size of the change, for an order: how many times as much or as little.
    pub(super) fn weight(&self) -> f64 {
        match (self.a, self.b) {
            (Some(a), Some(b)) if a > 0.0 && b > 0.0 => (b / a).ln().abs(),
            (Some(_), Some(_)) => f64::INFINITY,
            _ => 0.0,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut row = json!({
            "id": self.id,
            "title": self.title,
            "unit": self.unit.name(),
            "a": self.a,
            "b": self.b,
            "change_ratio": self.change().ratio(),
            "verdict": match self.verdict() {
                1 => "better",
                -1 => "worse",
                _ => "neither",
            },
            "explanation": self.explanation(),
        });
        if let Some(chance) = self.chance {
            row["p_value"] = json!(chance.p);
            row["samples"] = json!(chance.samples);
        }
        row
    }
}

/// Definition of a row that does not show a phase.
struct Reading {
    id: &'static str,
    title: &'static str,
    unit: Unit,
    better: Better,
    begins_group: bool,
    /// True if the row is left out when both exports have zero, or lack the figure.
    is_rare: bool,
    read: fn(&Export) -> Option<f64>,
}

const fn source(
    id: &'static str,
    title: &'static str,
    unit: Unit,
    better: Better,
    read: fn(&Export) -> Option<f64>,
) -> Reading {
    Reading {
        id,
        title,
        unit,
        better,
        begins_group: false,
        is_rare: false,
        read,
    }
}

const fn rare(mut source: Reading) -> Reading {
    source.is_rare = true;
    source
}

const fn first(mut source: Reading) -> Reading {
    source.begins_group = true;
    source
}

const HEAD: &[Reading] = &[
    source(
        "requests_per_second",
        "requests/s",
        Unit::Rate,
        Better::More,
        |e| divide(requests(e)?, duration_ns(e)? / 1e9),
    ),
    source(
        "requests_per_second_steady",
        "requests/s, steady part",
        Unit::Rate,
        Better::More,
        steady,
    ),
    source(
        "requests",
        "requests",
        Unit::Count,
        Better::Neither,
        requests,
    ),
    rare(source(
        "requests_http2",
        "  of these over HTTP/2",
        Unit::Count,
        Better::Neither,
        |e| count(e.totals.requests.by_protocol.http2),
    )),
    rare(source(
        "requests_inferred",
        "  of these inferred",
        Unit::Count,
        Better::Neither,
        |e| count(e.totals.requests.inferred),
    )),
    source(
        "duration",
        "time traced",
        Unit::Time,
        Better::Neither,
        duration_ns,
    ),
    source(
        "first_byte_all",
        "to first byte, connects included",
        Unit::TimePerRequest,
        Better::Less,
        first_byte,
    ),
];

const TAIL: &[Reading] = &[
    first(source(
        "connections",
        "connections opened",
        Unit::Count,
        Better::Less,
        opened,
    )),
    source(
        "connections_per_request",
        "connections per request",
        Unit::PerRequest,
        Better::Less,
        |e| divide(opened(e)?, requests(e)?),
    ),
    source(
        REUSE,
        "on a reused connection",
        Unit::Share,
        Better::More,
        |e| e.totals.requests.reuse_ratio,
    ),
    source(
        "connect_total",
        "connecting, all together",
        Unit::Time,
        Better::Less,
        |e| total_ns(e, Phase::Connect),
    ),
    source(
        "handshakes_full",
        "full handshakes",
        Unit::Count,
        Better::Less,
        |e| count(e.totals.tls.full),
    ),
    source(
        "handshakes_resumed",
        "resumed handshakes",
        Unit::Count,
        Better::Neither,
        |e| count(e.totals.tls.resumed),
    ),
    rare(source(
        "tunnels",
        "tunnels through proxies",
        Unit::Count,
        Better::Less,
        |e| count(e.totals.tunnels.opened),
    )),
    rare(source(
        "tunnels_failed",
        "tunnels that failed",
        Unit::Count,
        Better::Less,
        |e| count(e.totals.tunnels.failed.total()),
    )),
    source("dns_queries", "lookups", Unit::Count, Better::Less, |e| {
        count(e.totals.dns.queries)
    }),
    source(
        "time_wait",
        "entered TIME_WAIT",
        Unit::Count,
        Better::Less,
        |e| count(e.time_wait.entered),
    ),
    source(
        "time_wait_peak",
        "in TIME_WAIT at most",
        Unit::Count,
        Better::Less,
        |e| count(e.time_wait.peak),
    ),
    first(source(
        "failures",
        "failures",
        Unit::Count,
        Better::Less,
        failures,
    )),
    source("losses", "lost by tracer", Unit::Count, Better::Less, |e| {
        count(e.events.losses())
    }),
    source(
        "cpu",
        "CPU of the command",
        Unit::Time,
        Better::Neither,
        cpu,
    ),
    source(
        "cpu_per_request",
        "CPU per request",
        Unit::TimePerRequest,
        Better::Less,
        |e| divide(cpu(e)?, requests(e)?),
    ),
];

/// Every row, in the order of the table.
pub(super) fn all(a: &Export, b: &Export) -> Vec<Row> {
    let of = |source: &Reading| Row {
        id: source.id.to_owned(),
        title: source.title.to_owned(),
        begins_group: source.begins_group,
        unit: source.unit,
        a: (source.read)(a),
        b: (source.read)(b),
        better: source.better,
        words: words(source.id),
        chance: (source.id == REUSE)
            .then(|| chance::of_reuse(a, b))
            .flatten(),
    };
    let phases = Phase::ON_SCREEN.into_iter();
    let phases = phases.flat_map(|phase| phase_rows(phase, a, b));
    let is_shown = |source: &&Reading| {
        let counts = [(source.read)(a), (source.read)(b)];
        !source.is_rare || counts.into_iter().flatten().any(|count| count > 0.0)
    };
    HEAD.iter()
        .filter(is_shown)
        .map(of)
        .chain(phases)
        .chain(TAIL.iter().filter(is_shown).map(of))
        .collect()
}

/// Rows of median and p99 of a phase, if either export has samples of it.
fn phase_rows(phase: Phase, a: &Export, b: &Export) -> Vec<Row> {
    let has_samples = |export: &Export| samples(export, phase).is_some_and(|count| count > 0.0);
    if !has_samples(a) && !has_samples(b) {
        return Vec::new();
    }
    let row = |name: &str, part: f64, of: fn(&Histogram) -> Option<u64>| Row {
        id: format!("{}_{name}", phase.key()),
        title: format!("{} {name}", phase.title()),
        begins_group: phase == Phase::Dns && name == "p50",
        unit: Unit::Time,
        a: percentile_ns(a, phase, of),
        b: percentile_ns(b, phase, of),
        better: match phase.kind() {
            Kind::Wait => Better::Less,
            Kind::State => Better::Neither,
        },
        words: words::of_phase(phase),
        chance: chance::of_percentile(a, b, phase, part),
    };
    vec![
        row("p50", 0.50, |histogram| histogram.p50_ns),
        row("p99", 0.99, |histogram| histogram.p99_ns),
    ]
}

fn count(figure: Option<u64>) -> Option<f64> {
    figure.map(|count| count as f64)
}

fn duration_ns(export: &Export) -> Option<f64> {
    count(export.window.duration_ns)
}

fn opened(export: &Export) -> Option<f64> {
    count(export.totals.connections.opened)
}

fn requests(export: &Export) -> Option<f64> {
    count(export.totals.requests.count)
}

/// Requests per second on average, without the first and the last two intervals, in which the crawl starts and ends.
fn steady(export: &Export) -> Option<f64> {
    let seconds = count(export.series.interval_ns)? / 1e9;
    let all = export.series.requests.as_ref()?;
    let inner = all.get(2..all.len().checked_sub(2)?)?;
    let total: f64 = inner
        .iter()
        .flatten()
        .map(|&requests| requests as f64)
        .sum();
    divide(total, inner.len() as f64 * seconds)
}

/// Number of connects, tunnels, requests, handshakes and lookups that failed. Older exports know of no tunnels.
fn failures(export: &Export) -> Option<f64> {
    let totals = &export.totals;
    let parts = [
        totals.connections.failed.total(),
        totals.tunnels.failed.total().or(Some(0)),
        totals.requests.failed,
        totals.tls.failed,
        totals.dns.failed.total(),
    ];
    count(parts.into_iter().sum())
}

fn cpu(export: &Export) -> Option<f64> {
    let cpu = export.command_cpu?;
    count([cpu.user_ns, cpu.system_ns].into_iter().sum())
}

/// Average time per request for lookup, connect, tunnel, handshake and first byte, ns. The lookups of both address
/// families run at the same time, so no more lookups are counted than connections. Older exports know of no tunnels.
fn first_byte(export: &Export) -> Option<f64> {
    let mut sum_ns = total_ns(export, Phase::Tunnel).unwrap_or(0.0);
    for phase in [Phase::Connect, Phase::Tls, Phase::TlsResumed, Phase::Ttfb] {
        sum_ns += total_ns(export, phase)?;
    }
    let lookups = samples(export, Phase::Dns)?;
    if lookups > 0.0 {
        let waited_for = lookups.min(opened(export)?);
        sum_ns += total_ns(export, Phase::Dns)? / lookups * waited_for;
    }
    divide(sum_ns, requests(export)?)
}

/// Quotient; `None` for a divisor of zero.
fn divide(a: f64, b: f64) -> Option<f64> {
    (b > 0.0).then(|| a / b)
}
