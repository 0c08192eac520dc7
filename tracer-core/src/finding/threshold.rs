//! Thresholds: the only numbers that decide whether something is a fault, each with its reason.

use tracer_text::number;

/// Unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Number of things.
    Count,
    /// Nanoseconds.
    Time,
    /// Share of a whole, 0 to 1.
    Share,
    /// Multiple of another figure.
    Times,
}

impl Unit {
    /// Text of a value.
    pub fn print(self, value: f64) -> String {
        match self {
            Self::Count => number::count(value.round().max(0.0) as u64),
            Self::Time => number::time(value),
            Self::Share if value < 0.1 => format!("{:.1} %", value * 100.0),
            Self::Share => format!("{:.0} %", value * 100.0),
            Self::Times => format!("{value:.1} x"),
        }
    }
}

/// Limit of a figure, beyond which a rule takes it for a sign of its fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Name of the figure; in the export with the unit at its end.
    pub name: &'static str,
    /// Value of the limit, ns for times.
    pub value: f64,
    /// Unit of the value.
    pub unit: Unit,
    /// Reason for the value.
    pub why: &'static str,
}

/// Share of a threshold within which a fault that was found is still found, so that it does not come and go with each
/// look: a figure has to get a fifth better than the limit.
const STAYS: f64 = 0.8;

impl Threshold {
    /// Limit of a number.
    pub const fn count(name: &'static str, value: u32, why: &'static str) -> Self {
        Self {
            name,
            value: value as f64,
            unit: Unit::Count,
            why,
        }
    }

    /// Limit of a time, ms.
    pub const fn ms(name: &'static str, value: u32, why: &'static str) -> Self {
        Self {
            name,
            value: value as f64 * 1e6,
            unit: Unit::Time,
            why,
        }
    }

    /// Limit of a share, percent.
    pub const fn percent(name: &'static str, value: f64, why: &'static str) -> Self {
        Self {
            name,
            value: value / 100.0,
            unit: Unit::Share,
            why,
        }
    }

    /// Limit of a multiple of another figure.
    pub const fn times(name: &'static str, value: f64, why: &'static str) -> Self {
        Self {
            name,
            value,
            unit: Unit::Times,
            why,
        }
    }

    /// True if a figure reaches the limit.
    pub fn reached(&self, figure: f64, was_found: bool) -> bool {
        figure >= self.value * if was_found { STAYS } else { 1.0 }
    }

    /// True if a figure is below the limit.
    pub fn undercut(&self, figure: f64, was_found: bool) -> bool {
        figure < self.value / if was_found { STAYS } else { 1.0 }
    }

    /// Text of the value.
    pub fn print(&self) -> String {
        self.unit.print(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_stays_found_a_little_longer() {
        let limit = Threshold::count("things", 100, "a round number");
        assert!(limit.reached(100.0, false) && !limit.reached(99.0, false));
        assert!(limit.reached(80.0, true) && !limit.reached(79.0, true));
        assert!(limit.undercut(99.0, false) && !limit.undercut(100.0, false));
        assert!(limit.undercut(124.0, true) && !limit.undercut(125.0, true));
    }

    #[test]
    fn texts() {
        assert_eq!(Threshold::ms("time", 200, "").print(), "200 ms");
        assert_eq!(Threshold::percent("share", 0.1, "").print(), "0.1 %");
        assert_eq!(Threshold::percent("share", 50.0, "").print(), "50 %");
        assert_eq!(Threshold::count("count", 5_000, "").print(), "5,000");
        assert_eq!(Threshold::times("times", 4.0, "").print(), "4.0 x");
    }
}
