//! Numbers as short as they can be read: three digits and a unit.

/// `1.23ms`, `850ms`, `12.3s`, `2m05s`, `3h20m`: at most six columns.
pub(super) fn duration(ns: u64) -> String {
    let value = ns as f64;
    match ns {
        0..1_000 => format!("{ns}ns"),
        1_000..999_500 => format!("{}µs", digits(value / 1e3)),
        999_500..999_500_000 => format!("{}ms", digits(value / 1e6)),
        999_500_000..99_950_000_000 => format!("{}s", digits(value / 1e9)),
        _ => long(ns / 1_000_000_000),
    }
}

fn long(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..3_600 => format!("{minutes}m{:02}s", seconds % 60),
        3_600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// `9999`, `12.3k`, `4.56M`: at most five columns.
pub(super) fn count(value: u64) -> String {
    let exact = value as f64;
    match value {
        0..10_000 => value.to_string(),
        10_000..999_500 => format!("{}k", digits(exact / 1e3)),
        999_500..999_500_000 => format!("{}M", digits(exact / 1e6)),
        _ => format!("{}G", digits(exact / 1e9)),
    }
}

/// `512B`, `1.50kB`, `12.3MB`: powers of 1000.
pub(super) fn bytes(value: u64) -> String {
    match value {
        0..1_000 => format!("{value}B"),
        1_000..999_500 => format!("{}kB", digits(value as f64 / 1e3)),
        999_500..999_500_000 => format!("{}MB", digits(value as f64 / 1e6)),
        _ => format!("{}GB", digits(value as f64 / 1e9)),
    }
}

/// `83%`, `99.9%`: a share never rounds to all or nothing.
pub(super) fn share(ratio: f64) -> String {
    let percent = ratio * 100.0;
    match percent {
        p if p <= 0.0 => "0%".to_owned(),
        p if p < 0.1 => "<0.1%".to_owned(),
        p if (99.95..100.0).contains(&p) => "99.9%".to_owned(),
        p if p < 9.95 || (p > 99.0 && p < 100.0) => format!("{p:.1}%"),
        p => format!("{p:.0}%"),
    }
}

/// `00:01:23`
pub(super) fn clock(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A change in words: `+35%`, `-8%`, `x4.2`. None when it is less than half a percent.
pub(super) fn change(before: f64, now: f64) -> Option<String> {
    if before <= 0.0 {
        return None;
    }
    let ratio = now / before;
    match ratio {
        r if (r - 1.0).abs() < 0.005 => None,
        r if r >= 999.5 => Some(">x999".to_owned()),
        r if r >= 10.0 => Some(format!("x{r:.0}")),
        r if r >= 2.0 => Some(format!("x{r:.1}")),
        r => Some(format!("{:+.0}%", (r - 1.0) * 100.0)),
    }
}

/// Three digits.
fn digits(value: f64) -> String {
    match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        #[track_caller]
        fn check(ns: u64, expected: &str) {
            assert_eq!(duration(ns), expected);
        }
        check(0, "0ns");
        check(999, "999ns");
        check(1_500, "1.50µs");
        check(999_499, "999µs");
        check(999_500, "1.00ms");
        check(42_474_000, "42.5ms");
        check(850_000_000, "850ms");
        check(999_600_000, "1.00s");
        check(61_000_000_000, "61.0s");
        check(125_000_000_000, "2m05s");
        check(12_000_000_000_000, "3h20m");
        check(90_000_000_000_000, "1d01h");
    }

    #[test]
    fn widths_hold_for_any_number() {
        let mut value = 1u64;
        while let Some(next) = value.checked_mul(3) {
            for number in [value - 1, value, next - 1] {
                if number < 999_500_000_000 {
                    assert!(count(number).len() <= 5, "{}", count(number));
                }
                if number < 8_640_000_000_000_000 {
                    assert!(
                        duration(number).chars().count() <= 6,
                        "{}",
                        duration(number)
                    );
                }
            }
            value = next;
        }
    }

    #[test]
    fn shares_and_changes() {
        assert_eq!(
            [0.0, 0.0001, 0.054, 0.5, 0.9996, 1.0].map(share),
            ["0%", "<0.1%", "5.4%", "50%", "99.9%", "100%"]
        );
        assert_eq!(change(100.0, 135.0).as_deref(), Some("+35%"));
        assert_eq!(change(100.0, 420.0).as_deref(), Some("x4.2"));
        assert_eq!(change(100.0, 100.2), None);
        assert_eq!(change(0.0, 5.0), None);
        assert_eq!(clock(3_661_000_000_000), "01:01:01");
        assert_eq!(
            (count(12_345).as_str(), bytes(1_500).as_str()),
            ("12.3k", "1.50kB")
        );
    }
}
