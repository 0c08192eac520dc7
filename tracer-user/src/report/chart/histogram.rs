//! Histogram over a logarithmic axis of time.

use maud::{Markup, html};
use tracer_core::latency::Latency;
use tracer_text::number;

use super::{BOTTOM, LABELS, TOP, WIDTH, height, place, view_box};

/// Number of bars.
const BINS: usize = 64;
/// Least height of a bar, so that a single sample is seen.
const LEAST: f64 = 1.5;
/// Labels below the axis, at most.
const TICKS: i32 = 6;
/// Distance below which the names of two marks would overlap.
const NAME: f64 = 26.0;

/// Chart of one distribution, with an earlier one as a line over it. None without samples in either.
pub(in crate::report) fn histogram(
    label: &str,
    before: Option<&Latency>,
    now: Option<&Latency>,
) -> Option<Markup> {
    let axis = Axis::over([before, now])?;
    let empty = [0.0; BINS];
    let before_bins = before.map_or(empty, |it| axis.shares(it));
    let now_bins = now.map_or(empty, |it| axis.shares(it));
    let largest = before_bins
        .iter()
        .chain(&now_bins)
        .fold(0f64, |most, share| most.max(*share));
    let top = |share: f64| match share > 0.0 {
        true => height(share / largest).max(LEAST),
        false => 0.0,
    };
    let wide = WIDTH / BINS as f64;
    let bars = now_bins.into_iter().map(top).enumerate();
    Some(html! {
        svg.plot viewBox=(view_box()) role="img" aria-label=(label) {
            @for (at, tall) in bars.filter(|(_, tall)| *tall > 0.0) {
                rect.now x=(place(at as f64 * wide)) y=(place(BOTTOM - tall)) width=(place(wide - 0.4)) height=(place(tall)) {}
            }
            @if before.is_some() {
                path.before d=(outline(before_bins.map(top), wide)) {}
            }
            (marks(&axis, now))
            path.axis d=(format!("M 0 {BOTTOM} H {WIDTH}")) {}
            @for (at, class, text) in axis.ticks() {
                text class=(class) x=(place(at)) y=(LABELS) { (text) }
            }
        }
    })
}

/// Line along the tops of bars.
fn outline(tops: [f64; BINS], wide: f64) -> String {
    let mut path = format!("M 0 {BOTTOM}");
    for (at, tall) in tops.into_iter().enumerate() {
        let (y, end) = (place(BOTTOM - tall), place((at + 1) as f64 * wide));
        path += &format!(" V {y} H {end}");
    }
    path
}

/// Lines at the median and at the 99th percentile, with their names where there is room.
fn marks(axis: &Axis, latency: Option<&Latency>) -> Markup {
    let quantiles = latency.and_then(|it| it.quantiles([0.5, 0.99]));
    let Some([p50, p99]) = quantiles.map(|both| both.map(|ns| axis.at(ns))) else {
        return html! {};
    };
    let line = |at: f64| format!("M {} {TOP} V {BOTTOM}", place(at));
    let name_at = |at: f64| place(at.clamp(NAME, WIDTH - NAME));
    html! {
        path.mark d=(line(p50)) {}
        path.mark d=(line(p99)) {}
        @if p99 - p50 >= NAME {
            text.middle x=(name_at(p50)) y="10" { "p50" }
            text.middle x=(name_at(p99)) y="10" { "p99" }
        } @else {
            text.middle x=(name_at(p50.midpoint(p99))) y="10" { "p50, p99" }
        }
    }
}

/// Logarithmic axis between two powers of ten, ns.
struct Axis {
    low: i32,
    high: i32,
}

impl Axis {
    /// Axis on which all samples have a place; None without any.
    fn over(all: [Option<&Latency>; 2]) -> Option<Self> {
        let bars = all.into_iter().flatten().flat_map(Latency::bars);
        let (least, most) = bars.fold((u64::MAX, 0), |(least, most), bar| {
            (least.min(bar.low_ns), most.max(bar.high_ns))
        });
        if least > most {
            return None;
        }
        let low = logarithm(least).floor() as i32;
        let high = (logarithm(most).ceil() as i32).max(low + 1);
        Some(Self { low, high })
    }

    /// Part of the axis before a time, 0 to 1.
    fn part(&self, ns: u64) -> f64 {
        let whole = f64::from(self.high - self.low);
        ((logarithm(ns) - f64::from(self.low)) / whole).clamp(0.0, 1.0)
    }

    /// Place of a time.
    fn at(&self, ns: u64) -> f64 {
        self.part(ns) * WIDTH
    }

    /// Share of the samples in each bar.
    fn shares(&self, latency: &Latency) -> [f64; BINS] {
        let mut shares = [0.0; BINS];
        let total = latency.count().max(1) as f64;
        for bar in latency.bars() {
            let middle = bar.low_ns.midpoint(bar.high_ns);
            let at = (self.part(middle) * BINS as f64) as usize;
            shares[at.min(BINS - 1)] += bar.count as f64 / total;
        }
        shares
    }

    /// Labels: place, class and text.
    fn ticks(&self) -> Vec<(f64, &'static str, String)> {
        let step = ((self.high - self.low + TICKS - 1) / TICKS).max(1);
        let powers = (self.low..=self.high).step_by(step as usize);
        powers
            .map(|power| {
                let at = f64::from(power - self.low) / f64::from(self.high - self.low) * WIDTH;
                let class = match power {
                    power if power == self.low => "start",
                    power if power == self.high => "end",
                    _ => "middle",
                };
                (at, class, power_of_ten(power))
            })
            .collect()
    }
}

/// Text of a power of ten, ns: `10 µs`. The first of the axis stands for everything below, too.
fn power_of_ten(power: i32) -> String {
    let text = number::time(10f64.powi(power));
    text.replace(".00 ", " ").replace(".0 ", " ")
}

fn logarithm(ns: u64) -> f64 {
    (ns.max(1) as f64).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> Latency {
        let mut latency = Latency::default();
        values.iter().for_each(|ns| latency.record(*ns));
        latency
    }

    #[track_caller]
    fn check(values: &[u64], ticks: &[&str]) {
        let latency = of(values);
        let axis = Axis::over([None, Some(&latency)]).unwrap();
        let texts: Vec<String> = axis.ticks().into_iter().map(|it| it.2).collect();
        assert_eq!(texts, ticks);
        let all: f64 = axis.shares(&latency).iter().sum();
        assert!((all - 1.0).abs() < 1e-9, "{all}");
    }

    #[test]
    fn the_axis_has_room_for_all() {
        check(&[5_000_000], &["1 ms", "10 ms"]);
        check(&[0], &["1 ns", "10 ns"]);
        check(&[20_000, 3_000_000], &["10 µs", "100 µs", "1 ms", "10 ms"]);
        check(
            &[0, 2_000_000_000],
            &["1 ns", "100 ns", "10 µs", "1 ms", "100 ms", "10 s"],
        );
        assert!(Axis::over([None, Some(&Latency::default())]).is_none());
    }

    #[test]
    fn a_chart_needs_samples() {
        let (some, none) = (of(&[1_000, 2_000]), Latency::default());
        assert!(histogram("", Some(&none), None).is_none());
        let both = histogram("", Some(&some), Some(&none)).unwrap();
        let both = both.into_string();
        assert!(both.contains("class=\"before\"") && !both.contains("class=\"now\""));
    }
}
