//! Parsers of values that have a special form.

use std::{net::IpAddr, time::Duration};

use tracer_gate::{Gate, Subject};
use tracer_text::duration;

use tracer_core::host_filter::HostFilter;

use crate::trace::{child::quoted, playback::Speed};

/// Parses a duration from 20 ms to a minute: the interval of the screen's frames.
pub(crate) fn refresh(text: &str) -> Result<Duration, String> {
    let within = Duration::from_millis(20)..=Duration::from_secs(60);
    let refresh = duration::parse(text)?;
    match within.contains(&refresh) {
        true => Ok(refresh),
        false => Err("is not within 20ms and 60s".to_owned()),
    }
}

/// Parses a duration of a second or more: the period of exports.
pub(crate) fn period(text: &str) -> Result<Duration, String> {
    let period = duration::parse_positive(text)?;
    match period >= Duration::from_secs(1) {
        true => Ok(period),
        false => Err("is less than 1s".to_owned()),
    }
}

/// Ports of the services that people name.
const SERVICES: [(&str, u16); 6] = [
    ("http", 80),
    ("https", 443),
    ("dns", 53),
    ("domain", 53),
    ("http-alt", 8080),
    ("socks", 1080),
];

/// Parses a port.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    if let Some(port) = text.parse().ok().filter(|&port| port != 0) {
        return Ok(port);
    }
    let many: Vec<&str> = text.split([',', ' ']).filter(|it| !it.is_empty()).collect();
    if many.len() > 1 && many.iter().all(|one| port(one).is_ok()) {
        return Err(format!(
            "one port each; type: --port {}",
            many.join(" --port ")
        ));
    }
    let name = text.to_ascii_lowercase();
    match SERVICES.iter().find(|(known, _)| *known == name) {
        Some((_, port)) => Err(format!(
            "expected a number, got `{text}`; type: --port {port}"
        )),
        None => Err(format!(
            "expected a number from 1 to 65535, got `{text}`; type, for example: --port 443"
        )),
    }
}

/// Parses a share: a number above 0, up to 1.
pub(crate) fn ratio(text: &str) -> Result<f64, String> {
    let share = text.parse().ok();
    let share = share.filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| format!("expected a number above 0 and up to 1, got `{text}`"))
}

/// Parses a process id.
pub(crate) fn pid(text: &str) -> Result<u32, String> {
    if let Some(pid) = text.parse().ok().filter(|&pid| pid != 0) {
        return Ok(pid);
    }
    let many: Vec<&str> = text.split([',', ' ']).filter(|it| !it.is_empty()).collect();
    if many.len() > 1 && many.iter().all(|one| pid(one).is_ok()) {
        return Err(format!(
            "one process each; type: --pid {}",
            many.join(" --pid ")
        ));
    }
    let name = quoted(text);
    Err(format!(
        "expected a number, got `{text}`; type: --comm {name}, or --pid \"$(pgrep -n {name})\""
    ))
}

/// Checks a pattern of host names.
pub(crate) fn host(text: &str) -> Result<String, String> {
    let checked = HostFilter::parse(&[text.to_owned()]);
    checked.map_err(|error| error.to_string())?;
    Ok(text.to_owned())
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
    fn ports_and_processes() {
        #[track_caller]
        fn check<T: PartialEq + std::fmt::Debug>(
            got: Result<T, String>,
            expected: Result<T, &str>,
        ) {
            assert_eq!(got, expected.map_err(str::to_owned));
        }
        check(port("443"), Ok(443));
        check(
            port("HTTP"),
            Err("expected a number, got `HTTP`; type: --port 80"),
        );
        check(
            port("80, 443"),
            Err("one port each; type: --port 80 --port 443"),
        );
        check(pid("7"), Ok(7));
        check(pid("7,8"), Err("one process each; type: --pid 7 --pid 8"));
        for wrong in ["0", "65536", "-1", "", "80,"] {
            assert!(port(wrong).is_err(), "{wrong}");
        }
        for wrong in ["0", "-1", "", "4294967296"] {
            assert!(pid(wrong).is_err(), "{wrong}");
        }
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
