use tracer_export::Phase;

use super::figure::{Change, Unit};
use super::*;

/// Modification of an export.
type Edit = fn(&mut Export);

fn export(edits: &[Edit]) -> Export {
    let samples = |count: u64, ns: u64| json!({"count": count, "mean_ns": ns, "p50_ns": ns, "p99_ns": 2 * ns});
    let value = json!({
        "schema": "tracer.export/1",
        "window": {"duration_ns": 10_000_000_000_u64},
        "events": {"lost": 0, "undecodable": 0, "map_full": 0, "evicted": 0},
        "totals": {
            "connections": {"opened": 1000, "failed": {"refused": 1, "timed_out": 0, "reset": 0, "unreachable": 0, "other": 0}},
            "requests": {"count": 1000, "failed": 2, "reuse_ratio": 0.0},
            "tls": {"full": 1000, "resumed": 0, "failed": 0},
            "dns": {"queries": 2000, "failed": {"nxdomain": 0, "servfail": 0, "timeout": 0, "other": 0}},
            "phases": {
                "dns": samples(2000, 85_000_000), "connect": samples(1000, 85_000_000),
                "tls": samples(1000, 85_000_000), "tls_resumed": samples(0, 0),
                "ttfb": samples(1000, 85_000_000), "ttfb_reused": samples(0, 0),
            },
        },
        "time_wait": {"entered": 1000, "peak": 900},
        "series": {"interval_ns": 500_000_000, "requests": [0, 1, 50, 60, 40, 2, 0]},
    });
    let mut export = tracer_export::read(value.to_string().as_bytes()).unwrap();
    edits.iter().for_each(|edit| edit(&mut export));
    export
}

fn compare(a: &[Edit], b: &[Edit]) -> Comparison {
    Comparison::new(["a".into(), "b".into()], export(a), export(b))
}

#[test]
fn figures_are_computed_from_both() {
    let comparison = compare(
        &[],
        &[
            |e| e.totals.requests.count = Some(5000),
            |e| e.totals.connections.opened = Some(50),
            |e| e.totals.requests.reuse_ratio = Some(0.99),
            |e| e.time_wait.entered = Some(50),
        ],
    );
    #[track_caller]
    fn check(comparison: &Comparison, id: &str, a: &str, b: &str, change: &str, verdict: i8) {
        let row = comparison.row(id).unwrap();
        assert_eq!(
            (
                row.unit.print(row.a),
                row.unit.print(row.b),
                row.change().print(),
                row.verdict()
            ),
            (a.into(), b.into(), change.into(), verdict),
            "{id}"
        );
    }
    check(
        &comparison,
        "requests_per_second",
        "100 /s",
        "500 /s",
        "+400 %",
        1,
    );
    check(
        &comparison,
        "requests_per_second_steady",
        "100 /s",
        "100 /s",
        "=",
        0,
    );
    check(
        &comparison,
        "connections_per_request",
        "1.00",
        "0.010",
        "-99 %",
        1,
    );
    check(&comparison, "reuse", "0.0 %", "99.0 %", "new", 1);
    check(&comparison, "time_wait", "1000", "50", "-95 %", 1);
    check(&comparison, "connect_p50", "85.0 ms", "85.0 ms", "=", 0);
    check(&comparison, "failures", "3", "3", "=", 0);
    // The lookups of both address families count as one: 4 x 85 ms.
    check(
        &comparison,
        "first_byte_all",
        "340 ms",
        "51.9 ms",
        "-85 %",
        1,
    );
}

#[test]
fn what_is_not_known_is_no_zero() {
    let comparison = compare(
        &[|e| e.totals.requests.count = Some(0)],
        &[|e| e.time_wait.peak = None],
    );
    let cells = |id: &str| {
        let row = comparison.row(id).unwrap();
        (
            row.unit.print(row.a),
            row.unit.print(row.b),
            row.change().print(),
        )
    };
    assert_eq!(
        cells("connections_per_request"),
        ("-".into(), "1.00".into(), "-".into())
    );
    assert_eq!(
        cells("time_wait_peak"),
        ("900".into(), "-".into(), "-".into())
    );
    assert_eq!(cells("cpu"), ("-".into(), "-".into(), "-".into()));
    assert_eq!(
        comparison.row("time_wait_peak").unwrap().explanation(),
        "not in the second any more"
    );
    assert!(comparison.row("tls_resumed_p50").is_none());
    assert_eq!(comparison.row("ttfb_reused_p50").map(|row| row.a), None);
}

#[test]
fn losses_are_said_first() {
    let text = compare(&[|e| e.events.lost = Some(7)], &[]).to_text(false);
    assert!(text.starts_with("LOST 7 and 0 records"), "{text}");
    assert!(!text.contains('\x1b'));
    assert!(compare(&[], &[]).to_text(true).contains('\x1b'));
}

#[test]
fn changes() {
    #[track_caller]
    fn check(a: f64, b: f64, expected: &str) {
        assert_eq!(Change::of(Some(a), Some(b)).print(), expected);
    }
    check(100.0, 9.0, "-91 %");
    check(1000.0, 1.0, "-99.9 %");
    check(10.0, 0.0, "-100 %");
    check(0.0, 0.0, "=");
    check(0.0, 5.0, "new");
    check(127.0, 516.0, "+306 %");
    check(10.0, 200.0, "x20");
    check(100.0, 101.0, "+1.0 %");
    assert_eq!(Unit::Time.print(Some(42_474_000.0)), "42.5 ms");
    assert_eq!(Unit::Rate.print(Some(12.34)), "12.3 /s");
}

#[test]
fn only_exports_of_this_major_version_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.json");
    let error = |text: &str| {
        std::fs::write(&file, text).unwrap();
        read(&file).unwrap_err()
    };
    let newer = error("{\"schema\": \"tracer.export/2\"}");
    assert!(matches!(newer, DiffError::Newer { .. }));
    let other = error("{\"schema\": \"tracer.diff/1\"}");
    assert!(matches!(other, DiffError::NotAnExport { .. }));
    assert!(matches!(error("{"), DiffError::NotJson { .. }));
    let broken = error("{\"schema\": \"tracer.export/1\", \"totals\": 1}").to_string();
    assert!(broken.contains("breaks its schema"), "{broken}");
    let missing = read(&directory.path().join("y.json")).unwrap_err();
    assert!(matches!(missing, DiffError::Unreadable { .. }));
}

/// Each phase of the live screen has two rows, named after it.
#[test]
fn every_phase_of_the_screen_is_compared() {
    let some = export(&[]);
    let histogram = some.phase(Phase::Connect).unwrap().clone();
    let mut all = export(&[]);
    all.totals.phases = Phase::ALL
        .into_iter()
        .map(|phase| (phase, histogram.clone()))
        .collect();
    let comparison = Comparison::new(["a".into(), "b".into()], some, all);
    for phase in Phase::ON_SCREEN {
        for percentile in ["p50", "p99"] {
            let row = comparison.row(&format!("{}_{percentile}", phase.key()));
            assert_eq!(
                row.unwrap().title,
                format!("{} {percentile}", phase.title())
            );
        }
    }
}

#[test]
fn columns_are_named_after_the_files() {
    let names = |a: &str, b: &str| column_names(Path::new(a), Path::new(b)).join(" ");
    assert_eq!(names("x/default.json", "y/tuned.json"), "default tuned");
    assert_eq!(names("x/run.json", "y/run.json"), "A B");
}

#[test]
fn hostile_names_are_escaped() {
    let comparison = Comparison::new(["\x1b[2J".into(), "b".into()], export(&[]), export(&[]));
    assert!(!comparison.to_text(false).contains('\x1b'));
}

/// An export of an earlier build has no tunnels, and rows about them appear only when there are some.
#[test]
fn tunnels_are_compared_when_there_are_any() {
    let ids = |comparison: &Comparison| comparison.row("tunnels").is_some();
    assert!(!ids(&compare(&[], &[])));
    let none: Edit = |e| {
        e.totals.tunnels.opened = Some(0);
        e.totals.tunnels.failed = all_zero();
    };
    assert!(!ids(&compare(&[none], &[none])));
    let some: Edit = |e| {
        e.totals.tunnels.opened = Some(7);
        e.totals.tunnels.failed.auth = Some(2);
    };
    let comparison = compare(&[none], &[none, some]);
    let of = |id| comparison.row(id).map(|row| (row.a, row.b, row.verdict()));
    assert_eq!(of("tunnels"), Some((Some(0.0), Some(7.0), -1)));
    assert_eq!(of("tunnels_failed"), Some((Some(0.0), Some(2.0), -1)));
    assert_eq!(of("failures"), Some((Some(3.0), Some(5.0), -1)));
    let older = compare(&[], &[none]);
    let failures = older.row("failures").map(|row| (row.a, row.b));
    assert_eq!(failures, Some((Some(3.0), Some(3.0))));
}

fn all_zero() -> tracer_export::FailedTunnels {
    tracer_export::FailedTunnels {
        auth: Some(0),
        refused: Some(0),
        unreachable: Some(0),
        closed: Some(0),
        given_up: Some(0),
        other: Some(0),
    }
}

#[test]
fn the_first_line_says_what_matters() {
    let comparison = compare(
        &[],
        &[
            |e| e.totals.requests.count = Some(6600),
            |e| e.totals.requests.reuse_ratio = Some(0.93),
            |e| e.totals.requests.failed = Some(0),
            |e| e.totals.connections.failed.refused = Some(0),
            |e| e.series.requests = None,
        ],
    );
    let text = comparison.to_text(false);
    let first = "660 requests/s instead of 100 (x6.6); reuse 0.0 % -> 93.0 %; to first byte 340 ms -> 51.5 ms;";
    assert_eq!(text.lines().next(), Some(first));
    assert_eq!(text.lines().nth(1), Some("  nothing lost"));
    let lossy = compare(&[], &[|e| e.events.lost = Some(9)]);
    assert!(lossy.to_text(false).starts_with("LOST 0 and 9 records"));
}

#[test]
fn a_short_comparison_has_the_rows_that_changed_most() {
    let comparison = compare(
        &[],
        &[
            |e| e.totals.requests.count = Some(5000),
            |e| e.totals.connections.opened = Some(50),
            |e| e.time_wait.entered = Some(0),
        ],
    );
    let text = comparison.to_short_text(false);
    let rows = text
        .lines()
        .skip_while(|line| !line.contains("what it means"));
    let rows: Vec<&str> = rows.skip(1).collect();
    assert!(rows.len() <= 10, "{text}");
    assert!(rows[0].starts_with("entered TIME_WAIT"), "{text}");
    assert!(!text.contains("  =  "), "{text}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_line_is_wider_than_100_columns(
        name in "\\PC{0,120}",
        count in proptest::sample::select(vec![1u64, 60, 12_345_678, 123_456_789_012]),
        ns in proptest::sample::select(vec![0u64, 999, 86_400_000_000_000]),
    ) {
        use unicode_width::UnicodeWidthStr;
        let side = |count: u64, ns: u64| {
            let samples = json!({"count": count, "mean_ns": ns, "p50_ns": ns, "p99_ns": ns});
            let phases: serde_json::Map<String, Value> = Phase::ALL
                .into_iter()
                .map(|phase| (phase.key().to_owned(), samples.clone()))
                .collect();
            let requests = json!({"count": count, "reuse_ratio": 0.123_456});
            let value = json!({
                "schema": "tracer.export/1",
                "window": {"duration_ns": 10_000_000_000_u64},
                "events": {"lost": count, "undecodable": 0, "map_full": 0, "evicted": 0},
                "totals": {"connections": {"opened": count}, "requests": requests, "phases": phases},
                "time_wait": {"entered": count, "peak": count},
                "hosts": [{
                    "host": name, "host_source": "sni", "port": 65_535,
                    "requests": requests, "phases": phases,
                }],
            });
            tracer_export::read(value.to_string().as_bytes()).unwrap()
        };
        let names = [name.clone(), name.clone()];
        let comparison = Comparison::new(names, side(count, ns), side(1, 77));
        for text in [comparison.to_text(false), comparison.to_short_text(false)] {
            for line in text.lines() {
                proptest::prop_assert!(line.width() <= 100, "{} columns: {line}", line.width());
            }
        }
    }
}
