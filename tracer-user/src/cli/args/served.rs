//! Flags of what is served over HTTP while tracing.

use std::net::{Ipv4Addr, SocketAddr};

use clap::Args;

use crate::serve::metrics;

/// Flags of the metrics.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ServedArguments {
    /// Serve metrics for Prometheus at http://ADDR:PORT/metrics while tracing; a port alone is on 127.0.0.1.
    /// docs/user/prometheus.md
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub(crate) prometheus: Option<SocketAddr>,
    /// Hosts with series of their own in the metrics; the others share server_address="other".
    #[arg(long, hide_short_help = true, value_name = "N", default_value_t = metrics::HOSTS, requires = "prometheus", value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) metrics_hosts: u32,
}

/// Parses an address to listen on: `9464` and `:9464` are on loopback, any other one is given in full.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let named = text.strip_prefix("localhost:").map(str::parse::<u16>);
    if let Some(Ok(port)) = named {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| {
        format!(
            "expected ADDR:PORT or PORT, got `{text}`; type, for example: --prometheus 9464, or 0.0.0.0:9464 for all who reach this machine"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_in_full_leaves_the_machine() {
        for (text, expected) in [
            ("9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
            ("localhost:9464", "127.0.0.1:9464"),
            ("[::1]:1", "[::1]:1"),
            ("0.0.0.0:9464", "0.0.0.0:9464"),
            ("[::]:9464", "[::]:9464"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", ":", "99999", "example.org:9464", "127.0.0.1", "*:9464"] {
            let error = address(text).unwrap_err();
            assert!(error.contains(&format!("got `{text}`")), "{error}");
        }
    }
}
