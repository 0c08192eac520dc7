//! Parts of a merged export, and what its head says of them.

use std::collections::BTreeMap;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{MergeError, common};
use crate::{Export, Filter, FindingStatus, Machine, Merged, Part, PartFinding, Window};

/// Words for a name that differs among the parts.
const SEVERAL: &str = "several";

/// Parts so far, in an order of their own.
#[derive(Debug, Default)]
pub(super) struct Parts(BTreeMap<Key, Part>);

/// Identity of a part: two traces of one machine do not begin in the same nanosecond with the same figures.
type Key = (
    String,
    String,
    Option<u64>,
    Option<u64>,
    Option<Vec<String>>,
);

/// Head of a merged export.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) machine: Machine,
    pub(super) window: Window,
    pub(super) filter: Filter,
    pub(super) command: Option<Vec<String>>,
}

impl Parts {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an export, or the parts of one that is merged itself.
    pub(super) fn add(&mut self, export: &Export) -> Result<(), MergeError> {
        let parts = match &export.merged {
            Some(merged) => merged.parts.clone(),
            None => vec![part(export)],
        };
        for part in parts {
            if let Some(twice) = self.0.insert(key(&part), part) {
                return Err(MergeError::Twice {
                    hostname: twice.machine.hostname,
                    started_at: twice.window.started_at,
                });
            }
        }
        Ok(())
    }

    /// Head of the merged export, which follows from the parts.
    pub(super) fn head(&self) -> Head {
        let parts = || self.0.values();
        let name = |of: fn(&Machine) -> &String| {
            let same = common(parts().map(|part| of(&part.machine)));
            same.map_or_else(|| SEVERAL.to_owned(), String::clone)
        };
        Head {
            machine: Machine {
                hostname: name(|machine| &machine.hostname),
                kernel: name(|machine| &machine.kernel),
                arch: name(|machine| &machine.arch),
                cpus: self.cpus(),
            },
            window: self.window(),
            filter: common(parts().map(|part| &part.filter))
                .cloned()
                .unwrap_or_default(),
            command: common(parts().map(|part| &part.command)).cloned().flatten(),
        }
    }

    /// The parts, for the export.
    pub(super) fn finish(self) -> Merged {
        Merged {
            parts: self.0.into_values().collect(),
        }
    }

    /// Processors of all machines; those of a machine with several parts count once.
    fn cpus(&self) -> Option<u64> {
        let mut machines: BTreeMap<&str, u64> = BTreeMap::new();
        for part in self.0.values() {
            let cpus = machines.entry(&part.machine.hostname).or_default();
            *cpus = part.machine.cpus?.max(*cpus);
        }
        Some(machines.values().sum())
    }

    /// Time from the first beginning to the last end.
    fn window(&self) -> Window {
        let windows = || self.0.values().map(|part| &part.window);
        if let Some(window) = common(windows()) {
            return window.clone();
        }
        let first =
            windows().min_by_key(|window| (instant(&window.started_at), &window.started_at));
        let last = windows().max_by_key(|window| (instant(&window.ended_at), &window.ended_at));
        let text = |of: Option<&String>| of.cloned().unwrap_or_default();
        let begins = windows().map(|window| instant(&window.started_at));
        let ends = windows()
            .map(|window| Some(instant(&window.started_at)? + i128::from(window.duration_ns?)));
        let begin = begins.min().flatten();
        let end: Option<i128> = ends
            .collect::<Option<Vec<i128>>>()
            .and_then(|ends| ends.into_iter().max());
        let length = begin.zip(end).map(|(begin, end)| end - begin);
        Window {
            started_at: text(first.map(|window| &window.started_at)),
            ended_at: text(last.map(|window| &window.ended_at)),
            duration_ns: length.and_then(|ns| u64::try_from(ns).ok()),
        }
    }
}

/// Nanoseconds since 1970 of a time in RFC 3339.
fn instant(text: &str) -> Option<i128> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339);
    parsed.ok().map(OffsetDateTime::unix_timestamp_nanos)
}

fn key(part: &Part) -> Key {
    (
        part.machine.hostname.clone(),
        part.window.started_at.clone(),
        part.window.duration_ns,
        part.received,
        part.command.clone(),
    )
}

/// Description of an export as a part. Rules look at the history of one machine, which an export does not hold: they cannot
/// be evaluated anew, so what they found stays here.
fn part(export: &Export) -> Part {
    let findings = export.findings.iter().flatten();
    let found = findings.filter(|finding| finding.status == FindingStatus::Found);
    Part {
        machine: export.machine.clone(),
        window: export.window.clone(),
        tracer: export.tracer.clone(),
        filter: export.filter.clone(),
        command: export.command.clone(),
        received: export.events.received,
        lost: export.events.losses(),
        findings: found
            .map(|finding| PartFinding {
                id: finding.id.clone(),
                severity: finding.severity.unwrap_or_default(),
            })
            .collect(),
    }
}
