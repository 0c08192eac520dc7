//! A histogram on a logarithmic scale, as wide as the screen: bins of equal ratio, a cursor, and a second
//! histogram to compare with.

use std::borrow::Cow;

use tracer_core::{latency::Latency, phase::Phase};
use tracer_text::number;

use super::look::{Look, Since, Subject};

/// Histogram that another one is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Against {
    /// No comparison.
    Nothing,
    /// A different phase of the same connections.
    Phase(Phase),
    /// The histogram's own phase before the mark.
    Before,
}

/// A bin of the plot.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in super::super) struct Bin {
    /// Lower end, ns.
    pub(in super::super) low_ns: f64,
    /// Upper end, ns.
    pub(in super::super) high_ns: f64,
    /// Samples.
    pub(in super::super) count: u64,
    /// Samples up to and including this bin.
    pub(in super::super) below: u64,
}

/// A histogram, in bins.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Curve {
    /// Name of what the histogram shows.
    pub(in super::super) name: String,
    /// Bins, ascending; as many as the plot is wide.
    pub(in super::super) bins: Vec<Bin>,
    /// Samples.
    pub(in super::super) total: u64,
    /// p50, p90, p99, ns.
    pub(in super::super) marks_ns: [u64; 3],
}

/// A histogram view.
#[derive(Debug, Clone)]
pub(in super::super) struct Plot {
    /// Owner of the figures.
    pub(in super::super) subject: Subject,
    /// Phase of the histogram.
    pub(in super::super) phase: Phase,
    /// Partner of the histogram.
    pub(in super::super) against: Against,
    /// Columns of the screen that a bin takes.
    pub(in super::super) bar: usize,
    /// The chosen bin.
    pub(in super::super) cursor: usize,
    /// Curves, one or two.
    pub(in super::super) curves: Vec<Curve>,
    /// Moment, origin, width and comparison that the curves were made for.
    made: Option<(u64, Option<Since>, u16, Against)>,
    touched: bool,
}

/// Phase that is worth comparing with each phase.
fn partner(phase: Phase) -> Option<Phase> {
    Some(match phase {
        Phase::Tls => Phase::TlsResumed,
        Phase::TlsResumed => Phase::Tls,
        Phase::TtfbFirst | Phase::Ttfb => Phase::TtfbReused,
        Phase::TtfbReused => Phase::TtfbFirst,
        Phase::Transfer => Phase::Pickup,
        Phase::Pickup => Phase::Transfer,
        _ => return None,
    })
}

impl Plot {
    /// A new view.
    pub(super) fn new(subject: Subject, phase: Phase) -> Self {
        Self {
            subject,
            phase,
            against: Against::Nothing,
            bar: 1,
            cursor: 0,
            curves: Vec::new(),
            made: None,
            touched: false,
        }
    }

    /// Selects the next histogram to compare with.
    pub(super) fn compare(&mut self, has_mark: bool) {
        let mut choices = vec![Against::Nothing];
        choices.extend(partner(self.phase).map(Against::Phase));
        if has_mark {
            choices.push(Against::Before);
        }
        let at = choices.iter().position(|choice| *choice == self.against);
        self.against = choices[(at.unwrap_or(0) + 1) % choices.len()];
    }

    /// Moves the cursor.
    pub(super) fn step(&mut self, by: isize) {
        let bins = self.curves.first().map_or(0, |curve| curve.bins.len());
        self.cursor = self
            .cursor
            .saturating_add_signed(by)
            .min(bins.saturating_sub(1));
        self.touched = true;
    }

    /// Makes the curves for a screen of this width, unless they are up to date.
    pub(super) fn arrange(&mut self, look: &Look<'_>, width: u16) {
        if !look.compares() && self.against == Against::Before {
            self.against = Against::Nothing;
        }
        let wanted = (look.moment.number, look.origin(), width, self.against);
        if self.made.replace(wanted) == Some(wanted) {
            return;
        }
        let named = self.histograms(look);
        let columns = usize::from(width.saturating_sub(2)).max(1);
        let most = named.iter().map(|(_, latency)| latency.count()).max();
        self.bar = columns.div_ceil(worthwhile(most.unwrap_or(0)).min(columns));
        let bins = columns / self.bar;
        let range = range(named.iter().map(|(_, latency)| &**latency));
        self.curves = named
            .into_iter()
            .map(|(name, latency)| Curve::of(name, &latency, range, bins))
            .collect();
        if !self.touched {
            self.cursor = self.curves.first().map_or(0, Curve::median_bin);
        }
        self.cursor = self.cursor.min(bins - 1);
    }

    fn histograms<'a>(&self, look: &Look<'a>) -> Vec<(String, Cow<'a, Latency>)> {
        let Some(pair) = look.subject(&self.subject) else {
            return Vec::new();
        };
        let of = |phase: Phase| {
            let since = match look.mark {
                None => String::new(),
                Some(_) if look.compares() => " since mark".to_owned(),
                Some(_) => format!(
                    " (last {})",
                    number::short_clock(look.span_ns() / 1_000_000_000)
                ),
            };
            let name = format!("{}{since}", phase.title());
            (name, pair.window(phase))
        };
        let mut all = vec![of(self.phase)];
        match self.against {
            Against::Nothing => {}
            Against::Phase(phase) => all.push(of(phase)),
            Against::Before => {
                let before = pair.before(self.phase);
                let name = format!("{} before mark", self.phase.title());
                all.extend(before.map(|latency| (name, Cow::Borrowed(latency))));
            }
        }
        all
    }
}

/// Number of bins for so many samples: with more bins the plot would show noise.
fn worthwhile(samples: u64) -> usize {
    ((samples as f64).cbrt() * 5.0) as usize + 8
}

/// Smallest and largest sample of all, ns, moved apart when they are equal.
fn range<'a>(all: impl Iterator<Item = &'a Latency>) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, 0.0f64);
    for latency in all {
        let mut bars = latency.bars();
        if let Some(first) = bars.next() {
            let last = bars.last().unwrap_or(first);
            low = low.min(first.low_ns as f64);
            high = high.max(last.high_ns as f64 + 1.0);
        }
    }
    let low = low.max(1.0);
    if high <= low {
        (1.0, 2.0)
    } else {
        (low, high.max(low * 1.02))
    }
}

impl Curve {
    fn of(name: String, latency: &Latency, (low, high): (f64, f64), bins: usize) -> Self {
        let step = (high / low).ln() / bins as f64;
        let edge = |at: usize| low * (step * at as f64).exp();
        let mut curve = Self {
            name,
            bins: (0..bins)
                .map(|at| Bin {
                    low_ns: edge(at),
                    high_ns: edge(at + 1),
                    ..Bin::default()
                })
                .collect(),
            total: latency.count(),
            marks_ns: latency.quantiles([0.5, 0.9, 0.99]).unwrap_or_default(),
        };
        for bar in latency.bars() {
            let middle = (bar.low_ns + bar.high_ns) as f64 / 2.0;
            let at = curve.bin_of(middle);
            curve.bins[at].count += bar.count;
        }
        let mut below = 0;
        for bin in &mut curve.bins {
            below += bin.count;
            bin.below = below;
        }
        curve
    }

    /// Index of the bin of a value; the nearest bin for a value outside.
    pub(in super::super) fn bin_of(&self, ns: f64) -> usize {
        let after = self.bins.partition_point(|bin| bin.low_ns <= ns);
        after
            .saturating_sub(1)
            .min(self.bins.len().saturating_sub(1))
    }

    fn median_bin(&self) -> usize {
        self.bin_of(self.marks_ns[0] as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_sample_is_in_its_bin(
            values in prop::collection::vec(0..1u64 << 42, 1..200),
            bins in 8usize..160,
        ) {
            let mut latency = Latency::default();
            values.iter().for_each(|&value| latency.record(value));
            let curve = Curve::of(String::new(), &latency, range([&latency].into_iter()), bins);
            let total: u64 = curve.bins.iter().map(|bin| bin.count).sum();
            prop_assert_eq!(total, values.len() as u64);
            prop_assert_eq!(curve.bins[bins - 1].below, total);
            for bar in latency.bars() {
                let middle = (bar.low_ns + bar.high_ns) as f64 / 2.0;
                let bin = curve.bins[curve.bin_of(middle)];
                prop_assert!(bin.low_ns <= middle.max(1.0) * 1.001 && middle <= bin.high_ns * 1.001);
                prop_assert!(bin.count > 0);
            }
        }
    }

    #[test]
    fn an_empty_one_has_bins_too() {
        let latency = Latency::default();
        let curve = Curve::of(String::new(), &latency, range([&latency].into_iter()), 10);
        assert_eq!((curve.bins.len(), curve.total), (10, 0));
    }
}
