use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use tracer_export::{Export, Measured, Verdict, VerdictResult};

use super::{
    catalogue::{self, Node},
    *,
};

mod faults;

fn example() -> Export {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/example.json");
    tracer_export::read(&std::fs::read(docs).unwrap()).unwrap()
}

/// An export of what is worth a test, with hosts that differ.
fn export() -> Export {
    let text = br#"{"schema": "tracer.export/1",
        "time_wait": {"current": 6000, "peak": null},
        "totals": {
            "requests": {"count": 12000, "reuse_ratio": 0.85},
            "tls": {"versions": {"1.2": 3}},
            "tcp": {"bytes_received": 3000000, "srtt_ns": 0},
            "phases": {"tls": {"count": 9, "p99_ns": 250000000}, "dns": {"count": 0, "p99_ns": 0}}
        },
        "series": {"interval_ns": 1000000000, "open": [1, null, 9]},
        "filter": {"include_loopback": true},
        "hosts": [
            {"host": "a.example.org", "port": 443, "requests": {"count": 5, "reuse_ratio": 0.5}},
            {"host": "b.example.org", "port": 443, "requests": {"count": 7, "reuse_ratio": 0.9}},
            {"host": "c.example.org", "port": 80, "requests": {"count": 0}}
        ],
        "findings": [
            {"id": "stale-reuse", "status": "found", "severity": "critical", "evidence": {"wait_ns": 5.5, "share": 0.25}},
            {"id": "pool-too-small", "status": "found", "severity": "warning"},
            {"id": "packet-loss", "status": "found", "severity": "warning", "suppressed_by": "packet-loss"},
            {"id": "dns-not-cached", "status": "found", "severity": "info"},
            {"id": "close-wait-leak", "status": "clear"}
        ]}"#;
    tracer_export::read(text).unwrap()
}

fn judge(text: &str) -> Verdict {
    Gate::parse(text, Subject::Export).unwrap().judge(&export())
}

#[test]
fn figures_are_compared() {
    #[track_caller]
    fn check(text: &str, expected: VerdictResult) {
        let verdict = judge(text);
        assert_eq!(verdict.result, expected, "{text}: {verdict:?}");
    }
    use VerdictResult::{Failed, Passed, Unknown};
    check("time_wait.current>5000", Failed);
    check("time_wait.current > 6k", Passed);
    check("time_wait.current >= 6k", Failed);
    check("time_wait.peak > 1", Unknown);
    check("phases.tls.p99_ns>200ms", Failed);
    check("totals.phases.tls.p99_ns>0.25s", Passed);
    check("phases.tls.p99_ns > 249999999", Failed);
    check("requests.reuse_ratio<0.9", Failed);
    check("requests.reuse_ratio<85%", Passed);
    check("requests.count == 12000", Failed);
    check("requests.count != 12000", Passed);
    check("tcp.bytes_received > 2.5MB", Failed);
    check("tcp.bytes_received > 3MiB", Passed);
    check("filter.include_loopback == true", Failed);
    check("tracer.version == \"\"", Failed);
    check("tls.versions.1.2 > 2", Failed);
    check("tls.versions[\"1.2\"] > 2", Failed);
    check("tls.full > 2", Unknown);
    check("http2.goaway > 0", Unknown);
}

/// An empty distribution has no percentiles, though the export has zeros for them.
#[test]
fn what_was_not_measured_is_unknown() {
    for text in [
        "phases.dns.p99_ns<1s",
        "phases.connect.p99_ns<1s",
        "tcp.srtt_ns<1s",
        "hosts[\"*.example.com\"].requests.count>0",
        "hosts[9].requests.count>0",
        "hosts[\"c.*\"].requests.reuse_ratio<0.9",
        "series.open[1]>0",
    ] {
        let verdict = judge(text);
        assert_eq!(verdict.result, VerdictResult::Unknown, "{text}");
        assert_eq!(verdict.value, None, "{text}");
    }
    assert_eq!(judge("phases.dns.count==0").result, VerdictResult::Failed);
}

#[test]
fn one_element_is_enough_and_is_named() {
    #[track_caller]
    fn check(text: &str, expected: VerdictResult, figure: &str, value: f64) {
        let verdict = judge(text);
        assert_eq!(verdict.result, expected, "{text}");
        assert_eq!(verdict.figure, figure);
        assert_eq!(verdict.value, Some(Measured::Number(value)));
    }
    use VerdictResult::{Failed, Passed};
    let a = "hosts[\"a.example.org:443\"].requests.reuse_ratio";
    check("hosts[*].requests.reuse_ratio<0.6", Failed, a, 0.5);
    check(
        "hosts[\"*.example.org\"].requests.reuse_ratio<0.6",
        Failed,
        a,
        0.5,
    );
    check(
        "hosts['*.EXAMPLE.org'].requests.reuse_ratio<40%",
        Passed,
        a,
        0.5,
    );
    let b = "hosts[\"b.example.org:443\"].requests.reuse_ratio";
    check("hosts[\"b.*\"].requests.reuse_ratio<0.6", Passed, b, 0.9);
    check(
        "hosts[\"*:443\"].requests.reuse_ratio > 0.1",
        Failed,
        b,
        0.9,
    );
    check(
        "hosts[1].requests.count > 6",
        Failed,
        "hosts[1].requests.count",
        7.0,
    );
    check("series.open[*] > 8", Failed, "series.open[2]", 9.0);
    check(
        "findings[\"stale-reuse\"].evidence.wait_ns > 5ns",
        Failed,
        "findings[\"stale-reuse\"].evidence.wait_ns",
        5.5,
    );
    check(
        "findings[*].evidence.share > 20%",
        Failed,
        "findings[\"stale-reuse\"].evidence.share",
        0.25,
    );
}

/// Faults that are worse count too, and those that are allowed do not.
#[test]
fn faults_are_counted_by_severity() {
    for (text, expected) in [
        ("findings.critical>0", 1.0),
        ("findings.warning>0", 2.0),
        ("findings.info>0", 3.0),
    ] {
        assert_eq!(
            judge(text).value,
            Some(Measured::Number(expected)),
            "{text}"
        );
    }
    let none = Export::default();
    let gate = Gate::parse("findings.warning>0", Subject::Export).unwrap();
    assert_eq!(gate.judge(&none).result, VerdictResult::Unknown);
    let status = judge("findings[\"pool-*\"].status == \"found\"");
    assert_eq!(status.result, VerdictResult::Failed);
    assert_eq!(
        judge("findings[\"close-wait-leak\"].status == 'found'").result,
        VerdictResult::Passed
    );
}

#[test]
fn and_binds_stronger_than_or() {
    #[track_caller]
    fn check(text: &str, expected: VerdictResult) {
        let text = text
            .replace('T', "time_wait.current>0")
            .replace('F', "time_wait.current<0")
            .replace('U', "time_wait.peak>0");
        assert_eq!(judge(&text).result, expected, "{text}");
    }
    use VerdictResult::{Failed, Passed, Unknown};
    check("T or F and F", Failed);
    check("(T or F) and F", Passed);
    check("F and F or T", Failed);
    check("U and F", Passed);
    check("U and T", Unknown);
    check("U or T", Failed);
    check("U or F", Unknown);
    check("( ( T ) )and(T)", Failed);
}

#[test]
fn changes_are_compared_in_a_diff() {
    #[track_caller]
    fn check(text: &str, expected: VerdictResult) {
        let (a, mut b) = (export(), export());
        b.totals.requests.count = Some(13_000);
        b.totals.requests.reuse_ratio = Some(0.425);
        b.hosts[0].group.requests.count = Some(6);
        b.hosts[1].group.requests.count = None;
        b.hosts[2].group.requests.count = Some(1);
        let gate = Gate::parse(text, Subject::Diff).unwrap();
        let verdict = gate.judge_change(&a, &b);
        assert_eq!(verdict.result, expected, "{verdict:?}");
    }
    use VerdictResult::{Failed, Passed, Unknown};
    check("requests.count > +8%", Failed);
    check("requests.count > +9%", Passed);
    check("requests.count > +999", Failed);
    check("requests.count > +1k", Passed);
    check("requests.count > 12999", Failed);
    check("requests.reuse_ratio < -40%", Failed);
    check("requests.reuse_ratio < -60%", Passed);
    check("phases.tls.p99_ns > +0ms", Passed);
    check("phases.dns.p99_ns > +0ms", Unknown);
    check("hosts[\"a.*\"].requests.count > +10%", Failed);
    check("hosts[\"b.*\"].requests.count > +10%", Unknown);
    // From nothing to something is more than any percentage.
    check("hosts[\"c.*\"].requests.count > +1000%", Failed);
}

#[test]
fn verdicts_in_words() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(words(&judge(text)), expected);
    }
    check(
        "phases.tls.p99_ns>200ms",
        "FAILED   phases.tls.p99_ns>200ms: phases.tls.p99_ns is 250 ms",
    );
    check(
        "requests.reuse_ratio<0.5",
        "passed   requests.reuse_ratio<0.5: requests.reuse_ratio is 85.0 %",
    );
    check(
        "time_wait.peak>5",
        "unknown  time_wait.peak>5: time_wait.peak was not measured",
    );
    let gate = Gate::parse("requests.count>+5", Subject::Diff).unwrap();
    let (a, mut b) = (export(), export());
    b.totals.requests.count = Some(15_000);
    assert_eq!(
        words(&gate.judge_change(&a, &b)),
        "FAILED   requests.count>+5: requests.count 12000 -> 15000 (+25.0 %)"
    );
}

/// Every path of the published schema is one that an expression may have.
#[test]
fn every_path_of_the_schema_can_be_used() {
    let mut paths = Vec::new();
    Node::Object(catalogue::root().clone()).paths("", &mut paths);
    assert!(paths.len() > 1000, "{}", paths.len());
    for path in paths {
        let forms = ["1", "\"text\"", "true"].map(|value| format!("{path} == {value}"));
        let parsed = forms
            .iter()
            .filter(|form| Gate::parse(form, Subject::Export).is_ok());
        assert_eq!(parsed.count(), 1, "{path}");
    }
}

/// Collects every value of a JSON text with its path in an expression.
fn values(value: &Value, path: &str, into: &mut Vec<(String, Measured)>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let is_plain = key
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
                let below = match (path, is_plain) {
                    ("", _) => key.clone(),
                    (_, true) => format!("{path}.{key}"),
                    (_, false) => format!("{path}[\"{key}\"]"),
                };
                values(value, &below, into);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                values(value, &format!("{path}[{index}]"), into);
            }
        }
        Value::Number(number) => {
            into.push((path.into(), Measured::Number(number.as_f64().unwrap())))
        }
        Value::String(text) => into.push((path.into(), Measured::Text(text.clone()))),
        Value::Bool(truth) => into.push((path.into(), Measured::Truth(*truth))),
        Value::Null => {}
    }
}

/// Every value that an export has is found by its path, and is the one in the JSON; zeros of empty distributions are
/// absent.
#[test]
fn every_value_of_an_export_is_found() {
    let export = example();
    let mut all = Vec::new();
    values(&serde_json::to_value(&export).unwrap(), "", &mut all);
    assert!(all.len() > 500, "{}", all.len());
    for (path, expected) in all {
        let test = match &expected {
            Measured::Number(_) => format!("{path} >= 0"),
            Measured::Text(_) => format!("{path} != \"no such text\""),
            Measured::Truth(_) => format!("{path} == true"),
        };
        let verdict = Gate::parse(&test, Subject::Export).unwrap().judge(&export);
        let is_zero = expected == Measured::Number(0.0) && path.ends_with("_ns");
        match verdict.value {
            None => assert!(is_zero, "{path}"),
            Some(value) => assert_eq!(value, expected, "{path}"),
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        if let Err(fault) = Gate::parse(&text, Subject::Diff) {
            prop_assert!(fault.to_string().contains('^'));
        }
    }

    /// Text that looks like an expression, to get further into the grammar.
    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(
        prop::sample::select(vec!["requests", ".", "count", "hosts", "[", "]", "\"a\"", "*", ">", "<=", "5", "+", "ms",
            "%", " and ", " or ", "(", ")", "tls.versions.1", "findings", "1", " "]), 0..12)) {
        let _ = Gate::parse(&words.concat(), Subject::Diff);
    }

    /// Operators agree with the arithmetic of the numbers.
    #[test]
    fn operators_are_those_of_numbers(count in 0u64..20, limit in 0u64..20) {
        let mut export = Export::default();
        export.totals.requests.count = Some(count);
        for (operator, holds) in [
            (">", count > limit), (">=", count >= limit), ("<", count < limit),
            ("<=", count <= limit), ("==", count == limit), ("!=", count != limit),
        ] {
            let gate = Gate::parse(&format!("requests.count{operator}{limit}"), Subject::Export).unwrap();
            let failed = gate.judge(&export).result == VerdictResult::Failed;
            prop_assert_eq!(failed, holds, "{}{}{}", count, operator, limit);
        }
    }
}
