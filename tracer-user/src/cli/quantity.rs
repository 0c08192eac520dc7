//! Values with a form of their own.

use std::{net::IpAddr, time::Duration};

use crate::playback::Speed;

/// `500ms`, `10s`, `2m`, `1h`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => {
            return Err(format!(
                "unknown unit `{unit}`; use ms, s, m or h, as in 10s"
            ));
        }
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "expected a number and a unit, as in 10s".to_owned())?;
    Duration::try_from_secs_f64(number * seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "must be more than zero and finite".to_owned())
}

/// A [`duration`] from 20 ms to a minute: how often a screen may change.
pub(crate) fn refresh(text: &str) -> Result<Duration, String> {
    let within = Duration::from_millis(20)..=Duration::from_secs(60);
    let refresh = duration(text)?;
    match within.contains(&refresh) {
        true => Ok(refresh),
        false => Err("is not within 20ms and 60s".to_owned()),
    }
}

/// An address range: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CidrRange {
    /// Any address of the range.
    pub(crate) address: IpAddr,
    /// Leading bits that count.
    pub(crate) prefix: u8,
}

/// Parses a [`CidrRange`].
pub(crate) fn cidr(text: &str) -> Result<CidrRange, String> {
    let (address, prefix) = text
        .split_once('/')
        .map_or((text, None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address
        .parse()
        .map_err(|_| format!("`{address}` is no IP address; use 10.0.0.0/8 or fd00::/8"))?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => longest,
        Some(text) => text
            .parse()
            .ok()
            .filter(|&prefix| prefix <= longest)
            .ok_or_else(|| format!("prefix `{text}` is not within 0 to {longest}"))?,
    };
    Ok(CidrRange { address, prefix })
}

impl std::fmt::Display for CidrRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// `1`, `0.5`, `10x` or `max`.
pub(crate) fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.strip_suffix('x').unwrap_or(text).parse::<f64>() {
        Ok(times) if times.is_finite() && times >= 0.001 => Ok(Speed::Times(times)),
        _ => Err("expected a number of 0.001 or more, such as 2 or 0.5, or max".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        #[track_caller]
        fn check(text: &str, expected: Option<u64>) {
            assert_eq!(
                duration(text).ok(),
                expected.map(Duration::from_millis),
                "{text}"
            );
        }
        check("500ms", Some(500));
        check("10s", Some(10_000));
        check("1.5s", Some(1500));
        check("2m", Some(120_000));
        check("1h", Some(3_600_000));
        check("3", Some(3000));
        check("0s", None);
        check("10 s", None);
        check("s", None);
        check("-1s", None);
        check("1d", None);
    }

    #[test]
    fn ranges() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            assert_eq!(
                cidr(text).ok().map(|range| range.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
        check("10.0.0.0/8", Some("10.0.0.0/8"));
        check("127.0.0.1", Some("127.0.0.1/32"));
        check("::1", Some("::1/128"));
        check("10.0.0.0/33", None);
        check("fd00::/129", None);
        check("localhost", None);
        check("10.0.0.0/", None);
    }
}
