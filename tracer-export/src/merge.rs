//! Exports of many machines, or of parts of a trace, made into one. The order of the parts does not matter, and a merged
//! export can be merged again.
//!
//! | figure | of the parts |
//! | --- | --- |
//! | counters, and what is open now | sum |
//! | distributions | sum of the histograms |
//! | peaks | the highest |
//! | ratios | computed anew |
//! | what cannot be made from the parts, and what one part did not measure | absent |

mod figures;
mod lists;
mod provenance;
mod times;

use std::collections::BTreeMap;

use self::{
    figures::Figures,
    lists::{HostKey, HostSum, NameSum, ProcessKey, ProxyKey},
    times::{Destinations, time_wait},
};
use crate::{
    CommandCpu, DnsName, Events, Export, Finding, HdrError, HdrReader, Process, Series, TimeWait,
    Tracer, document::SCHEMA, sum::Sum,
};

/// Reasons why an export cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A histogram cannot be read.
    #[error("{place}: {source}")]
    Histogram {
        /// Place of the histogram in the export.
        place: String,
        /// The fault.
        source: HdrError,
    },
    /// The export is a part of the sum already.
    #[error(
        "the trace of {hostname} that began at {started_at} is in it already, and would count twice"
    )]
    Twice {
        /// Host name of the machine.
        hostname: String,
        /// Beginning of the trace.
        started_at: String,
    },
}

/// Sum of the exports so far.
#[derive(Debug, Default)]
pub struct Merger {
    parts: provenance::Parts,
    first: Option<First>,
    reader: HdrReader,
    totals: Option<Figures>,
    processes: BTreeMap<ProcessKey, Figures>,
    hosts: BTreeMap<HostKey, HostSum>,
    proxies: Option<BTreeMap<ProxyKey, Figures>>,
    dns_names: Option<BTreeMap<String, NameSum>>,
    destinations: Destinations,
    rest: Rest,
}

/// Figures at the root of an export.
#[derive(Debug, Default)]
struct Rest {
    events: Events,
    processes_folded: Option<u64>,
    hosts_folded: Option<u64>,
    proxies_folded: Option<u64>,
    dns_names_folded: Option<u64>,
    time_wait: TimeWait,
    command_cpu: Option<CommandCpu>,
}

/// Lists of the first export, which are kept only if no other one is added.
#[derive(Debug)]
struct First {
    series: Series,
    findings: Option<Vec<Finding>>,
}

impl Merger {
    /// Adds an export. After an error the sum is not to be used any more.
    ///
    /// # Errors
    /// A histogram of it cannot be read, or it is in the sum already.
    pub fn add(&mut self, mut export: Export) -> Result<(), MergeError> {
        let is_first = self.parts.is_empty();
        self.parts.add(&export)?;
        self.first = is_first.then(|| First {
            series: std::mem::take(&mut export.series),
            findings: export.findings.take(),
        });
        let reader = &mut self.reader;
        let at = |place: &str| place.to_owned();
        figures::add(&mut self.totals, export.totals, reader).map_err(|e| e.at(|| at("totals")))?;
        let machine = &export.machine.hostname;
        for process in export.processes {
            lists::process(&mut self.processes, process, machine, reader)?;
        }
        for host in export.hosts {
            lists::host(&mut self.hosts, host, machine, reader)?;
        }
        lists::proxies(&mut self.proxies, export.proxies, is_first, reader)?;
        lists::names(&mut self.dns_names, export.dns_names, is_first);
        self.destinations
            .add(std::mem::take(&mut export.time_wait.destinations));
        self.rest.add(
            Rest {
                events: export.events,
                processes_folded: export.processes_folded,
                hosts_folded: export.hosts_folded,
                proxies_folded: export.proxies_folded,
                dns_names_folded: export.dns_names_folded,
                time_wait: export.time_wait,
                command_cpu: export.command_cpu,
            },
            is_first,
        );
        Ok(())
    }

    /// The merged export; `tracer` is the program that merges.
    pub fn finish(self, tracer: Tracer) -> Export {
        let first = self.first;
        let (series, findings) = first.map(|it| (it.series, it.findings)).unwrap_or_default();
        let mut rest = self.rest;
        rest.time_wait.destinations = self.destinations.finish();
        let processes = self.processes.into_iter();
        let hosts = self.hosts.into_iter();
        let head = self.parts.head();
        Export {
            schema: SCHEMA.to_owned(),
            tracer,
            machine: head.machine,
            window: head.window,
            filter: head.filter,
            command: head.command,
            merged: Some(self.parts.finish()),
            events: rest.events,
            totals: self.totals.map(Figures::finish).unwrap_or_default(),
            processes: processes.map(|(key, sum)| key.process(sum)).collect(),
            processes_folded: rest.processes_folded,
            hosts: hosts.map(|(key, sum)| key.host(sum)).collect(),
            hosts_folded: rest.hosts_folded,
            proxies: self.proxies.map(|proxies| {
                let proxies = proxies.into_iter();
                proxies.map(|(key, sum)| key.proxy(sum)).collect()
            }),
            proxies_folded: rest.proxies_folded,
            time_wait: rest.time_wait,
            dns_names: self.dns_names.map(lists::names_in_order),
            dns_names_folded: rest.dns_names_folded,
            series,
            findings,
            verdicts: None,
            command_cpu: rest.command_cpu,
        }
    }
}

impl Rest {
    fn add(&mut self, other: Self, is_first: bool) {
        if is_first {
            *self = other;
            self.events.by_counter.sort_keys();
            return;
        }
        self.events.sum(&other.events);
        self.processes_folded.sum(&other.processes_folded);
        self.hosts_folded.sum(&other.hosts_folded);
        self.proxies_folded.sum(&other.proxies_folded);
        self.dns_names_folded.sum(&other.dns_names_folded);
        time_wait(&mut self.time_wait, &other.time_wait);
        let cpu = self.command_cpu.zip(other.command_cpu);
        self.command_cpu = cpu.map(|(mut a, b)| {
            a.user_ns.sum(&b.user_ns);
            a.system_ns.sum(&b.system_ns);
            a
        });
    }
}

/// Value that all have; `None` when they differ, or without any.
fn common<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

#[cfg(test)]
mod tests;
