//! Parsers of values that have a special form.

use std::{net::IpAddr, time::Duration};

use tracer_gate::{Gate, Subject};
use tracer_text::duration;

use crate::trace::playback::Speed;

/// Parses a duration from 20 ms to a minute: the interval of the screen's frames.
pub(crate) fn refresh(text: &str) -> Result<Duration, String> {
    let within = Duration::from_millis(20)..=Duration::from_secs(60);
    let refresh = duration::parse(text)?;
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
    /// Number of leading bits that are compared.
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

/// Parses a speed: `1`, `0.5`, `10x` or `max`.
pub(crate) fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.strip_suffix('x').unwrap_or(text).parse::<f64>() {
        Ok(times) if times.is_finite() && times >= 0.001 => Ok(Speed::Times(times)),
        _ => Err("expected a number of 0.001 or more, such as 2 or 0.5, or max".into()),
    }
}

/// Parses an expression over one export.
pub(crate) fn gate(text: &str) -> Result<Gate, String> {
    Gate::parse(text, Subject::Export).map_err(|fault| fault.to_string())
}

/// Parses an expression over two exports.
pub(crate) fn gate_of_diff(text: &str) -> Result<Gate, String> {
    Gate::parse(text, Subject::Diff).map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

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
