//! Documents of the form `tracer.export/1`, read only by their published names.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::check::Differences;
use crate::wire::Sums;

/// An export.
#[derive(Debug, Clone)]
pub struct Export(pub Value);

impl Export {
    /// Reads an export from a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("no export at {}", path.display()))?;
        Ok(Self(
            serde_json::from_str(&text).with_context(|| text.clone())?,
        ))
    }

    /// Value at a path such as `/totals/tls/full`.
    pub fn at(&self, path: &str) -> Result<&Value> {
        self.0
            .pointer(path)
            .with_context(|| format!("the export has no {path}"))
    }

    /// Count at a path.
    pub fn count(&self, path: &str) -> Result<u64> {
        let value = self.at(path)?;
        value
            .as_u64()
            .with_context(|| format!("{path} is not a count: {value}"))
    }

    /// Entries of a list such as `/processes`.
    pub fn list(&self, path: &str) -> Result<&Vec<Value>> {
        self.at(path)?
            .as_array()
            .with_context(|| format!("{path} is not a list"))
    }

    /// Compares the count at each path.
    pub fn compare(&self, expected: &[(&str, u64)], differences: &mut Differences) {
        for (path, count) in expected {
            if let Some(got) = differences.value(self.count(path)) {
                differences.equal(path, got, *count);
            }
        }
    }

    /// Checks that nothing was lost and everything could be read.
    pub fn compare_losses(&self, differences: &mut Differences) {
        let none = [
            "lost",
            "undecodable",
            "overflowed",
            "map_full",
            "evicted",
            "negative_durations",
        ];
        for name in none {
            self.compare(&[(&format!("/events/{name}"), 0)], differences);
        }
    }

    /// Checks the totals against the wire; `client_time_waits` is from `ss`.
    pub fn compare_wire(&self, wire: &Sums, client_time_waits: u64, differences: &mut Differences) {
        self.compare(
            &[
                (
                    "/totals/connections/opened",
                    wire.established + wire.refused,
                ),
                ("/totals/connections/established", wire.established),
                ("/totals/connections/adopted", 0),
                ("/totals/connections/open_now", 0),
                ("/totals/connections/failed/refused", wire.refused),
                ("/totals/connections/failed/timed_out", 0),
                ("/totals/connections/failed/reset", 0),
                ("/totals/connections/failed/unreachable", 0),
                ("/totals/connections/failed/other", 0),
                ("/totals/connections/closed_by/client", wire.by_client),
                ("/totals/connections/closed_by/server", wire.by_server),
                (
                    "/totals/connections/closed_by/client_reset",
                    wire.by_client_reset,
                ),
                (
                    "/totals/connections/closed_by/server_reset",
                    wire.by_server_reset,
                ),
                ("/totals/connections/closed_by/timeout", 0),
                ("/totals/connections/closed_by/unknown", 0),
                ("/totals/tls/full", wire.full),
                ("/totals/tls/resumed", wire.resumed),
                ("/totals/tls/unknown", 0),
                ("/totals/tcp/syn_retransmits", wire.syn_retransmits),
                ("/totals/tcp/time_wait_entered", client_time_waits),
                ("/time_wait/entered", client_time_waits),
            ],
            differences,
        );
        for (version, count) in [("1.2", wire.tls12), ("1.3", wire.tls13)] {
            // A version that nobody used may be left out.
            let got = self
                .count(&format!("/totals/tls/versions/{version}"))
                .unwrap_or(0);
            differences.equal(&format!("tls.versions.{version}"), got, count);
        }
        self.compare_phases(
            &[
                ("connect", wire.established),
                ("connect_failed", wire.refused),
            ],
            differences,
        );
        self.compare_phases(
            &[("tls", wire.full), ("tls_resumed", wire.resumed)],
            differences,
        );
    }

    /// Checks the number of samples of each phase of the totals. A phase without samples may be left out.
    pub fn compare_phases(&self, expected: &[(&str, u64)], differences: &mut Differences) {
        for (phase, count) in expected {
            let got = self
                .count(&format!("/totals/phases/{phase}/count"))
                .unwrap_or(0);
            differences.equal(&format!("phases.{phase}.count"), got, *count);
        }
    }
}
