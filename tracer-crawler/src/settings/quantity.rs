//! Values with a unit: times, sizes, rates.

use std::time::Duration;

use toml::Value as Toml;
use tracer_text::{duration, size};

use super::value::{Value, mismatch};

impl Value for Duration {
    const FORM: &'static str = "TIME";

    /// Parses a time as every command of tracer does; see [`duration::parse`].
    fn parse(text: &str) -> Result<Self, String> {
        duration::parse(text)
    }

    fn to_toml(&self) -> Toml {
        Toml::String(duration::write(*self))
    }

    /// A number without quotes is seconds, as a number without a unit is in text.
    fn from_toml(value: &Toml) -> Result<Self, String> {
        number_or_text(value)
    }
}

/// Reads a number without quotes as its text, and text as it is.
fn number_or_text<T: Value>(value: &Toml) -> Result<T, String> {
    match value {
        Toml::Integer(number) => T::parse(&number.to_string()),
        Toml::Float(number) => T::parse(&number.to_string()),
        Toml::String(text) => T::parse(text),
        other => Err(mismatch(T::FORM, other)),
    }
}

/// Number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// Size in whole kibibytes.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// Size in whole mebibytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// Size in whole gibibytes.
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// Size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Size in bytes, for the length of a buffer.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Value for ByteSize {
    const FORM: &'static str = "SIZE";

    /// Parses `4096`, `64KiB`, `1.5MiB` or `2GB`; see [`size::parse`].
    fn parse(text: &str) -> Result<Self, String> {
        size::parse(text).map(Self)
    }

    fn to_toml(&self) -> Toml {
        Toml::String(size::write(self.0))
    }

    fn from_toml(value: &Toml) -> Result<Self, String> {
        match value {
            Toml::Integer(bytes) => u64::try_from(*bytes)
                .map(Self)
                .map_err(|_| format!("expected a size of zero or more bytes, got {bytes}")),
            Toml::String(text) => Self::parse(text),
            other => Err(mismatch(Self::FORM, other)),
        }
    }
}

/// Number of events per second, more than zero.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PerSecond(f64);

impl PerSecond {
    /// Makes a rate; `None` unless finite and within 1e-6 to 1e9.
    pub fn new(per_second: f64) -> Option<Self> {
        (1e-6..=1e9)
            .contains(&per_second)
            .then_some(Self(per_second))
    }

    /// Makes a rate for a constant: `per_second` has to be within 1e-6 to 1e9.
    pub(super) const fn of(per_second: f64) -> Self {
        Self(per_second)
    }

    /// Number of events per second.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Time between two events.
    pub fn period(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.0)
    }
}

impl Value for PerSecond {
    const FORM: &'static str = "RATE";

    /// Parses `10`, `0.5`, `10/s`, `30/m` or `100/h`.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a rate above zero, as in 10, 2.5/s or 30/m, got `{text}`");
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        Self::new(number / seconds).ok_or_else(wrong)
    }

    fn to_toml(&self) -> Toml {
        Toml::Float(self.0)
    }

    fn from_toml(value: &Toml) -> Result<Self, String> {
        number_or_text(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check<T: Value + std::fmt::Debug>(text: &str, expected: Option<T>) {
        assert_eq!(T::parse(text).ok(), expected, "{text}");
    }

    #[test]
    fn times() {
        check("250ms", Some(Duration::from_millis(250)));
        check("1.5m", Some(Duration::from_secs(90)));
        check("0", Some(Duration::ZERO));
        check("0s", Some(Duration::ZERO));
        check("2d", Some(Duration::from_secs(172_800)));
        check("10", Some(Duration::from_secs(10)));
        check::<Duration>("-1s", None);
        check::<Duration>("1e3s", None);
        check::<Duration>("s", None);
        check::<Duration>("99999999999999999d", None);
    }

    #[test]
    fn sizes() {
        check("4096", Some(ByteSize(4096)));
        check("1.5 KiB", Some(ByteSize(1536)));
        check("2GB", Some(ByteSize(2_000_000_000)));
        check::<ByteSize>("1XB", None);
        check::<ByteSize>("-1", None);
        check::<ByteSize>("20000000TiB", None);
    }

    #[test]
    fn rates() {
        check("30/m", PerSecond::new(0.5));
        check("2.5", PerSecond::new(2.5));
        check::<PerSecond>("0", None);
        check::<PerSecond>("inf", None);
        check::<PerSecond>("NaN", None);
        check::<PerSecond>("1/y", None);
        assert_eq!(PerSecond::of(4.0).period(), Duration::from_millis(250));
    }

    proptest! {
        #[test]
        fn written_values_read_the_same(us in 0u64..1 << 50, bytes: u64, rate in 1e-6f64..1e9) {
            let bytes = bytes >> 1;
            let time = Duration::from_micros(us);
            prop_assert_eq!(Duration::from_toml(&time.to_toml()), Ok(time));
            prop_assert_eq!(Duration::parse(&time.to_text()), Ok(time));
            prop_assert_eq!(ByteSize::from_toml(&ByteSize(bytes).to_toml()), Ok(ByteSize(bytes)));
            let rate = PerSecond::of(rate);
            prop_assert_eq!(PerSecond::from_toml(&rate.to_toml()), Ok(rate));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
            let _ = (Duration::parse(&text), ByteSize::parse(&text), PerSecond::parse(&text));
        }
    }
}
