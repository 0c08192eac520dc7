//! Outputs of tracer that go on while it traces, all at once.

use std::path::{Path, PathBuf};

/// Hosts that are asked, each at an address of its own; the metrics name them all.
pub(super) const HOSTS: u32 = 10_000;
/// Address of tracer's metrics.
pub(super) const METRICS: &str = "127.0.0.1:9464";
/// Address of the collector that gets metrics.
pub(super) const COLLECTOR: &str = "127.0.0.1:4318";

/// Flags that turn on every sink that goes on while tracing.
pub(super) fn flags(export: &Path) -> Vec<PathBuf> {
    let collector = format!("http://{COLLECTOR}");
    let logs = export.with_extension("logs");
    let hosts = HOSTS.to_string();
    [
        "--interval".as_ref(),
        "60s".as_ref(),
        "--hdr-log".as_ref(),
        logs.as_os_str(),
        "--prometheus".as_ref(),
        METRICS.as_ref(),
        "--metrics-hosts".as_ref(),
        hosts.as_ref(),
        "--otlp".as_ref(),
        collector.as_ref(),
    ]
    .map(PathBuf::from)
    .to_vec()
}
