//! Documents of the form `tracer.export/1`, and checks of their figures.

use std::ops::Deref;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use serde_json::Value;
use tracer_export::{Group, Phase};

use crate::check::Differences;
use crate::wire::Sums;

/// An export: its figures, and its text as it was written.
#[derive(Debug, Clone)]
pub struct Export {
    figures: tracer_export::Export,
    /// The document as any other program reads it, for what is to be said of its keys.
    pub raw: Value,
}

impl Deref for Export {
    type Target = tracer_export::Export;

    fn deref(&self) -> &Self::Target {
        &self.figures
    }
}

/// The number in an export, or a group of it, at a place such as `totals.tls.full` or `Phase::Tls.count`; an error
/// that names the place when it is not there.
#[macro_export]
macro_rules! figure {
    ($of:expr, Phase::$phase:ident.$figure:ident) => {
        $crate::export::found(
            $of.phase(::tracer_export::Phase::$phase).and_then(|histogram| histogram.$figure),
            concat!(stringify!($phase), ".", stringify!($figure)),
        )
    };
    ($of:expr, $($place:ident).+) => {
        $crate::export::found($of.$($place).+, stringify!($($place).+))
    };
}

/// Compares numbers in an export with what they must be: `compare!(differences, export, totals.tls.full = 3,
/// Phase::Tls.count = 3)`.
#[macro_export]
macro_rules! compare {
    ($differences:expr, $of:expr $(,)?) => {{}};
    ($differences:expr, $of:expr, Phase::$phase:ident.$figure:ident = $expected:expr $(, $($rest:tt)*)?) => {{
        $crate::export::compare(
            $differences,
            concat!(stringify!($phase), ".", stringify!($figure)),
            $crate::figure!($of, Phase::$phase.$figure),
            $expected,
        );
        $crate::compare!($differences, $of $(, $($rest)*)?);
    }};
    ($differences:expr, $of:expr, $($place:ident).+ = $expected:expr $(, $($rest:tt)*)?) => {{
        $crate::export::compare(
            $differences,
            stringify!($($place).+),
            $crate::figure!($of, $($place).+),
            $expected,
        );
        $crate::compare!($differences, $of $(, $($rest)*)?);
    }};
}

/// The number of a figure, or that it is missing.
pub fn found<T>(figure: Option<T>, place: &str) -> Result<T> {
    figure.ok_or_else(|| anyhow!("the export has no {place}"))
}

/// Notes it when a figure is missing or not as expected.
pub fn compare(differences: &mut Differences, place: &str, got: Result<u64>, expected: u64) {
    if let Some(got) = differences.value(got) {
        differences.equal(place, got, expected);
    }
}

/// A part of an export as JSON, to look into a failure.
pub fn shown(part: &impl Serialize) -> String {
    serde_json::to_string(part).unwrap_or_default()
}

impl Export {
    /// Reads an export from a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("no export at {}", path.display()))?;
        Self::parse(&text)
    }

    /// Reads the text of an export.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self {
            figures: tracer_export::read(text.as_bytes()).with_context(|| text.to_owned())?,
            raw: serde_json::from_str(text)?,
        })
    }

    /// Checks that nothing was lost and everything could be read.
    pub fn compare_losses(&self, differences: &mut Differences) {
        compare!(
            differences,
            self,
            events.lost = 0,
            events.undecodable = 0,
            events.overflowed = 0,
            events.map_full = 0,
            events.evicted = 0,
            events.negative_durations = 0,
        );
    }

    /// Checks the totals against the wire; `client_time_waits` is from `ss`.
    pub fn compare_wire(&self, wire: &Sums, client_time_waits: u64, differences: &mut Differences) {
        compare!(
            differences,
            self,
            totals.connections.opened = wire.established + wire.refused,
            totals.connections.established = wire.established,
            totals.connections.adopted = 0,
            totals.connections.open_now = 0,
            totals.connections.failed.refused = wire.refused,
            totals.connections.failed.timed_out = 0,
            totals.connections.failed.reset = 0,
            totals.connections.failed.unreachable = 0,
            totals.connections.failed.other = 0,
            totals.connections.closed_by.client = wire.by_client,
            totals.connections.closed_by.server = wire.by_server,
            totals.connections.closed_by.client_reset = wire.by_client_reset,
            totals.connections.closed_by.server_reset = wire.by_server_reset,
            totals.connections.closed_by.timeout = 0,
            totals.connections.closed_by.unknown = 0,
            totals.tls.full = wire.full,
            totals.tls.resumed = wire.resumed,
            totals.tls.unknown = 0,
            totals.tcp.syn_retransmits = wire.syn_retransmits,
            totals.tcp.time_wait_entered = client_time_waits,
            time_wait.entered = client_time_waits,
        );
        let versions = &self.totals.tls.versions;
        // A version nobody spoke may be left out.
        differences.equal("TLS 1.2", versions.v1_2.unwrap_or(0), wire.tls12);
        differences.equal("TLS 1.3", versions.v1_3.unwrap_or(0), wire.tls13);
        let phases = [
            (Phase::Connect, wire.established),
            (Phase::ConnectFailed, wire.refused),
            (Phase::Tls, wire.full),
            (Phase::TlsResumed, wire.resumed),
        ];
        self.compare_phases(&phases, differences);
    }

    /// Checks the number of samples of each phase of the totals. A phase without samples may be left out.
    pub fn compare_phases(&self, expected: &[(Phase, u64)], differences: &mut Differences) {
        for (phase, count) in expected {
            let name = format!("samples of {}", phase.key());
            differences.equal(&name, samples(&self.totals, *phase), *count);
        }
    }
}

/// Number of samples of a phase; 0 when the export has none of it.
pub fn samples(group: &Group, phase: Phase) -> u64 {
    let histogram = group.phases.get(phase);
    histogram.and_then(|histogram| histogram.count).unwrap_or(0)
}
