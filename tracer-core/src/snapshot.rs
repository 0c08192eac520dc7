//! What every sink gets: immutable, cheap to make (figures are shared, not copied).

use std::sync::Arc;

use tracer_common::counter::Counter;

use crate::{
    dns::figures::NameFigures, group::Group, host::Host, live::LiveConnections, process::Process,
    series::Series, time_wait::TimeWaitView,
};

/// Records received and lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Events {
    /// Records read.
    pub received: u64,
    /// Records the kernel could not write: the ring was full.
    pub lost: u64,
    /// Records whose figures went to the kernel's overflow histograms: they are in the totals only.
    pub overflowed: u64,
    /// Records that could not be decoded.
    pub undecodable: u64,
    /// Kernel maps that were full: sockets or processes not traced.
    pub map_full: u64,
    /// Connections not followed because the table was full.
    pub evicted: u64,
    /// Records of connections that the table does not hold.
    pub unmatched: u64,
    /// Of a recording: what it lacks because it could not be written fast enough.
    pub not_recorded: u64,
    /// Durations left out of the figures because their end has an earlier time than their beginning.
    pub negative_durations: u64,
    /// The kernel's own counters, in the order of [`Counter::ALL`].
    pub kernel: [u64; Counter::COUNT as usize],
}

impl Events {
    /// All that some figure lacks.
    pub fn losses(&self) -> u64 {
        self.lost
            + self.undecodable
            + self.map_full
            + self.evicted
            + self.not_recorded
            + self.negative_durations
    }
}

/// The state of a trace at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Records.
    pub events: Events,
    /// All connections.
    pub totals: Arc<Group>,
    /// By process, in order of appearance.
    pub processes: Vec<Process>,
    /// By host and port, in order of appearance.
    pub hosts: Vec<Host>,
    /// Processes that had figures and gave way to others.
    pub processes_folded: u64,
    /// Hosts beyond the limit.
    pub hosts_folded: u64,
    /// TIME_WAIT and ports.
    pub time_wait: TimeWaitView,
    /// Lookups by name, the names asked most.
    pub dns_names: Vec<NameFigures>,
    /// Lookups of further names.
    pub dns_names_folded: u64,
    /// Open connections when somebody last looked; empty while nobody does.
    pub connections: Arc<LiveConnections>,
    /// What they were doing then, connections by state and requests in flight, is in the groups: the last pass over the
    /// sockets was a whole one.
    pub knows_doing: bool,
    /// The same over time.
    pub series: Arc<Series>,
}
