//! Settings of the sink: flags and variables of the environment, checked before anything is traced.

use std::{sync::Arc, time::Duration};

use hyper::header::{HeaderName, HeaderValue};
use rustls::ClientConfig;
use tracer_otlp::resource::Given;
use url::Url;

use super::{
    environment::{CERTIFICATE, Environment, PROTOCOL},
    tls,
};

/// Protocol that messages are sent by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Protocol buffers over HTTP.
    Http,
    /// gRPC.
    Grpc,
}

impl Protocol {
    /// Name of the protocol below it, for TLS.
    fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http => b"http/1.1",
            Self::Grpc => b"h2",
        }
    }
}

/// Address of the collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// URL without paths of signals, with a slash at its end.
    pub(super) url: Url,
    /// Host without the brackets of an IPv6 address.
    pub(super) host: String,
    /// Port.
    pub(super) port: u16,
    /// True if the connection is encrypted.
    pub(super) is_tls: bool,
}

/// Settings of the sink.
#[derive(Debug)]
pub(crate) struct OtlpSettings {
    /// Protocol.
    pub(super) protocol: Protocol,
    /// Address of the collector.
    pub(super) endpoint: Endpoint,
    /// Fields of the header of each request.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Compress messages.
    pub(super) gzip: bool,
    /// Time limit of an attempt.
    pub(super) timeout: Duration,
    /// Time between two reports.
    pub(crate) interval: Duration,
    /// Limit of the hosts with a name.
    pub(super) hosts: usize,
    /// Attributes of the resource.
    pub(super) given: Given,
    /// Configuration of TLS; None for a connection in clear.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// Flags of the sink.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flags<'f> {
    /// `--otlp`
    pub(crate) url: &'f str,
    /// `--otlp-protocol`
    pub(crate) protocol: Option<Protocol>,
    /// `--interval`
    pub(crate) interval: Option<Duration>,
    /// `--metrics-hosts`
    pub(crate) hosts: usize,
}

impl OtlpSettings {
    /// Settings of flags, and of variables where a flag is not given. The error is one line for the user.
    pub(crate) fn validate(
        flags: Flags<'_>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let environment = Environment(variable);
        let endpoint = Endpoint::parse(flags.url)?;
        let protocol = match flags.protocol {
            Some(given) => given,
            None => protocol(environment.get(PROTOCOL).as_deref())?,
        };
        let tls = endpoint.is_tls.then(|| {
            let file = environment.get(CERTIFICATE);
            tls::config(protocol.alpn(), file.as_deref().map(AsRef::as_ref))
        });
        Ok(Self {
            protocol,
            endpoint,
            headers: environment.headers()?,
            gzip: environment.gzip()?,
            timeout: environment.timeout()?,
            interval: match flags.interval {
                Some(given) => given,
                None => environment.interval()?,
            },
            hosts: flags.hosts,
            given: environment.given()?,
            tls: tls.transpose()?,
        })
    }
}

impl Endpoint {
    fn parse(text: &str) -> Result<Self, String> {
        let example = "type, for example, --otlp http://localhost:4318";
        let mut url = Url::parse(text)
            .map_err(|error| format!("--otlp {text} is no URL ({error}); {example}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "--otlp {text} begins with neither http:// nor https://; {example}"
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let text =
                "--otlp takes no user and password; put them into OTEL_EXPORTER_OTLP_HEADERS";
            return Err(text.to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("--otlp {text} has more than a path; {example}"));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self {
            host,
            port: url.port_or_known_default().unwrap_or_default(),
            is_tls: url.scheme() == "https",
            url,
        })
    }
}

fn protocol(variable: Option<&str>) -> Result<Protocol, String> {
    match variable {
        None | Some("http/protobuf") => Ok(Protocol::Http),
        Some("grpc") => Ok(Protocol::Grpc),
        Some(other) => Err(format!(
            "{PROTOCOL}={other} is neither http/protobuf nor grpc"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<Endpoint, String> {
        Endpoint::parse(url)
    }

    #[test]
    fn an_endpoint_is_a_url() {
        let shown = |url: &str| {
            let endpoint = of(url).unwrap();
            (
                endpoint.url.to_string(),
                endpoint.host,
                endpoint.port,
                endpoint.is_tls,
            )
        };
        let plain = (
            "http://host:4318/".to_owned(),
            "host".to_owned(),
            4318,
            false,
        );
        assert_eq!(shown("http://host:4318"), plain);
        let deep = (
            "https://a.example/otlp/".to_owned(),
            "a.example".to_owned(),
            443,
            true,
        );
        assert_eq!(shown("https://a.example/otlp"), deep);
        let address = (
            "http://[::1]:4317/".to_owned(),
            "::1".to_owned(),
            4317,
            false,
        );
        assert_eq!(shown("http://[::1]:4317"), address);
    }

    #[test]
    fn wrong_ones_are_refused() {
        for wrong in [
            "host",
            "host:4318",
            "ftp://host",
            "http://a/?b",
            "http://u:secret@host",
        ] {
            let why = of(wrong).unwrap_err();
            assert!(
                why.starts_with("--otlp") && !why.contains("secret"),
                "{why}"
            );
        }
    }

    #[test]
    fn flags_come_before_variables() {
        let variable = |name: &str| match name {
            PROTOCOL => Some("grpc".to_owned()),
            "OTEL_METRIC_EXPORT_INTERVAL" => Some("5000".to_owned()),
            _ => None,
        };
        let flags = Flags {
            url: "http://host:4318",
            protocol: None,
            interval: None,
            hosts: 5,
        };
        let settings = OtlpSettings::validate(flags, &variable).unwrap();
        assert_eq!(settings.protocol, Protocol::Grpc);
        assert_eq!(settings.interval, Duration::from_secs(5));
        let flags = Flags {
            protocol: Some(Protocol::Http),
            interval: Some(Duration::from_secs(1)),
            ..flags
        };
        let settings = OtlpSettings::validate(flags, &variable).unwrap();
        assert_eq!(settings.protocol, Protocol::Http);
        assert_eq!(settings.interval, Duration::from_secs(1));
    }
}
