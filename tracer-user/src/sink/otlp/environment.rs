//! Variables of the environment that OpenTelemetry has specified, as far as they matter here.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use tracer_otlp::resource::Given;

/// Name of the variable with the protocol.
pub(super) const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
/// Name of the variable with the file of certificates.
pub(super) const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
const COMPRESSION: &str = "OTEL_EXPORTER_OTLP_COMPRESSION";
const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const SERVICE: &str = "OTEL_SERVICE_NAME";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// Access to variables that are set and not empty.
pub(super) struct Environment<'e>(pub(super) &'e dyn Fn(&str) -> Option<String>);

impl Environment<'_> {
    /// Value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    /// Fields of the header of each request. Their values are secrets: errors do not show them.
    pub(super) fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let wrong = || format!("{HEADERS} is not a list of name=value with commas between");
        self.pairs(HEADERS)?
            .into_iter()
            .map(|(name, value)| {
                let name = HeaderName::try_from(name.to_ascii_lowercase());
                let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
                value.set_sensitive(true);
                Ok((name.map_err(|_| wrong())?, value))
            })
            .collect()
    }

    /// Time limit of an attempt.
    pub(super) fn timeout(&self) -> Result<Duration, String> {
        let given = self.milliseconds(TIMEOUT)?;
        Ok(given.unwrap_or(Duration::from_secs(10)))
    }

    /// Time between two reports.
    pub(super) fn interval(&self) -> Result<Duration, String> {
        let given = self.milliseconds(INTERVAL)?;
        Ok(given.unwrap_or(Duration::from_secs(60)))
    }

    /// True if messages are to be compressed.
    pub(super) fn gzip(&self) -> Result<bool, String> {
        match self.get(COMPRESSION).as_deref() {
            None | Some("gzip") => Ok(true),
            Some("none") => Ok(false),
            Some(other) => Err(format!("{COMPRESSION}={other} is neither gzip nor none")),
        }
    }

    /// Attributes of the resource.
    pub(super) fn given(&self) -> Result<Given, String> {
        let mut attributes: Vec<(String, String)> = Vec::new();
        for (key, value) in self.pairs(ATTRIBUTES)? {
            attributes.retain(|(known, _)| *known != key);
            attributes.push((key, value));
        }
        Ok(Given {
            service: self.get(SERVICE),
            attributes,
        })
    }

    fn milliseconds(&self, name: &str) -> Result<Option<Duration>, String> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(count) if count != 0 => Ok(Some(Duration::from_millis(count))),
            _ => Err(format!("{name}={text} is not a number of milliseconds")),
        }
    }

    /// Pairs of a list like `a=1,b=2`, whose values may be percent-encoded.
    fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, String> {
        let text = self.get(name).unwrap_or_default();
        let items = text.split(',').map(str::trim).filter(|it| !it.is_empty());
        items
            .map(|item| {
                let (key, value) = item.split_once('=')?;
                let decode = |text: &str| {
                    let text = percent_decode_str(text.trim()).decode_utf8().ok()?;
                    Some(text.into_owned())
                };
                let key = decode(key).filter(|key| !key.is_empty())?;
                Some((key, decode(value)?))
            })
            .collect::<Option<_>>()
            .ok_or_else(|| format!("{name} is not a list of name=value with commas between"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<R>(variables: &[(&str, &str)], read: impl FnOnce(&Environment<'_>) -> R) -> R {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        read(&Environment(&variable))
    }

    #[test]
    fn lists_have_encoded_values() {
        let text = "service.name=crawl%20er, team = search ,,team=later,x=a=b";
        let given = with(&[(ATTRIBUTES, text)], |it| it.given()).unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let expected = [
            pair("service.name", "crawl er"),
            pair("team", "later"),
            pair("x", "a=b"),
        ];
        assert_eq!(given.attributes, expected);
        assert_eq!(given.service, None);
        for wrong in ["team", "=x", "a=%ff"] {
            assert!(with(&[(ATTRIBUTES, wrong)], |it| it.given()).is_err());
        }
    }

    #[test]
    fn no_error_shows_a_header() {
        let headers = with(&[(HEADERS, "Api-Key=s%3Dcret")], |it| it.headers()).unwrap();
        assert_eq!(
            (headers[0].0.as_str(), headers[0].1.as_bytes()),
            ("api-key", &b"s=cret"[..])
        );
        assert!(!format!("{headers:?}").contains("cret"));
        for wrong in ["secret", "a b=secret", "a=%0asecret"] {
            let why = with(&[(HEADERS, wrong)], |it| it.headers()).unwrap_err();
            assert!(why.starts_with(HEADERS) && !why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn numbers_are_milliseconds() {
        let variables = [(TIMEOUT, "2500"), (INTERVAL, "x"), (COMPRESSION, "zstd")];
        with(&variables, |environment| {
            assert_eq!(environment.timeout(), Ok(Duration::from_millis(2500)));
            assert!(environment.interval().is_err() && environment.gzip().is_err());
        });
        with(&[], |environment| {
            assert_eq!(environment.interval(), Ok(Duration::from_secs(60)));
            assert_eq!(environment.gzip(), Ok(true));
        });
    }
}
