//! The table of kernels in the documents: what was tried on which, and what came of it.

use std::fmt::Write;
use std::fs;

use anyhow::Result;

use crate::architecture::Architecture;
use crate::scenario::{self, Report};
use crate::tally::Tally;
use crate::workspace;

/// Results of one kernel.
pub(crate) struct Row {
    architecture: &'static str,
    series: String,
    kernel: String,
    /// Numbers of figures that were right, and of all.
    figures: (u64, u64),
    can_trace: bool,
    /// True if the requests over HTTP/2 were read by probes.
    http2: bool,
}

impl Row {
    pub(crate) fn of(
        architecture: Architecture,
        series: &str,
        report: &Report,
        tally: &Tally,
    ) -> Self {
        Self {
            architecture: architecture.rust(),
            series: series.to_owned(),
            kernel: report.text("kernel").to_owned(),
            figures: tally.right_of_all(),
            can_trace: report.text("doctor").contains("tracer can trace here"),
            http2: scenario::frames_were_read(report),
        }
    }
}

const HEAD: &str = "# Kernels

<!-- Written by `cargo xtask vm --table`. -->

tracer loads on Linux 6.1 and newer. This table is written by a test: it boots each kernel under emulation, traces known clients there (HTTP/1 in clear, TLS 1.2 and 1.3, full and resumed handshakes, refused
connections, lookups, HTTP/2 with Go and with curl), and compares every count with those of the clients, of the servers and of the kernel's own list of sockets.

| series | architecture | kernel of Debian | all programs load | counts that are right | HTTP/2 by probes in Go and OpenSSL |
| --- | --- | --- | --- | --- | --- |
";

/// Writes the table into the documents.
pub(crate) fn write(rows: &[Row]) -> Result<()> {
    let mut text = HEAD.to_owned();
    let says = |good: bool| if good { "yes" } else { "no" };
    for row in rows {
        let (right, all) = row.figures;
        writeln!(
            text,
            "| {} | {} | {} | {} | {right} of {all} | {} |",
            row.series,
            row.architecture,
            row.kernel,
            says(row.can_trace),
            says(row.http2)
        )?;
    }
    fs::write(workspace::root().join("docs/user/kernels.md"), text)?;
    Ok(())
}
