//! Durations on command lines, in configuration files and in environment variables.

use std::time::Duration;

use crate::scaled::{scaled, split_unit};

/// Units and what they are in ns, the longest first.
const UNITS: [(&str, u64); 8] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// Reads `250ms`, `10s`, `1.5m`, `2h`, `1d`; a number without a unit is seconds. The units are ns, us (or µs), ms, s, m,
/// h and d; the resolution is 1 ns, the longest is 292 years.
///
/// The error names the form and what was given.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "expected a time such as 250ms, 10s, 1.5h or 2d (units us, ms, s, m, h, d; without a unit seconds), got `{text}`"
        )
    };
    let (number, unit) = split_unit(text);
    let unit = if unit.is_empty() { "s" } else { unit };
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let (_, factor_ns) = unit.ok_or_else(wrong)?;
    scaled(number, *factor_ns)
        .map(Duration::from_nanos)
        .ok_or_else(wrong)
}

/// Reads a duration that is not zero, for timeouts and intervals.
pub fn parse_positive(text: &str) -> Result<Duration, String> {
    let duration = parse(text)?;
    match duration.is_zero() {
        true => Err("expected more than zero, as in 10s".to_owned()),
        false => Ok(duration),
    }
}

/// Writes a duration in the longest unit that leaves a whole number: `90s` is `90s`, `120s` is `2m`. [`parse`] reads it
/// back to the same duration. What lies beyond 584 years is cut off.
pub fn write(duration: Duration) -> String {
    let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let fits = |(_, factor): &&(&str, u64)| ns.is_multiple_of(*factor) && ns >= *factor;
    let (name, factor) = UNITS.iter().find(fits).unwrap_or(&("s", 1_000_000_000));
    format!("{}{name}", ns / factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form() {
        #[track_caller]
        fn check(text: &str, expected_us: Option<u64>) {
            assert_eq!(
                parse(text).ok(),
                expected_us.map(Duration::from_micros),
                "{text}"
            );
        }
        check("250us", Some(250));
        check("250µs", Some(250));
        check("250ms", Some(250_000));
        check("10s", Some(10_000_000));
        check("10", Some(10_000_000));
        check("1.5", Some(1_500_000));
        check("1.5m", Some(90_000_000));
        check("1.5h", Some(5_400_000_000));
        check("2d", Some(172_800_000_000));
        check("10 s", Some(10_000_000));
        check("1_000ms", Some(1_000_000));
        check("0", Some(0));
        check("0s", Some(0));
        for wrong in [
            "", "s", "-1s", "1e3s", "1w", "1 h 5 m", "inf", "NaN", "1..5s",
        ] {
            check(wrong, None);
        }
        check("99999999999999999d", None);
    }

    #[test]
    fn zero_is_no_interval() {
        assert!(parse_positive("0s").is_err());
        assert_eq!(parse_positive("3"), Ok(Duration::from_secs(3)));
    }

    #[test]
    fn the_error_says_the_form() {
        let error = parse("10 minutes").unwrap_err();
        assert!(error.contains("250ms, 10s, 1.5h or 2d"), "{error}");
        assert!(error.contains("`10 minutes`"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(ns in 0u64..1 << 62) {
            let duration = Duration::from_nanos(ns);
            prop_assert_eq!(parse(&write(duration)), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
            let _ = parse(&text);
        }
    }
}
