//! Checks of the run of a test machine (assets/vm/init and assets/vm/scenario).

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use tracer_export::{Export, Phase};

use crate::tally::Tally;

/// Output of the machine by section.
#[derive(Default)]
pub(crate) struct Report {
    sections: HashMap<String, Section>,
}

#[derive(Default)]
struct Section {
    text: String,
    status: u64,
}

impl Report {
    /// Reads the lines of the console.
    pub(crate) fn parse(lines: &[String]) -> Result<Self> {
        let mut report = Self::default();
        let mut open: Option<(&str, Section)> = None;
        for line in lines {
            if let Some(name) = line.strip_prefix("@@ begin ") {
                open = Some((name, Section::default()));
            } else if let Some(end) = line.strip_prefix("@@ end ") {
                let (name, mut section) = open
                    .take()
                    .with_context(|| format!("{line:?} without a begin"))?;
                let status = end
                    .rsplit(' ')
                    .next()
                    .and_then(|status| status.parse().ok());
                section.status = status.with_context(|| format!("{line:?} without a status"))?;
                report.sections.insert(name.to_owned(), section);
            } else if let Some((_, section)) = &mut open {
                section.text.push_str(line);
                section.text.push('\n');
            }
        }
        if report.sections.is_empty() {
            bail!("the machine did not come up");
        }
        Ok(report)
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.sections
            .get(name)
            .map_or("", |section| section.text.trim())
    }

    fn status(&self, name: &str) -> Option<u64> {
        self.sections.get(name).map(|section| section.status)
    }

    /// Number that a section consists of, or that follows `label: ` in it.
    fn number(&self, name: &str, label: &str) -> Option<u64> {
        let text = self.text(name);
        if label.is_empty() {
            return text.parse().ok();
        }
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(label)?.strip_prefix(": "));
        line?.parse().ok()
    }

    fn export(&self, name: &str) -> Option<Export> {
        tracer_export::read(self.text(name).as_bytes()).ok()
    }
}

const PLAIN: u64 = 20;
/// Requests on one connection.
const KEPT: u64 = 30;
const FULL_1_2: u64 = 20 + 1;
const FULL_1_3: u64 = 20 + 5;
const RESUMED_1_2: u64 = 5;
const RESUMED_1_3: u64 = 5;
const REFUSED: u64 = 5;
/// Lookups of A and AAAA for a name that no server answers.
const LOOKUPS: u64 = 2;
const FULL: u64 = FULL_1_2 + FULL_1_3;
const RESUMED: u64 = RESUMED_1_2 + RESUMED_1_3;
const ESTABLISHED: u64 = PLAIN + 1 + FULL + RESUMED;
/// Exit status of the scenario.
const SCENARIO_STATUS: u64 = 7;

/// Section, label in it, and the number that the clients themselves must have seen.
const CLIENTS: &[(&str, &str, u64)] = &[
    ("plain", "", PLAIN),
    ("kept", "", KEPT),
    ("refused", "", REFUSED),
    ("handshakes", "New, TLSv1.2", FULL_1_2),
    ("handshakes", "New, TLSv1.3", FULL_1_3),
    ("handshakes", "Reused, TLSv1.2", RESUMED_1_2),
    ("handshakes", "Reused, TLSv1.3", RESUMED_1_3),
];

/// A figure of an export, with its place there.
type Figure = (&'static str, fn(&Export) -> Option<u64>);

macro_rules! figure {
    ($($place:ident).+) => {
        (stringify!($($place).+), |export: &Export| export.$($place).+)
    };
}

/// Number of samples of a phase of the totals.
macro_rules! samples {
    ($phase:ident) => {
        (concat!(stringify!($phase), " count"), |export: &Export| {
            export.phase(Phase::$phase)?.count
        })
    };
}

const RUN: &[(Figure, u64)] = &[
    (figure!(events.lost), 0),
    (figure!(events.undecodable), 0),
    (figure!(totals.connections.opened), ESTABLISHED + REFUSED),
    (figure!(totals.connections.established), ESTABLISHED),
    (figure!(totals.connections.adopted), 0),
    (figure!(totals.connections.failed.refused), REFUSED),
    (figure!(totals.tls.full), FULL),
    (figure!(totals.tls.resumed), RESUMED),
    (figure!(totals.tls.failed), 0),
    (figure!(totals.tls.versions.v1_2), FULL_1_2 + RESUMED_1_2),
    (figure!(totals.tls.versions.v1_3), FULL_1_3 + RESUMED_1_3),
    (figure!(totals.dns.queries), LOOKUPS),
    (figure!(totals.dns.failed.timeout), LOOKUPS),
    (samples!(TtfbReused), KEPT - 1),
    (samples!(Idle), KEPT - 1),
    (samples!(Connect), ESTABLISHED),
    (samples!(ConnectFailed), REFUSED),
    (samples!(Tls), FULL),
    (samples!(TlsResumed), RESUMED),
];

const ATTACH: &[(Figure, u64)] = &[
    (figure!(events.lost), 0),
    (figure!(totals.connections.adopted), 1),
    (figure!(totals.connections.opened), 0),
];

/// Requests over HTTP/2, of Go and of curl, with one connection each.
const HTTP2_REQUESTS: u64 = 20 + 10;
const HTTP2: &[(Figure, u64)] = &[
    (figure!(events.lost), 0),
    (figure!(totals.requests.count), HTTP2_REQUESTS),
    (figure!(totals.requests.by_protocol.http2), HTTP2_REQUESTS),
    (figure!(totals.http2.connections), 2),
    (figure!(totals.http2.source.frames), 2),
    (figure!(totals.http2.streams), HTTP2_REQUESTS),
];

/// Compares the output with the expected numbers, and counts each comparison as a test.
pub(crate) fn check(name: &str, report: &Report, http2: bool, tally: &mut Tally) {
    println!("{name}: kernel {}", report.text("kernel"));
    let mut equal = |what: &str, found: Option<u64>, expected: u64| {
        let same = (found == Some(expected)).then_some(());
        let found = found.map_or("nothing".to_owned(), |found| found.to_string());
        tally.record(
            &format!("{name}: {what}"),
            same.ok_or(format!("{found}, not {expected}")),
        );
    };
    for (section, label, expected) in CLIENTS {
        equal(
            format!("clients say {section} {label}").trim(),
            report.number(section, label),
            *expected,
        );
    }
    for (section, expected) in [("doctor", 0), ("run", SCENARIO_STATUS), ("attach", 0)] {
        equal(
            &format!("exit status of {section}"),
            report.status(section),
            expected,
        );
    }
    for (section, expectations) in [("export", RUN), ("attached", ATTACH)] {
        let export = report.export(section);
        for ((place, figure), expected) in expectations {
            let found = export.as_ref().and_then(figure);
            equal(&format!("{section} {place}"), found, *expected);
        }
    }
    let entered = report
        .export("export")
        .and_then(|export| export.time_wait.entered);
    let listed = report.number("time_wait", "").unwrap_or(u64::MAX);
    equal(
        "export time_wait.entered, as the kernel lists them",
        entered,
        listed,
    );
    if http2 {
        let clients = report.number("http2_clients", "");
        equal("clients say http2", clients, HTTP2_REQUESTS);
        equal("exit status of http2", report.status("http2"), 0);
        for ((place, figure), expected) in HTTP2 {
            let found = report.export("http2_export").as_ref().and_then(figure);
            equal(&format!("http2 {place}"), found, *expected);
        }
    }
    for section in ["run", "attach", "http2"] {
        if report.status(section) == Some(3) {
            println!("tracer {section} said:\n{}", report.text(section));
        }
    }
}

/// True if the frames of all connections over HTTP/2 were read.
pub(crate) fn frames_were_read(report: &Report) -> bool {
    let export = report.export("http2_export");
    let frames = export.and_then(|export| export.totals.http2.source.frames);
    frames == Some(2)
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn sections_hold_text_and_status() -> anyhow::Result<()> {
        let console = "noise\n@@ begin a\nx: 3\ny: 4\n@@ end a 7\n@@ begin b\n12\n@@ end b 0";
        let lines: Vec<String> = console.lines().map(str::to_owned).collect();
        let report = Report::parse(&lines)?;
        assert_eq!(report.number("a", "y"), Some(4));
        assert_eq!(report.status("a"), Some(7));
        assert_eq!(report.number("b", ""), Some(12));
        assert_eq!(report.status("c"), None);
        assert!(Report::parse(&lines[..1]).is_err());
        assert!(report.export("a").is_none());
        Ok(())
    }
}
