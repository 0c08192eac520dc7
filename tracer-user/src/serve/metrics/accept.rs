//! Choice of the format that a client wants, by its Accept field (RFC 9110 12.5.1).

/// Format of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text of Prometheus, for people and old programs.
    Text,
    /// OpenMetrics, which Prometheus prefers.
    OpenMetrics,
    /// Protobuf of Prometheus, with native histograms too.
    Protobuf,
}

impl Format {
    /// Every format, in the order of preference among equals.
    pub(crate) const ALL: [Self; 3] = [Self::Protobuf, Self::OpenMetrics, Self::Text];

    /// Content-Type of the format.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// Format that a client likes best; text when it names none of them.
    pub(crate) fn wanted(accept: &str) -> Self {
        let weight = |format: &Self| {
            let weights = accept.split(',').filter_map(|range| format.weight(range));
            weights.max().unwrap_or(0)
        };
        let mut best = (0, Self::Text);
        for format in Self::ALL {
            if weight(&format) > best.0 {
                best = (weight(&format), format);
            }
        }
        best.1
    }

    /// Weight of the format, in thousandths, in one of the ranges that a client accepts; None if the range does not name
    /// it.
    fn weight(self, range: &str) -> Option<u32> {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let parameters = parts.filter_map(|part| part.split_once('='));
        let parameters: Vec<_> = parameters
            .map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
            .collect();
        let has = |key: &str, wanted: &str| {
            let mut given = parameters
                .iter()
                .filter(|(it, _)| it.eq_ignore_ascii_case(key));
            given.all(|(_, value)| *value == wanted)
        };
        let is_named = match self {
            Self::Text => name == "text/plain" && has("version", "0.0.4"),
            Self::OpenMetrics => name == "application/openmetrics-text" && has("version", "1.0.0"),
            Self::Protobuf => {
                name == "application/vnd.google.protobuf"
                    && has("proto", "io.prometheus.client.MetricFamily")
                    && has("encoding", "delimited")
            }
        };
        let weight = parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("q"));
        let weight = weight.map_or(Some(1.0), |(_, value)| value.parse().ok());
        is_named.then_some((weight? * 1000f64) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_they_ask_for() {
        for (accept, expected) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html, */*;q=0.8", Format::Text),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Format::Text),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            // Prometheus 2.42 with native histograms.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Protobuf,
            ),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf;encoding=text, text/plain;q=0.5",
                Format::Text,
            ),
            (
                "application/openmetrics-text;version=\"1.0.0\"",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text; q=0, text/plain",
                Format::Text,
            ),
        ] {
            assert_eq!(Format::wanted(accept), expected, "{accept}");
        }
    }
}
