//! How figures went over time: one point a second. When the memory for them is full, two neighbours become
//! one and the interval doubles, so that a trace of any length is covered from its beginning.

use std::sync::Arc;

use crate::{group::Group, phase::Phase};

/// Interval between points at first, ns.
pub const FIRST_INTERVAL_NS: u64 = 1_000_000_000;
/// A point may end so much before its time, ns.
const EARLY_NS: u64 = FIRST_INTERVAL_NS / 4;
/// Points kept at most.
const MAX_POINTS: usize = 3600;

/// What happened within one interval, and what was open at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Point {
    /// Records received.
    pub events: u64,
    /// Requests counted.
    pub requests: u64,
    /// Connects that began.
    pub connections_opened: u64,
    /// Traced connections in TIME_WAIT, at the end.
    pub time_wait: u64,
    /// Open connections, at the end.
    pub open: u64,
    /// 99th percentile of each of [`Phase::SAMPLED`] within the interval, ns; None when it had no sample. Where
    /// points were joined, the larger one, which theirs together does not exceed.
    pub p99_ns: [Option<u64>; Phase::SAMPLED.len()],
}

impl Point {
    /// 99th percentile of a phase, ns; None when it had no sample, or is not one of [`Phase::SAMPLED`].
    pub fn p99(&self, phase: Phase) -> Option<u64> {
        self.p99_ns[place(phase)?]
    }

    /// Copy of the point with another percentile of a phase.
    #[must_use]
    pub fn with_p99(mut self, phase: Phase, ns: u64) -> Self {
        if let Some(at) = place(phase) {
            self.p99_ns[at] = Some(ns);
        }
        self
    }

    fn join(self, later: Self) -> Self {
        Self {
            events: self.events + later.events,
            requests: self.requests + later.requests,
            connections_opened: self.connections_opened + later.connections_opened,
            time_wait: self.time_wait.max(later.time_wait),
            open: later.open,
            p99_ns: std::array::from_fn(|at| self.p99_ns[at].max(later.p99_ns[at])),
        }
    }
}

/// Place of a phase in a point.
fn place(phase: Phase) -> Option<usize> {
    Phase::SAMPLED.iter().position(|other| *other == phase)
}

/// Points from the beginning of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Between points, ns.
    pub interval_ns: u64,
    /// Oldest first.
    pub points: Vec<Point>,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            interval_ns: FIRST_INTERVAL_NS,
            points: Vec::new(),
        }
    }
}

/// State at the end of a point.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// All connections.
    pub totals: Arc<Group>,
    /// Records received.
    pub events: u64,
    /// Traced connections in TIME_WAIT.
    pub time_wait: u64,
}

/// Makes the points.
#[derive(Debug, Default)]
pub struct Sampler {
    series: Arc<Series>,
    last: State,
    due_ns: Option<u64>,
}

impl Sampler {
    /// A point ends at `now_ns`? Points follow the clock: a late call ends one, and those that passed
    /// meanwhile are empty. A call that is a little early counts, or the point would end with the next one, twice
    /// as long. The first call begins the first point.
    pub fn is_due(&mut self, now_ns: u64) -> bool {
        let first = now_ns.saturating_add(FIRST_INTERVAL_NS);
        let due_ns = *self.due_ns.get_or_insert(first);
        // Only a damaged recording has such times; no point ends after them.
        due_ns != u64::MAX && now_ns.saturating_add(EARLY_NS) >= due_ns
    }

    /// Ends all points that are due at `now_ns`. What happened since the last one belongs to the first.
    pub fn sample(&mut self, now_ns: u64, state: State) {
        if !self.is_due(now_ns) {
            return;
        }
        let mut point = self.point(&state);
        self.last = state;
        while self.is_due(now_ns) {
            Arc::make_mut(&mut self.series).push(point);
            self.due_ns = self
                .due_ns
                .map(|due| due.saturating_add(self.series.interval_ns));
            point = Point {
                time_wait: point.time_wait,
                open: point.open,
                ..Point::default()
            };
        }
    }

    fn point(&self, now: &State) -> Point {
        let (new, old) = (&now.totals, &self.last.totals);
        Point {
            events: now.events.saturating_sub(self.last.events),
            requests: new.requests.count.saturating_sub(old.requests.count),
            connections_opened: new
                .connections
                .opened
                .saturating_sub(old.connections.opened),
            time_wait: now.time_wait,
            open: new.connections.open_now,
            p99_ns: Phase::SAMPLED.map(|phase| {
                let window = new.phases.get(phase).since(old.phases.get(phase));
                window.quantile(0.99)
            }),
        }
    }

    /// The points so far.
    pub fn series(&self) -> Arc<Series> {
        Arc::clone(&self.series)
    }
}

impl Series {
    fn push(&mut self, point: Point) {
        self.points.push(point);
        if self.points.len() < MAX_POINTS {
            return;
        }
        self.points = self
            .points
            .chunks(2)
            .map(|pair| pair[1..].iter().fold(pair[0], |a, b| a.join(*b)))
            .collect();
        self.interval_ns *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(requests: u64, ttfb_ns: &[u64]) -> State {
        let mut group = Group::default();
        group.requests.count = requests;
        ttfb_ns.iter().for_each(|&ns| group.phases.ttfb.record(ns));
        State {
            totals: group.into(),
            events: requests,
            time_wait: 1,
        }
    }

    const S: u64 = FIRST_INTERVAL_NS;

    #[test]
    fn points_hold_what_happened_between_them() {
        let mut sampler = Sampler::default();
        sampler.sample(0, state(0, &[]));
        sampler.sample(S, state(3, &[5, 6, 7]));
        sampler.sample(S + 1, state(3, &[5, 6, 7]));
        sampler.sample(2 * S, state(4, &[5, 6, 7, 9]));
        let points = &sampler.series().points;
        let requests: Vec<u64> = points.iter().map(|point| point.requests).collect();
        assert_eq!(requests, [3, 1]);
        assert_eq!(points[1].p99(Phase::Ttfb), Some(9));
        assert_eq!(points[1].p99(Phase::Dns), None);
    }

    #[test]
    fn times_of_a_damaged_recording_end() {
        let mut sampler = Sampler::default();
        for now_ns in [u64::MAX, 0, S, u64::MAX - 1, u64::MAX] {
            sampler.sample(now_ns, state(1, &[]));
        }
        assert!(sampler.series().points.is_empty());
        let mut sampler = Sampler::default();
        for now_ns in [0, u64::MAX - 1, u64::MAX] {
            sampler.sample(now_ns, state(1, &[]));
        }
        assert!(sampler.series().points.len() < MAX_POINTS);
    }

    #[test]
    fn calls_around_their_time_end_a_point_each() {
        let mut sampler = Sampler::default();
        sampler.sample(0, state(0, &[]));
        for (at, early) in [(1, 1), (2, 0), (3, S / 5), (4, 0)] {
            sampler.sample(at * S - early, state(at, &[]));
            sampler.sample(at * S - early + 1, state(at, &[]));
        }
        let points = &sampler.series().points;
        let requests: Vec<u64> = points.iter().map(|point| point.requests).collect();
        assert_eq!(requests, [1, 1, 1, 1]);
    }

    #[test]
    fn a_late_call_leaves_empty_points() {
        let mut sampler = Sampler::default();
        sampler.sample(0, state(0, &[]));
        sampler.sample(3 * S, state(9, &[1]));
        let points = &sampler.series().points;
        let requests: Vec<u64> = points.iter().map(|point| point.requests).collect();
        assert_eq!((requests, points[2].time_wait), (vec![9, 0, 0], 1));
    }

    #[test]
    fn a_long_trace_is_covered_whole() {
        let mut sampler = Sampler::default();
        sampler.sample(0, state(0, &[]));
        let end = 2 * MAX_POINTS as u64;
        for second in 1..=end {
            sampler.sample(second * S, state(second, &[]));
        }
        let series = sampler.series();
        let requests: u64 = series.points.iter().map(|point| point.requests).sum();
        assert!(series.points.len() < MAX_POINTS && series.interval_ns > S);
        assert_eq!(series.points.len() as u64 * series.interval_ns, end * S);
        assert_eq!(requests, end);
    }
}
