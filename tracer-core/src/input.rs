//! Inputs of a tracker, as a closed set. They alone determine the figures of a trace, so a trace can be recorded and
//! replayed.

use std::borrow::Cow;

use tracer_common::counter::Counter;

use crate::{overflow::Overflow, time_wait::Seen, tracker::Tracker};

/// Input of a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// Record of the ring buffer, aligned to eight bytes.
    Record(&'a [u8]),
    /// Pass over all open sockets, aligned to eight bytes.
    Sweep {
        /// Complete records, one after the other.
        records: &'a [u8],
        /// True for the pass at the end of the trace.
        last: bool,
    },
    /// Pass made only for the view of open connections.
    Watch {
        /// Time of the pass, ns.
        at_ns: u64,
        /// Complete records, one after the other.
        records: &'a [u8],
    },
    /// Listing of the sockets of all network namespaces that were joined.
    Sockets {
        /// Time at which the listing began, ns.
        begun_ns: u64,
        /// Sockets of the listing.
        sockets: Cow<'a, [Seen]>,
    },
    /// Data about a process from /proc.
    Resolved {
        /// Index of the process in the table.
        entry: u32,
        /// Path of the executable.
        exe: Option<Cow<'a, str>>,
        /// Id of the container.
        container: Option<Cow<'a, str>>,
    },
    /// A network namespace joins the trace.
    Namespace {
        /// Inode number of the namespace.
        netns: u32,
        /// Range of local ports (ip_local_port_range).
        range: (u16, u16),
        /// Number of ports in the range that are reserved (ip_local_reserved_ports).
        reserved: u32,
        /// Number of sockets in TIME_WAIT when tracing began.
        time_wait: u64,
    },
    /// A network namespace joins the trace, but its sockets cannot be listed.
    UnseenNamespace {
        /// Inode number of the namespace.
        netns: u32,
    },
    /// A namespace that had joined was removed: nobody uses it any more, and what its sockets left behind went
    /// with it.
    RemovedNamespace {
        /// Inode number of the namespace.
        netns: u32,
    },
    /// The kernel's counters, in the order of [`Counter::ALL`].
    Counters([u64; Counter::COUNT as usize]),
    /// Figures of records that found the ring buffer full.
    Overflow(Cow<'a, Overflow>),
    /// A lookup was answered, but the record of the answer found the ring buffer full.
    LostAnswer {
        /// Time of the answer, ns.
        time_ns: u64,
        /// Cookie of the socket.
        cookie: u64,
        /// Id of the DNS message.
        id: u16,
        /// Flags of the DNS header (RFC 1035 4.1.1).
        flags: u16,
    },
    /// Ends the points of the series that are due.
    Sample {
        /// Current time, ns.
        now_ns: u64,
    },
    /// Clears all figures; the window begins anew.
    Reset {
        /// Time of the reset on CLOCK_MONOTONIC, ns.
        now_ns: u64,
        /// Time of the reset since 1970, ns.
        at_ns: u64,
    },
    /// Inputs are missing here, because they could not be recorded fast enough.
    Loss {
        /// Number of missing inputs.
        inputs: u64,
    },
    /// The trace ends.
    Finish {
        /// Time of the end, ns.
        now_ns: u64,
    },
}

impl Tracker {
    /// Takes one input.
    pub fn input(&mut self, input: &Input<'_>) {
        match input {
            Input::Record(record) => self.take(record),
            Input::Sweep { records, last } => self.take_sweep(records, *last),
            Input::Watch { at_ns, records } => self.watch(*at_ns, records),
            Input::Sockets { begun_ns, sockets } => self.take_sockets(*begun_ns, sockets),
            Input::Resolved {
                entry,
                exe,
                container,
            } => {
                let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
                self.processes.resolve(*entry, owned(exe), owned(container));
            }
            Input::Namespace {
                netns,
                range,
                reserved,
                time_wait,
            } => self.add_namespace(*netns, *range, *reserved, *time_wait),
            Input::UnseenNamespace { netns } => self.add_unseen_namespace(*netns),
            Input::RemovedNamespace { netns } => self.remove_namespace(*netns),
            Input::Counters(counters) => self.set_kernel_counters(*counters),
            Input::Overflow(overflow) => self.set_overflow(overflow.clone().into_owned()),
            Input::LostAnswer {
                time_ns,
                cookie,
                id,
                flags,
            } => self.answer_lost(*time_ns, *cookie, *id, *flags),
            Input::Sample { now_ns } => self.sample(*now_ns),
            Input::Reset { .. } => self.reset(),
            Input::Loss { inputs } => self.note_loss(*inputs),
            Input::Finish { now_ns } => self.finish(*now_ns),
        }
    }
}
