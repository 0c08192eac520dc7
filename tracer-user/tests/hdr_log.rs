//! `--hdr-log`: what the standard reader of HdrHistogram finds in the logs is what the export has.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};

/// Histograms of a log, with their times in seconds from its beginning.
fn intervals(log: &Path) -> Vec<(f64, f64, Histogram<u64>)> {
    let text = std::fs::read(log).unwrap();
    let entries = IntervalLogIterator::new(&text).map(Result::unwrap);
    let intervals = entries.filter_map(|entry| match entry {
        LogEntry::Interval(interval) => Some((
            interval.start_timestamp().as_secs_f64(),
            interval.duration().as_secs_f64(),
            interval.encoded_histogram().to_owned(),
        )),
        _ => None,
    });
    let read = |encoded: String| {
        let bytes = STANDARD.decode(encoded).unwrap();
        Deserializer::new().deserialize(&mut &bytes[..]).unwrap()
    };
    intervals
        .map(|(from, length, encoded)| (from, length, read(encoded)))
        .collect()
}

#[test]
fn logs_have_what_the_export_has() {
    let directory = tempfile::tempdir().unwrap();
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/crawl.trace");
    let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args([
            "replay",
            "--quiet",
            "--json",
            "crawl.json",
            "--hdr-log",
            "logs",
        ])
        .arg(trace)
        .current_dir(&directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let export = std::fs::read(directory.path().join("crawl.json")).unwrap();
    let export = tracer_export::read(&export).unwrap();
    let length = export.window.duration_ns.unwrap() as f64 / 1e9;
    let mut samples = 0;
    for (phase, expected) in export.totals.phases.iter() {
        let log = directory
            .path()
            .join("logs")
            .join(format!("{}.hlog", phase.key()));
        let found = intervals(&log);
        assert_eq!(found.len(), 1, "{phase:?}");
        let (from, lasts, histogram) = &found[0];
        assert_eq!(*from, 0.0);
        assert!((lasts - length).abs() < 0.002, "{lasts} {length}");
        assert_eq!(histogram.len(), expected.count.unwrap(), "{phase:?}");
        if !histogram.is_empty() {
            assert_eq!(
                histogram.value_at_quantile(0.99),
                expected.p99_ns.unwrap(),
                "{phase:?}"
            );
            samples += histogram.len();
        }
    }
    assert!(samples > 10);
}
