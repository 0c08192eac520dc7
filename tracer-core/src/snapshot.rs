//! Immutable snapshot for all sinks. Making one is cheap, because figures are shared and not copied.

pub(crate) mod since;

use std::sync::Arc;

use tracer_common::counter::Counter;

use crate::{
    dns::figures::NameFigures,
    finding::history::History,
    group::Group,
    host::{Host, HostKey},
    live::LiveConnections,
    process::Process,
    series::Series,
    time_wait::TimeWaitView,
};

/// Counts of records received and lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Events {
    /// Records read.
    pub received: u64,
    /// Records that are in no figure: the ring buffer was full, or the kernel skipped the program that writes them.
    pub lost: u64,
    /// Records with figures that went to the kernel's overflow histograms: they are in the totals only.
    pub overflowed: u64,
    /// Records that could not be decoded.
    pub undecodable: u64,
    /// Kernel maps that were full: sockets or processes not traced.
    pub map_full: u64,
    /// Connections not followed because the table was full.
    pub evicted: u64,
    /// Records of connections that the table does not hold.
    pub unmatched: u64,
    /// Inputs missing in a recording, because it could not be written fast enough.
    pub not_recorded: u64,
    /// Durations left out of the figures because their end has an earlier time than their beginning.
    pub negative_durations: u64,
    /// Counters of the kernel programs, in the order of [`Counter::ALL`].
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

/// State of a trace at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Counts of records.
    pub events: Events,
    /// Figures of all connections.
    pub totals: Arc<Group>,
    /// Figures by process, in order of appearance.
    pub processes: Vec<Process>,
    /// Figures by host and port, in order of appearance.
    pub hosts: Vec<Host>,
    /// Number of processes that had figures and were removed from the table.
    pub processes_folded: u64,
    /// Number of hosts beyond the limit.
    pub hosts_folded: u64,
    /// Proxies that were asked for tunnels, in order of appearance, with the figures of the connections to them.
    pub proxies: Vec<Host>,
    /// Number of proxies beyond the limit.
    pub proxies_folded: u64,
    /// Use of TIME_WAIT and local ports.
    pub time_wait: TimeWaitView,
    /// Lookups by name, for the names looked up most.
    pub dns_names: Vec<NameFigures>,
    /// Number of lookups of further names.
    pub dns_names_folded: u64,
    /// Open connections at the last pass over the sockets; empty while no sink asks for them.
    pub connections: Arc<LiveConnections>,
    /// True if the groups contain the number of connections by state and of requests in flight at that pass, which they
    /// do after a complete one.
    pub has_activity: bool,
    /// Figures over time.
    pub series: Arc<Series>,
    /// History that findings rest on.
    pub history: Arc<History>,
    /// Connections that the filter of hosts has left out.
    pub left_out: LeftOut,
}

/// Connections that the filter of hosts has left out, and some of their hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Number of connections.
    pub connections: u64,
    /// Some of the hosts that were left out.
    pub hosts: Vec<Arc<HostKey>>,
}
