//! Figures for showing, sorting and filtering: a value now, and its value before the mark.

use std::borrow::Cow;

use tracer_core::{
    cost::{Cost, Counts, SLOW_READ_NS, is_reuse_low},
    group::Group,
    latency::Latency,
    phase::Phase,
};
use tracer_text::number;

/// Unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Unit {
    /// Number of things.
    Count,
    /// Nanoseconds.
    Ns,
    /// Bytes.
    Bytes,
    /// A share of 1.
    Share,
    /// A number that is no quantity, such as an id.
    Number,
}

/// A number in a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Figure {
    /// Value of the figure; None when it is unknown.
    pub(in super::super) value: Option<f64>,
    /// Unit of the value.
    pub(in super::super) unit: Unit,
    /// Value before the mark, for the same length of time. None without a mark.
    pub(in super::super) before: Option<f64>,
    /// True if a larger value is worse.
    pub(in super::super) more_is_worse: bool,
    /// True if the value itself is bad, whatever it was before.
    pub(in super::super) is_bad: bool,
}

impl Figure {
    /// Figure without a value to compare it with.
    pub(in super::super) fn new(value: Option<f64>, unit: Unit) -> Self {
        Self {
            value,
            unit,
            before: None,
            more_is_worse: unit == Unit::Ns,
            is_bad: false,
        }
    }

    /// A number of things.
    pub(in super::super) fn count(value: u64) -> Self {
        Self::new(Some(value as f64), Unit::Count)
    }

    /// A number of things; None when it is unknown.
    pub(in super::super) fn count_if_known(value: Option<u64>) -> Self {
        Self::new(value.map(|count| count as f64), Unit::Count)
    }

    /// A time, ns.
    pub(in super::super) fn ns(value: Option<u64>) -> Self {
        Self::new(value.map(|ns| ns as f64), Unit::Ns)
    }

    /// Value as text; a dash when it is unknown.
    pub(in super::super) fn text(&self) -> String {
        let Some(value) = self.value else {
            return "-".to_owned();
        };
        match self.unit {
            Unit::Count => number::short_count(value as u64),
            Unit::Ns => number::short_time(value as u64),
            Unit::Bytes => number::short_bytes(value as u64),
            Unit::Share => number::share(value),
            Unit::Number => value.to_string(),
        }
    }

    fn worse_with_more(self, more_is_worse: bool) -> Self {
        Self {
            more_is_worse,
            ..self
        }
    }
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Value<'a> {
    /// Text as received: not escaped yet.
    Text(Cow<'a, str>),
    /// A number.
    Figure(Figure),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }
}

/// Figures of one set of connections, now and at the mark.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Pair<'a> {
    now: &'a Group,
    mark: Option<Mark<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Mark<'a> {
    group: &'a Group,
    /// Time since the mark, divided by the time before it; None if the two are not compared.
    scale: Option<f64>,
}

impl<'a> Pair<'a> {
    /// Figures since the beginning.
    pub(in super::super) fn whole(now: &'a Group) -> Self {
        Self { now, mark: None }
    }

    /// Figures since a mark, at which they were `before`. `scale` is the time since the mark, divided by the time before
    /// it; None if the two are not compared.
    pub(super) fn since(now: &'a Group, before: &'a Group, scale: Option<f64>) -> Self {
        let mark = Mark {
            group: before,
            scale,
        };
        Self {
            now,
            mark: Some(mark),
        }
    }

    /// The group that the figures are compared with, and the ratio of both times.
    fn compared(&self) -> Option<(&'a Group, f64)> {
        let mark = self.mark?;
        Some((mark.group, mark.scale?))
    }

    /// Figures since the beginning of the trace, with or without a mark.
    pub(in super::super) fn now(&self) -> &'a Group {
        self.now
    }

    /// The samples since the mark.
    pub(in super::super) fn window(&self, phase: Phase) -> Cow<'a, Latency> {
        let now = self.now.phases.get(phase);
        match self.mark {
            Some(mark) => Cow::Owned(now.since(mark.group.phases.get(phase))),
            None => Cow::Borrowed(now),
        }
    }

    /// The samples before the mark; None if nothing is compared with them.
    pub(in super::super) fn before(&self, phase: Phase) -> Option<&'a Latency> {
        self.compared().map(|(group, _)| group.phases.get(phase))
    }

    /// Count of events.
    pub(in super::super) fn count(&self, of: impl Fn(&Group) -> u64) -> Figure {
        let now = of(self.now);
        let Some(mark) = self.mark else {
            return Figure::count(now);
        };
        let before = of(mark.group);
        Figure {
            before: mark.scale.map(|scale| before as f64 * scale),
            ..Figure::count(now.saturating_sub(before))
        }
    }

    /// Count of failures: any is bad, and more of them is worse.
    pub(in super::super) fn failures(&self, of: impl Fn(&Group) -> u64) -> Figure {
        let figure = self.count(of).worse_with_more(true);
        let is_bad = figure.value.is_some_and(|count| count > 0.0);
        Figure { is_bad, ..figure }
    }

    /// Percentile of the waits of responses for the application: a slow one is bad.
    pub(in super::super) fn pickup(&self, share: f64) -> Figure {
        let figure = self.quantile(Phase::Pickup, share);
        let is_bad = figure.value.is_some_and(|ns| ns >= SLOW_READ_NS as f64);
        Figure { is_bad, ..figure }
    }

    /// Mean time of a request by its parts; `needless` counts the connections that were opened although their host had
    /// one, now and at the mark.
    pub(in super::super) fn cost(&self, needless: u64, needless_before: u64) -> Option<Cost> {
        let now = Counts::of(self.now, needless);
        let counts = match self.mark {
            Some(mark) => now.since(&Counts::of(mark.group, needless_before)),
            None => now,
        };
        Cost::new(counts, |phase| self.window(phase))
    }

    /// Count of things that exist at the moment.
    pub(in super::super) fn level(&self, of: impl Fn(&Group) -> u64) -> Figure {
        Figure {
            before: self.compared().map(|(group, _)| of(group) as f64),
            ..Figure::count(of(self.now))
        }
    }

    /// Percentile of a phase, given as a share of 1.
    pub(in super::super) fn quantile(&self, phase: Phase, share: f64) -> Figure {
        let before = self
            .before(phase)
            .and_then(|latency| latency.quantile(share));
        Figure {
            before: before.map(|ns| ns as f64),
            ..Figure::ns(self.window(phase).quantile(share))
        }
    }

    /// Share of requests on a connection that had already carried one.
    pub(in super::super) fn reuse(&self) -> Figure {
        let (all, fresh) = (
            self.count(|group| group.requests.count),
            self.count(|group| group.requests.connections),
        );
        let ratio = |all: Option<f64>, fresh: Option<f64>| match (all, fresh) {
            (Some(all), Some(fresh)) if all > 0.0 => Some((1.0 - fresh / all).max(0.0)),
            _ => None,
        };
        let value = ratio(all.value, fresh.value);
        let requests = all.value.unwrap_or(0.0) as u64;
        Figure {
            before: ratio(all.before, fresh.before),
            is_bad: value.is_some_and(|ratio| is_reuse_low(requests, ratio)),
            ..Figure::new(value, Unit::Share)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(requests: u64, ttfb_ns: &[u64]) -> Group {
        let mut group = Group::default();
        group.requests.count = requests;
        group.requests.connections = 1;
        ttfb_ns.iter().for_each(|&ns| group.phases.ttfb.record(ns));
        group
    }

    #[test]
    fn figures_since_a_mark() {
        let (before, now) = (
            group(10, &[5; 10]),
            group(40, &[5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 9]),
        );
        let pair = Pair::since(&now, &before, Some(2.0));
        let count = pair.count(|group| group.requests.count);
        assert_eq!((count.value, count.before), (Some(30.0), Some(20.0)));
        let median = pair.quantile(Phase::Ttfb, 0.5);
        assert_eq!((median.value, median.before), (Some(9.0), Some(5.0)));
        assert_eq!(pair.reuse().before, Some(0.9));
        let none = pair.quantile(Phase::Dns, 0.5);
        assert_eq!((none.value, none.before), (None, None));
    }

    #[test]
    fn figures_of_a_window_are_not_compared() {
        let (before, now) = (group(10, &[5; 10]), group(40, &[5, 9]));
        let pair = Pair::since(&now, &before, None);
        let count = pair.count(|group| group.requests.count);
        assert_eq!((count.value, count.before), (Some(30.0), None));
        let median = pair.quantile(Phase::Ttfb, 0.5);
        assert_eq!((median.value, median.before), (Some(9.0), None));
        assert_eq!(pair.reuse().before, None);
        assert_eq!(pair.level(|group| group.requests.count).value, Some(40.0));
        assert!(pair.before(Phase::Ttfb).is_none());
    }
}
