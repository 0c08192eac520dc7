//! Straight lines through moments, for forecasts.

use super::history::Moment;

/// Straight line through the values of moments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Growth per second.
    pub per_second: f64,
    /// Share of the values' variance that the line explains, 0 to 1.
    pub fit: f64,
    /// Standard error of the growth, per second.
    pub error: f64,
}

/// Least number of moments for a trend.
pub const LEAST_MOMENTS: usize = 5;
/// Least fit of a trend that is clear.
pub const CLEAR_FIT: f64 = 0.9;

impl Trend {
    /// Line through (seconds, value) by least squares; None for too few points, or without any time between them.
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        if points.len() < LEAST_MOMENTS {
            return None;
        }
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            points
                .iter()
                .map(|point| of(point.0 - x, point.1 - y))
                .sum()
        };
        let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
        if xx <= 0.0 {
            return None;
        }
        let per_second = xy / xx;
        let rest = (yy - per_second * xy).max(0.0);
        let fit = if yy > 0.0 { 1.0 - rest / yy } else { 0.0 };
        Some(Self {
            per_second,
            fit,
            error: (rest / (count - 2.0) / xx).sqrt(),
        })
    }

    /// Line through a figure of moments.
    pub fn through<'m>(
        moments: impl Iterator<Item = &'m Moment>,
        figure: fn(&Moment) -> u64,
    ) -> Option<Self> {
        let points: Vec<(f64, f64)> = moments
            .map(|moment| (moment.at_ns as f64 / 1e9, figure(moment) as f64))
            .collect();
        Self::of(&points)
    }

    /// True if the figure grows, and evenly.
    pub fn grows(&self) -> bool {
        self.per_second > 0.0 && self.fit >= CLEAR_FIT
    }

    /// Seconds until the figure has grown by `room`: shortest and longest within two standard errors. None unless it
    /// grows evenly.
    pub fn seconds_until(&self, room: f64) -> Option<(f64, f64)> {
        let slowest = self.per_second - 2.0 * self.error;
        let fastest = self.per_second + 2.0 * self.error;
        (self.grows() && slowest > 0.0).then(|| (room / fastest, room / slowest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_growth_is_forecast() {
        let points: Vec<(f64, f64)> = (0..10)
            .map(|x| (f64::from(x), 3.0 + 2.0 * f64::from(x)))
            .collect();
        let trend = Trend::of(&points).unwrap();
        assert!((trend.per_second - 2.0).abs() < 1e-9 && trend.grows());
        let (least, most) = trend.seconds_until(100.0).unwrap();
        assert!((least - 50.0).abs() < 1e-6 && (most - 50.0).abs() < 1e-6);
    }

    #[test]
    fn noise_is_not() {
        let points: Vec<(f64, f64)> = (0..20)
            .map(|x| (f64::from(x), f64::from(x * 7 % 5)))
            .collect();
        let trend = Trend::of(&points).unwrap();
        assert!(!trend.grows() && trend.seconds_until(10.0).is_none());
    }

    #[test]
    fn too_little_is_nothing() {
        assert_eq!(Trend::of(&[(0.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(Trend::of(&[(1.0, 1.0); 9]), None);
    }
}
