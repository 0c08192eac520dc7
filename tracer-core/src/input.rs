//! Everything a tracker takes, as one closed set: what goes through here is all that decides what a trace
//! says, so it can be recorded and taken again.

use std::borrow::Cow;

use tracer_common::counter::Counter;

use crate::{overflow::Overflow, time_wait::Seen, tracker::Tracker};

/// One thing that a tracker takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// A record of the ring buffer, eight-byte aligned.
    Record(&'a [u8]),
    /// A pass over all open sockets, likewise.
    Sweep {
        /// Whole records, one after the other.
        records: &'a [u8],
        /// The one at the end of the trace.
        last: bool,
    },
    /// A pass made only to look.
    Watch {
        /// When, ns.
        at_ns: u64,
        /// As in a sweep.
        records: &'a [u8],
    },
    /// A listing of the sockets of all namespaces that were joined.
    Sockets {
        /// When it was begun, ns.
        begun_ns: u64,
        /// Each of them.
        sockets: Cow<'a, [Seen]>,
    },
    /// What /proc says of a process.
    Resolved {
        /// Its place in the table.
        entry: u32,
        /// Path of its executable.
        exe: Option<Cow<'a, str>>,
        /// Id of its container.
        container: Option<Cow<'a, str>>,
    },
    /// A network namespace joins.
    Namespace {
        /// Its inode number.
        netns: u32,
        /// Its ip_local_port_range.
        range: (u16, u16),
        /// Sockets it had in TIME_WAIT when tracing began.
        time_wait: u64,
    },
    /// One joins whose sockets cannot be listed.
    UnseenNamespace {
        /// Its inode number.
        netns: u32,
    },
    /// A namespace that had joined was removed: nobody uses it any more, and what its sockets left behind went
    /// with it.
    RemovedNamespace {
        /// Its inode number.
        netns: u32,
    },
    /// The kernel's counters, in the order of [`Counter::ALL`].
    Counters([u64; Counter::COUNT as usize]),
    /// Figures of records that found the ring full.
    Overflow(Cow<'a, Overflow>),
    /// A lookup was answered; the answer itself found the ring full.
    LostAnswer {
        /// When, ns.
        time_ns: u64,
        /// Cookie of the socket.
        cookie: u64,
        /// Id of the message.
        id: u16,
        /// Flags of its header (RFC 1035 4.1.1).
        flags: u16,
    },
    /// Points of the series that are due end here.
    Sample {
        /// When, ns.
        now_ns: u64,
    },
    /// All figures are forgotten; the window begins anew.
    Reset {
        /// When, CLOCK_MONOTONIC, ns.
        now_ns: u64,
        /// The same moment since 1970, ns.
        at_ns: u64,
    },
    /// So many inputs are missing here: they could not be recorded fast enough.
    Loss {
        /// How many.
        inputs: u64,
    },
    /// The trace ends.
    Finish {
        /// When, ns.
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
                time_wait,
            } => self.add_namespace(*netns, *range, *time_wait),
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
