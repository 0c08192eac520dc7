//! Findings of both exports: which are gone, which are new, and which are still there.

use serde_json::{Value, json};

use tracer_export::{Export, Finding, FindingStatus, Histogram, Phase};
use tracer_text::printable::printable;

use super::{export::percentile_ns, figure::Unit};

/// Fate of a fault from one export to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// Found in the first export, clear in the second.
    Fixed,
    /// Found in the second export only.
    New,
    /// Found in both.
    Still,
    /// Found in the first export; the second cannot tell.
    Unknown,
}

impl Fate {
    /// Name in the JSON.
    fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::New => "new",
            Self::Still => "still_there",
            Self::Unknown => "unknown",
        }
    }

    /// Name for people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::New => "new",
            Self::Still => "still there",
            Self::Unknown => "cannot tell",
        }
    }

    /// Result of the change: 1 for better, -1 for worse, 0 for neither.
    pub(super) fn verdict(self) -> i8 {
        match self {
            Self::Fixed => 1,
            Self::New => -1,
            Self::Still | Self::Unknown => 0,
        }
    }
}

/// Fault of one export or both.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) fate: Fate,
    id: String,
    /// Figure that shows the fault best.
    figure: Option<Figure>,
    a: Option<f64>,
    b: Option<f64>,
    /// Sentence about the fault, or the reason why it cannot be told.
    sentence: String,
}

/// Figure of an export by which people see that a fault is gone.
#[derive(Debug, Clone, Copy)]
struct Figure {
    name: &'static str,
    unit: Unit,
    read: fn(&Export) -> Option<f64>,
}

/// Faults of both exports, in the order of the second one; none when one of them has no findings at all.
pub(super) fn changed(a: &Export, b: &Export) -> Vec<Changed> {
    let (Some(before), Some(after)) = (&a.findings, &b.findings) else {
        return Vec::new();
    };
    let entry = |finding: &Finding| change(finding, before, a, b);
    let mut all: Vec<Changed> = after.iter().filter_map(entry).collect();
    all.sort_by_key(|changed| changed.fate);
    all
}

fn change(finding: &Finding, before: &[Finding], a: &Export, b: &Export) -> Option<Changed> {
    let old = before.iter().find(|old| old.id == finding.id);
    let was_found = old.is_some_and(|old| old.status == FindingStatus::Found);
    let fate = match (was_found, finding.status) {
        (false, FindingStatus::Found) => Fate::New,
        (true, FindingStatus::Found) => Fate::Still,
        (true, FindingStatus::Clear) => Fate::Fixed,
        (true, FindingStatus::NotEvaluated) => Fate::Unknown,
        (false, _) => return None,
    };
    let sentence = match fate {
        Fate::New | Fate::Still => finding.summary.clone(),
        Fate::Unknown => finding.reason.clone(),
        Fate::Fixed => old.and_then(|old| old.summary.clone()),
    };
    let figure = figure(&finding.id);
    let read = |export| figure.and_then(|figure| (figure.read)(export));
    Some(Changed {
        fate,
        id: finding.id.clone(),
        figure,
        a: read(a),
        b: read(b),
        sentence: sentence.unwrap_or_default(),
    })
}

impl Changed {
    /// The fault in one line.
    pub(super) fn to_text(&self) -> String {
        format!("{:<13}{}", self.fate.words(), self.figures())
    }

    /// The line without the fate.
    pub(super) fn figures(&self) -> String {
        let head = printable(&self.id);
        let numbers = self.figure.map(|figure| {
            let (a, b) = (figure.unit.print(self.a), figure.unit.print(self.b));
            format!("{} {a} -> {b}", figure.name)
        });
        match (self.fate, numbers) {
            (Fate::Fixed | Fate::Still, Some(numbers)) => format!("{head}, {numbers}"),
            _ => format!("{head}: {}", printable(&self.sentence)),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "change": self.fate.name(),
            "figure": self.figure.map(|figure| figure.name),
            "unit": self.figure.map(|figure| figure.unit.name()),
            "a": self.a,
            "b": self.b,
            "sentence": self.sentence,
        })
    }
}

/// Figure of a finding, by its id; None when no single one shows it.
fn figure(id: &str) -> Option<Figure> {
    let of = |name, unit, read| Some(Figure { name, unit, read });
    let count = |name, read| of(name, Unit::Count, read);
    match id {
        "no-connection-reuse" | "pool-too-small" | "proxy-not-reused" | "connection-leak" => {
            count("connects", |e| number(e.totals.connections.opened))
        }
        "time-wait-pileup" => count("in TIME_WAIT", |e| number(e.time_wait.peak)),
        "close-wait-leak" => count("in CLOSE_WAIT", |e| {
            number(e.totals.connections.close_wait_peak)
        }),
        "stale-reuse" | "reuse-fails-here" => {
            count("failed on reuse", |e| number(e.totals.requests.stale))
        }
        "dns-not-cached" => count("lookups", |e| number(e.totals.dns.queries)),
        "tls-not-resumed" => count("full handshakes", |e| number(e.totals.tls.full)),
        "connect-retries" => count("SYN sent again", |e| number(e.totals.tcp.syn_retransmits)),
        "packet-loss" => count("segments sent again", |e| number(e.totals.tcp.retransmits)),
        "client-timeout-cluster" => {
            count("requests given up", |e| number(e.totals.requests.aborted))
        }
        "server-slow" => of("first byte", Unit::Time, |e| median(e, Phase::Ttfb)),
        "slow-pickup" => of("pickup", Unit::Time, |e| median(e, Phase::Pickup)),
        "tls-dominates" => of("handshake", Unit::Time, |e| median(e, Phase::Tls)),
        "proxy-slow" => of("tunnel", Unit::Time, |e| median(e, Phase::Tunnel)),
        _ => None,
    }
}

fn number(count: Option<u64>) -> Option<f64> {
    count.map(|count| count as f64)
}

fn median(export: &Export, phase: Phase) -> Option<f64> {
    percentile_ns(export, phase, |histogram: &Histogram| histogram.p50_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Export with these findings, by id and status.
    fn export(opened: u64, findings: &[(&str, &str)]) -> Export {
        let findings: Vec<Value> = findings
            .iter()
            .map(|(id, status)| {
                json!({"id": id, "status": status, "summary": "a sentence", "reason": "too few", "learn_more": "x"})
            })
            .collect();
        let value = json!({
            "schema": "tracer.export/1",
            "totals": {"connections": {"opened": opened}},
            "findings": findings,
        });
        tracer_export::read(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_fate_for_each() {
        let a = export(
            2910,
            &[
                ("no-connection-reuse", "found"),
                ("pool-too-small", "found"),
                ("concurrency-capped", "found"),
                ("server-slow", "clear"),
            ],
        );
        let b = export(
            73,
            &[
                ("server-slow", "found"),
                ("concurrency-capped", "found"),
                ("no-connection-reuse", "clear"),
                ("pool-too-small", "not_evaluated"),
            ],
        );
        let lines: Vec<String> = changed(&a, &b).iter().map(Changed::to_text).collect();
        let expected = [
            "fixed        no-connection-reuse, connects 2910 -> 73",
            "new          server-slow: a sentence",
            "still there  concurrency-capped: a sentence",
            "cannot tell  pool-too-small: too few",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn an_export_of_an_older_tracer_has_none() {
        let mut old = export(1, &[]);
        old.findings = None;
        let new = export(1, &[("server-slow", "found")]);
        assert!(changed(&old, &new).is_empty());
    }
}
