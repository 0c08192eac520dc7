//! Inputs of a rule: the figures of one subject with the snapshot and the history that they belong to.

use super::{
    guess::Guess,
    history::{History, Moment},
    subject::Subject,
    sums::{Sums, avoidable, avoidable_handshakes},
    threshold::Threshold,
    verdict::{Fault, Judgement, NotEvaluated, Verdict},
};
use crate::{group::Group, latency::Latency, snapshot::Snapshot};

/// Figures of one subject.
#[derive(Debug)]
pub struct Case<'a> {
    /// Subject.
    pub subject: Subject<'a>,
    /// Figures of the subject.
    pub group: &'a Group,
    /// State of the trace.
    pub snapshot: &'a Snapshot,
    /// Time since the figures began, ns.
    pub elapsed_ns: u64,
    /// Sums over all hosts.
    pub sums: &'a Sums,
    /// Client of the subject.
    pub client: Guess,
    /// True if the rule has found its fault at the last look.
    pub was_found: bool,
}

impl Case<'_> {
    /// History of the trace.
    pub fn history(&self) -> &History {
        &self.snapshot.history
    }

    /// Moments of the trace up to the last one with a request or an open connection: the end of a program closes all
    /// that is open, and is no cure.
    pub fn moments(&self) -> impl Iterator<Item = &Moment> {
        let moments = &self.history().moments;
        let most = moments.iter().rposition(|moment| moment.open != 0);
        moments.iter().take(most.map_or(0, |last| last + 1))
    }

    /// True if a figure reaches a threshold.
    pub fn reached(&self, figure: f64, threshold: &Threshold) -> bool {
        threshold.reached(figure, self.was_found)
    }

    /// True if a figure is below a threshold.
    pub fn undercut(&self, figure: f64, threshold: &Threshold) -> bool {
        threshold.undercut(figure, self.was_found)
    }

    /// Refuses to judge with fewer things than the rule needs.
    pub fn needs(&self, count: u64, least: &Threshold) -> Result<(), NotEvaluated> {
        if count as f64 >= least.value {
            return Ok(());
        }
        Err(NotEvaluated::Few {
            count,
            name: least.name,
            least: least.value as u64,
        })
    }

    /// Refuses to judge with fewer requests than the rule needs.
    pub fn needs_requests(&self, least: &Threshold) -> Result<(), NotEvaluated> {
        let http2 = self.group.http2.source.none;
        let count = self.group.requests.count;
        if http2 != 0 && (count as f64) < least.value {
            return Err(NotEvaluated::Http2 {
                count,
                connections: http2,
                least: least.value as u64,
            });
        }
        self.needs(count, least)
    }

    /// Connections that were opened although another could have served. For all and for a process it comes from the
    /// hosts, since each host needs a connection of its own.
    pub fn avoidable(&self) -> u64 {
        match self.subject {
            Subject::All => self.sums.avoidable,
            Subject::Process(_) => avoidable(self.group).min(self.sums.avoidable),
            Subject::Host(host) if !host.via.proxies.is_empty() => 0,
            Subject::Host(_) | Subject::Proxy(_) => avoidable(self.group),
        }
    }

    /// Full handshakes that a session could have shortened.
    pub fn avoidable_handshakes(&self) -> u64 {
        match self.subject {
            Subject::All => self.sums.avoidable_handshakes,
            Subject::Process(_) => {
                avoidable_handshakes(self.group).min(self.sums.avoidable_handshakes)
            }
            Subject::Host(_) | Subject::Proxy(_) => avoidable_handshakes(self.group),
        }
    }

    /// Share of requests on a connection that had carried one before.
    pub fn reuse_ratio(&self) -> f64 {
        self.group.requests.reuse_ratio().unwrap_or(1.0)
    }

    /// Time that it takes to make a connection ready for a request: connect and handshake, ns.
    pub fn opening_ns(&self) -> f64 {
        let phases = &self.group.phases;
        let handshakes = phases.tls.count() + phases.tls_resumed.count();
        let tls_ns = phases.tls.sum_ns() + phases.tls_resumed.sum_ns();
        let tls_each_ns = tls_ns / handshakes.max(1) as f64;
        let share = handshakes as f64 / self.group.connections.established.max(1) as f64;
        mean_ns(&phases.connect) + tls_each_ns * share.min(1.0)
    }

    /// Round trip, ns: the median of connects, or 0 without any.
    pub fn round_trip_ns(&self) -> f64 {
        median_ns(&self.group.phases.connect)
    }

    /// Connections that ended.
    pub fn closed(&self) -> u64 {
        self.group.connections.closed_by.total()
    }

    /// Connections that the server ended.
    pub fn closed_by_server(&self) -> u64 {
        let by = &self.group.connections.closed_by;
        by.server + by.server_reset
    }

    /// Connections that the client ended.
    pub fn closed_by_client(&self) -> u64 {
        let by = &self.group.connections.closed_by;
        by.client + by.client_reset
    }
}

/// Mean of a phase, ns; 0 without samples.
pub fn mean_ns(latency: &Latency) -> f64 {
    latency.sum_ns() / latency.count().max(1) as f64
}

/// Median of a phase, ns; 0 without samples.
pub fn median_ns(latency: &Latency) -> f64 {
    latency.quantile(0.5).unwrap_or(0) as f64
}

/// Time in all that samples took beyond the quickest tenth of them, ns.
pub fn beyond_quickest_ns(latency: &Latency) -> f64 {
    let quickest_ns = latency.quantile(0.1).unwrap_or(0) as f64;
    let beyond = latency
        .bars()
        .map(|bar| (bar.low_ns as f64 - quickest_ns).max(0.0) * bar.count as f64);
    beyond.sum()
}

/// Part of a whole; 0 of nothing.
pub fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Text of a share, as in `97 %`.
pub fn percent(share: f64) -> String {
    super::threshold::Unit::Share.print(share)
}

/// Judgement that the fault is there.
pub fn found(fault: Fault) -> Judgement {
    Ok(Verdict::Found(Box::new(fault)))
}

/// Judgement that the fault is not there.
pub const CLEAR: Judgement = Ok(Verdict::Clear);

/// Share of the samples that are below a limit.
pub fn share_below(latency: &Latency, limit_ns: f64) -> f64 {
    let below = latency
        .bars()
        .take_while(|bar| (bar.high_ns as f64) < limit_ns);
    let count: u64 = below.map(|bar| bar.count).sum();
    share(count, latency.count())
}
