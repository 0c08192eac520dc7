//! Numbers as people read them: three digits and a unit.
//!
//! Tables of text have a space before the unit and the screen, where columns are narrow, has none: [`time`] and
//! [`short_time`]. Both round alike.

/// A time in ns: `999 ns`, `1.23 ms`, `850 ms`, `61.0 s`.
pub fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => return format!("{ns:.0} ns"),
        ns if ns < 999.5e3 => (ns / 1e3, "µs"),
        ns if ns < 999.5e6 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    format!("{} {unit}", digits(value))
}

/// A time in ns in at most six columns: `1.23ms`, `850ms`, `12.3s`, `2m05s`, `3h20m`.
pub fn short_time(ns: u64) -> String {
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

/// A count in at most five columns: `9999`, `12.3k`, `4.56M`.
pub fn short_count(value: u64) -> String {
    let exact = value as f64;
    match value {
        0..10_000 => value.to_string(),
        10_000..999_500 => format!("{}k", digits(exact / 1e3)),
        999_500..999_500_000 => format!("{}M", digits(exact / 1e6)),
        _ => format!("{}G", digits(exact / 1e9)),
    }
}

/// A count with all its digits: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in powers of 1000, at most six columns: `512B`, `1.50kB`, `12.3MB`.
pub fn short_bytes(value: u64) -> String {
    match value {
        0..1_000 => format!("{value}B"),
        1_000..999_500 => format!("{}kB", digits(value as f64 / 1e3)),
        999_500..999_500_000 => format!("{}MB", digits(value as f64 / 1e6)),
        _ => format!("{}GB", digits(value as f64 / 1e9)),
    }
}

/// Bytes in powers of 1024: `1023 B`, `12.3 MiB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut scaled = value as f64 / 1024.0;
    let mut unit = 0;
    while scaled >= 1023.95 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

/// A share of 1 as a percentage that never rounds to all or nothing: `83%`, `99.9%`, `<0.1%`.
pub fn share(ratio: f64) -> String {
    let percent = ratio * 100.0;
    match percent {
        p if p <= 0.0 => "0%".to_owned(),
        p if p < 0.1 => "<0.1%".to_owned(),
        p if (99.95..100.0).contains(&p) => "99.9%".to_owned(),
        p if p < 9.95 || (p > 99.0 && p < 100.0) => format!("{p:.1}%"),
        p => format!("{p:.0}%"),
    }
}

/// A running clock, in seconds: `00:01:23`.
pub fn clock(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// A running clock without leading zeros, in seconds: `0:07`, `12:34`, `1:02:03`.
pub fn short_clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A change between two figures: `+35%`, `-8%`, `x4.2`. `None` when it is less than half a percent or begins at zero.
pub fn change(before: f64, now: f64) -> Option<String> {
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

/// Three significant digits of a value below 1000.
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
    fn times_have_three_digits_and_a_unit() {
        #[track_caller]
        fn check(ns: u64, long: &str, short: &str) {
            assert_eq!(
                (time(ns as f64).as_str(), short_time(ns).as_str()),
                (long, short)
            );
        }
        check(0, "0 ns", "0ns");
        check(999, "999 ns", "999ns");
        check(1_500, "1.50 µs", "1.50µs");
        check(9_996, "10.0 µs", "10.0µs");
        check(999_499, "999 µs", "999µs");
        check(999_500, "1.00 ms", "1.00ms");
        check(42_474_000, "42.5 ms", "42.5ms");
        check(850_000_000, "850 ms", "850ms");
        check(999_600_000, "1.00 s", "1.00s");
        check(61_000_000_000, "61.0 s", "61.0s");
        check(125_000_000_000, "125 s", "2m05s");
        check(12_000_000_000_000, "12000 s", "3h20m");
        check(90_000_000_000_000, "90000 s", "1d01h");
    }

    #[test]
    fn widths_hold_for_any_number() {
        let mut value = 1u64;
        while let Some(next) = value.checked_mul(3) {
            for number in [value - 1, value, next - 1] {
                if number < 999_500_000_000 {
                    assert!(short_count(number).len() <= 5, "{}", short_count(number));
                }
                if number < 8_640_000_000_000_000 {
                    let text = short_time(number);
                    assert!(text.chars().count() <= 6, "{text}");
                }
            }
            value = next;
        }
    }

    #[test]
    fn counts_and_bytes() {
        assert_eq!(
            [count(0), count(999), count(1000), count(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [bytes(1023), bytes(1024), bytes(1_048_575), bytes(u64::MAX)],
            ["1023 B", "1.0 KiB", "1.0 MiB", "16384.0 PiB"]
        );
        assert_eq!(
            [short_count(12_345), short_bytes(1_500)],
            ["12.3k", "1.50kB"]
        );
    }

    #[test]
    fn shares_changes_and_clocks() {
        assert_eq!(
            [0.0, 0.0001, 0.054, 0.5, 0.9996, 1.0].map(share),
            ["0%", "<0.1%", "5.4%", "50%", "99.9%", "100%"]
        );
        assert_eq!(change(100.0, 135.0).as_deref(), Some("+35%"));
        assert_eq!(change(100.0, 420.0).as_deref(), Some("x4.2"));
        assert_eq!(change(100.0, 100.2), None);
        assert_eq!(change(0.0, 5.0), None);
        assert_eq!(clock(3661), "01:01:01");
        assert_eq!(
            [7, 754, 3723].map(short_clock),
            ["0:07", "12:34", "1:02:03"]
        );
    }
}
