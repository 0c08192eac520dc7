//! Figures that are told, of the whole trace and of each named host, as values that never go down.

use tracer_core::{group::Group, latency::Latency, snapshot::Snapshot};

use super::{
    hosts::{Hosts, Seen},
    rising::{Rising, RisingDurations},
};

/// Function that reads a number of a group.
type Count = fn(&Group) -> u64;
/// Function that reads a distribution of a group.
type Durations = fn(&Group) -> &Latency;
/// Function that reads a number of a snapshot.
type OfTrace = fn(&Snapshot) -> u64;

/// Place of a value among those of the trace, and among those of each host if hosts have it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Place among the values of the trace.
    pub(super) trace: usize,
    /// Place among the values of a host.
    pub(super) host: Option<usize>,
}

/// Source of a sample's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// Count that only grows.
    Count(Place),
    /// Distribution.
    Durations(Place),
    /// Present number; true if hosts have it.
    Now(Count, bool),
    /// Present number that only a pass over the sockets shows; true if hosts have it.
    Activity(Count, bool),
    /// Present number of the trace.
    Trace(OfTrace),
    /// Count of the trace that only grows.
    TraceCount(usize),
}

/// Figures that are kept.
#[derive(Debug, Default)]
pub(super) struct Columns {
    counts: Vec<Count>,
    durations: Vec<Durations>,
    host_counts: Vec<Place>,
    host_durations: Vec<Place>,
    trace_counts: Vec<OfTrace>,
}

impl Columns {
    /// Adds a count of groups.
    pub(super) fn count(&mut self, of: Count, by_host: bool) -> Source {
        let place = place(self.counts.len(), &mut self.host_counts, by_host);
        self.counts.push(of);
        Source::Count(place)
    }

    /// Adds a distribution of groups.
    pub(super) fn durations(&mut self, of: Durations, by_host: bool) -> Source {
        let place = place(self.durations.len(), &mut self.host_durations, by_host);
        self.durations.push(of);
        Source::Durations(place)
    }

    /// Adds a count of the trace.
    pub(super) fn trace_count(&mut self, of: OfTrace) -> Source {
        self.trace_counts.push(of);
        Source::TraceCount(self.trace_counts.len() - 1)
    }
}

fn place(trace: usize, of_hosts: &mut Vec<Place>, by_host: bool) -> Place {
    let host = by_host.then_some(of_hosts.len());
    let place = Place { trace, host };
    of_hosts.extend(by_host.then_some(place));
    place
}

/// Values of the trace or of a host.
#[derive(Debug)]
pub(super) struct Values {
    /// Counts.
    pub(super) counts: Vec<Rising>,
    /// Distributions.
    pub(super) durations: Vec<RisingDurations>,
}

impl Values {
    fn new(counts: usize, durations: usize) -> Self {
        Self {
            counts: vec![Rising::default(); counts],
            durations: vec![RisingDurations::default(); durations],
        }
    }

    fn begin_anew(&mut self) {
        self.counts.iter_mut().for_each(Rising::begin_anew);
        self.durations
            .iter_mut()
            .for_each(RisingDurations::begin_anew);
    }
}

/// All figures that are told.
#[derive(Debug)]
pub(super) struct Figures {
    columns: Columns,
    /// Values of the whole trace.
    pub(super) trace: Values,
    /// Counts of the trace that are of no group.
    pub(super) trace_counts: Vec<Rising>,
    /// Named hosts, with the values of each.
    pub(super) hosts: Hosts,
    /// Values of the named hosts, in their order.
    pub(super) by_host: Vec<Values>,
    /// Values of all other hosts, and of what belongs to no host.
    pub(super) other: Values,
    /// Samples of all named hosts.
    named: Vec<Latency>,
}

impl Figures {
    /// Makes the figures of at most `limit` named hosts.
    pub(super) fn new(columns: Columns, limit: usize) -> Self {
        let (counts, durations) = (columns.host_counts.len(), columns.host_durations.len());
        Self {
            trace: Values::new(columns.counts.len(), columns.durations.len()),
            trace_counts: vec![Rising::default(); columns.trace_counts.len()],
            hosts: Hosts::new(limit),
            by_host: Vec::new(),
            other: Values::new(counts, durations),
            named: vec![Latency::default(); durations],
            columns,
        }
    }

    /// Takes the present figures. Returns the groups of each named host.
    pub(super) fn take<'s>(&mut self, snapshot: &'s Snapshot) -> Seen<'s> {
        let columns = &self.columns;
        for (count, of) in self.trace_counts.iter_mut().zip(&columns.trace_counts) {
            count.rise(of(snapshot));
        }
        for (count, of) in self.trace.counts.iter_mut().zip(&columns.counts) {
            count.rise(of(&snapshot.totals));
        }
        for (durations, of) in self.trace.durations.iter_mut().zip(&columns.durations) {
            durations.rise(of(&snapshot.totals));
        }
        let seen = self.hosts.see(snapshot);
        self.take_hosts(&seen);
        self.take_rest();
        seen
    }

    fn take_hosts(&mut self, seen: &Seen<'_>) {
        let columns = &self.columns;
        let (counts, durations) = (columns.host_counts.len(), columns.host_durations.len());
        self.by_host
            .resize_with(seen.len(), || Values::new(counts, durations));
        for (values, groups) in self.by_host.iter_mut().zip(seen) {
            for (count, place) in values.counts.iter_mut().zip(&columns.host_counts) {
                let of = columns.counts[place.trace];
                count.rise(groups.iter().map(|group| of(group)).sum());
            }
            let places = columns.host_durations.iter().zip(&mut self.named);
            for (durations, (place, named)) in values.durations.iter_mut().zip(places) {
                let of = columns.durations[place.trace];
                let added = match groups.as_slice() {
                    [group] => durations.rise(of(group)),
                    groups => durations.rise(&merged(groups, of)),
                };
                named.merge(&added);
            }
        }
    }

    /// Gives to `other` what the named hosts do not have.
    fn take_rest(&mut self) {
        let places = self.columns.host_counts.iter().enumerate();
        for (count, (at, place)) in self.other.counts.iter_mut().zip(places) {
            let named: u64 = self.by_host.iter().map(|it| it.counts[at].told()).sum();
            let all = self.trace.counts[place.trace].told();
            count.rise(all.saturating_sub(named));
        }
        let places = self.columns.host_durations.iter().zip(&self.named);
        for (durations, (place, named)) in self.other.durations.iter_mut().zip(places) {
            let all = self.trace.durations[place.trace].told();
            durations.rise(&all.since(named));
        }
    }

    /// Notes that the figures begin anew. What was told stays, and `other` is made of that.
    pub(super) fn begin_anew(&mut self) {
        self.trace.begin_anew();
        self.trace_counts.iter_mut().for_each(Rising::begin_anew);
        self.by_host.iter_mut().for_each(Values::begin_anew);
    }
}

fn merged(groups: &[&Group], of: Durations) -> Latency {
    let mut all = Latency::default();
    groups.iter().for_each(|group| all.merge(of(group)));
    all
}
