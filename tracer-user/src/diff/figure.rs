//! A figure: its unit, its text, and its change.

use tracer_text::number;

/// Unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A count.
    Count,
    /// Nanoseconds.
    Time,
    /// Per second.
    Rate,
    /// 0 to 1, printed as a percentage.
    Share,
    /// Things for each request.
    PerRequest,
    /// Nanoseconds for each request.
    TimePerRequest,
}

impl Unit {
    /// Name of the unit in the JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Time => "ns",
            Self::Rate => "per_second",
            Self::Share => "ratio",
            Self::PerRequest => "per_request",
            Self::TimePerRequest => "ns_per_request",
        }
    }

    /// Text of a value; a dash when it is unknown.
    pub(crate) fn print(self, value: Option<f64>) -> String {
        let Some(value) = value else {
            return "-".to_owned();
        };
        match self {
            Self::Count => format!("{value:.0}"),
            Self::Time | Self::TimePerRequest => number::time(value),
            Self::Rate if value < 100.0 => format!("{value:.1} /s"),
            Self::Rate => format!("{value:.0} /s"),
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::PerRequest if value < 0.1 => format!("{value:.3}"),
            Self::PerRequest => format!("{value:.2}"),
        }
    }
}

/// Change of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Change {
    /// The figure is unknown on one side or both.
    Unknown,
    /// Equal.
    Same,
    /// Growth from zero: a percentage of zero does not exist.
    FromZero,
    /// Growth relative to the first figure; negative when it shrank, never 0.
    By(f64),
}

impl Change {
    /// Change from `a` to `b`.
    pub(crate) fn of(a: Option<f64>, b: Option<f64>) -> Self {
        match (a, b) {
            (Some(a), Some(b)) if a == b => Self::Same,
            (Some(0.0), Some(_)) => Self::FromZero,
            (Some(a), Some(b)) => Self::By(b / a - 1.0),
            _ => Self::Unknown,
        }
    }

    /// Text of the change: `-91 %`, `x4.2` from ten times the first figure on, `=`, `new`, or a dash.
    pub(crate) fn print(self) -> String {
        match self {
            Self::Unknown => "-".to_owned(),
            Self::Same => "=".to_owned(),
            Self::FromZero => "new".to_owned(),
            Self::By(part) if part >= 9.0 => format!("x{:.0}", part + 1.0),
            Self::By(part) if part.abs() < 0.1 => format!("{:+.1} %", part * 100.0),
            // Not rounded to -100 %, because something is left.
            Self::By(part) if part > -1.0 && part < -0.99 => format!("{:+.1} %", part * 100.0),
            Self::By(part) => format!("{:+.0} %", part * 100.0),
        }
    }

    /// Relative change for the JSON; `None` if it does not exist.
    pub(crate) fn ratio(self) -> Option<f64> {
        match self {
            Self::Same => Some(0.0),
            Self::By(part) => Some(part),
            Self::Unknown | Self::FromZero => None,
        }
    }

    /// Direction of the change: up (1), down (-1), or 0 when it is at most `tolerance` of the first figure.
    pub(crate) fn direction(self, tolerance: f64) -> i8 {
        match self {
            Self::FromZero => 1,
            Self::By(part) if part > tolerance => 1,
            Self::By(part) if part < -tolerance => -1,
            _ => 0,
        }
    }
}
