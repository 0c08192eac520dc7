//! Forgetting the figures in the middle of a trace, as if it began now with what is open.

use std::sync::Arc;

use tracer_common::counter::Counter;

use super::Tracker;
use crate::{
    group::{Group, Opening},
    overflow::Overflow,
    series::Sampler,
    snapshot::Events,
};

/// What the kernel's own counters said at the last reset. They go on counting.
#[derive(Debug, Default)]
pub(super) struct Base {
    kernel: [u64; Counter::COUNT as usize],
    overflow: Option<Overflow>,
}

impl Base {
    /// The counters since the reset.
    pub(super) fn counters(
        &self,
        now: [u64; Counter::COUNT as usize],
    ) -> [u64; Counter::COUNT as usize] {
        std::array::from_fn(|at| now[at].saturating_sub(self.kernel[at]))
    }

    /// The overflow histograms since the reset.
    pub(super) fn overflow(&self, now: Overflow) -> Overflow {
        match &self.overflow {
            Some(before) => now.since(before),
            None => now,
        }
    }
}

impl Tracker {
    /// Forgets all figures. Open connections stay and count as adopted: when and how fast they were opened
    /// belongs to what is forgotten. Names, owners and what is in TIME_WAIT stay known.
    pub fn reset(&mut self) {
        self.base.kernel = std::array::from_fn(|at| self.base.kernel[at] + self.events.kernel[at]);
        if let Some(overflow) = self.overflow.take() {
            self.base.overflow = Some(match self.base.overflow.take() {
                Some(before) => overflow.plus(&before),
                None => overflow,
            });
        }
        self.events = Events::default();
        self.sampler = Sampler::default();
        self.totals = Arc::new(Group::roomy());
        self.processes.reset();
        self.hosts.reset();
        self.dns.reset();
        self.time_wait.reset();
        self.count_open_again();
    }

    fn count_open_again(&mut self) {
        let opening = Opening {
            connect_ns: None,
            syn_retransmits: 0,
        };
        let mut open = Vec::with_capacity(self.connections.len());
        for connection in self.connections.values_mut() {
            connection.opening = opening;
            if connection.counted {
                let in_handshake = connection.hello.is_some() && !connection.handshake_over;
                open.push((connection.process, connection.host, in_handshake));
            }
        }
        for (process, host, in_handshake) in open {
            self.each_group(process, host, |group| {
                group.open(&opening);
                group.tls.unfinished += u64::from(in_handshake);
            });
        }
    }
}
