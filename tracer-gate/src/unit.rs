//! Units of figures, and of the numbers that they are compared with.

/// Unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Number of things.
    Count,
    /// Time, ns.
    Time,
    /// Share of 1.
    Share,
    /// Bytes.
    Bytes,
    /// Evidence of a finding, whose unit its name does not always tell.
    Any,
}

/// Units by their letters, what they measure, and their size.
const UNITS: [(&str, Unit, f64); 19] = [
    ("ns", Unit::Time, 1.0),
    ("us", Unit::Time, 1e3),
    ("µs", Unit::Time, 1e3),
    ("ms", Unit::Time, 1e6),
    ("s", Unit::Time, 1e9),
    ("m", Unit::Time, 60e9),
    ("h", Unit::Time, 3600e9),
    ("d", Unit::Time, 86_400e9),
    ("%", Unit::Share, 0.01),
    ("k", Unit::Count, 1e3),
    ("M", Unit::Count, 1e6),
    ("G", Unit::Count, 1e9),
    ("B", Unit::Bytes, 1.0),
    ("kB", Unit::Bytes, 1e3),
    ("MB", Unit::Bytes, 1e6),
    ("GB", Unit::Bytes, 1e9),
    ("KiB", Unit::Bytes, 1024.0),
    ("MiB", Unit::Bytes, 1_048_576.0),
    ("GiB", Unit::Bytes, 1_073_741_824.0),
];

impl Unit {
    /// Unit of the number with this key.
    pub(crate) fn of(key: &str) -> Self {
        if key.ends_with("_ns") {
            return Self::Time;
        }
        if key.ends_with("ratio") {
            return Self::Share;
        }
        match key.starts_with("bytes_") || key == "bytes" || key.ends_with("_bytes") {
            true => Self::Bytes,
            false => Self::Count,
        }
    }

    /// Converts a number with a unit into the unit of the figure; `None` when the two do not fit. Without letters the
    /// number has the unit of the figure.
    pub(crate) fn scale(self, number: f64, letters: &str) -> Option<f64> {
        if letters.is_empty() {
            return Some(number);
        }
        let (_, unit, size) = UNITS.iter().find(|(name, _, _)| *name == letters)?;
        let fits = match self {
            Self::Any => true,
            Self::Bytes => matches!(unit, Self::Bytes | Self::Count),
            _ => self == *unit,
        };
        fits.then_some(number * size)
    }

    /// Words for what a number of this unit may look like.
    pub(crate) fn form(self) -> &'static str {
        match self {
            Self::Count => "a count: write 5000 or 5k (k, M, G)",
            Self::Time => "a time: write 200ms (ns, us, ms, s, m, h, d; without a unit ns)",
            Self::Share => "a share of 1: write 0.9 or 90%",
            Self::Bytes => "a number of bytes: write 10MB or 10MiB",
            Self::Any => {
                "a number: write it with one of ns, us, ms, s, m, h, d, %, k, M, G, or none"
            }
        }
    }
}
