//! Families of metrics: names as Prometheus spells them, made of the list of metrics by the rules of OpenTelemetry for
//! Prometheus.

use tracer_core::metric::{self, Figure, Label, METRICS, TRACE_METRICS};

use super::figures::{Columns, Source};

/// Metrics that each named host has values of. All others are of the whole trace: with them, each host would cost ten
/// times as many series.
const BY_HOST: [&str; 8] = [
    "http.client.request.duration",
    "tracer.requests",
    "tracer.requests.failed",
    "tracer.requests.aborted",
    "tracer.connections.opened",
    "tracer.connections.used",
    "tracer.connections.failed",
    "http.client.open_connections",
];

/// Type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
    /// Constant whose labels are its content.
    Info,
}

/// A family of metrics.
#[derive(Debug)]
pub(super) struct Family {
    /// Name without the end that a type demands.
    pub(super) name: String,
    pub(super) kind: Type,
    pub(super) unit: Option<&'static str>,
    pub(super) help: String,
}

impl Family {
    /// Makes a family that is not of the list: its name ends with its unit, if it has one.
    pub(super) fn new(
        name: &'static str,
        kind: Type,
        unit: Option<&'static str>,
        help: &'static str,
    ) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            unit,
            help: help.to_owned(),
        }
    }

    fn of(name: &str, unit: &str, kind: metric::Kind, help: &str) -> Self {
        let unit = match unit {
            "s" => Some("seconds"),
            "By" => Some("bytes"),
            _ => None,
        };
        let end = unit.map(|unit| format!("_{unit}")).unwrap_or_default();
        Self {
            name: underscored(name) + &end,
            kind: match kind {
                metric::Kind::Counter => Type::Counter,
                metric::Kind::UpDown => Type::Gauge,
                metric::Kind::Durations => Type::Histogram,
            },
            unit,
            help: help.to_owned(),
        }
    }

    /// Name of the family's samples, but for the parts of a histogram.
    pub(super) fn sample(&self) -> String {
        match self.kind {
            Type::Counter => format!("{}_total", self.name),
            Type::Info => format!("{}_info", self.name),
            Type::Gauge | Type::Histogram => self.name.clone(),
        }
    }
}

/// Labels of a sample, ready for both kinds of formats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Labels {
    /// Names and values.
    pub(super) pairs: Vec<(String, String)>,
    /// The same as text, with commas between.
    pub(super) text: String,
}

impl Labels {
    /// Makes labels. Those with an empty value are left out, as Prometheus does.
    pub(super) fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<(String, String)> = pairs
            .map(|(name, value)| (underscored(name), value.to_owned()))
            .collect();
        let texts = pairs.iter();
        let texts = texts.map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        let text = texts.collect::<Vec<_>>().join(",");
        Self { pairs, text }
    }

    fn constant(labels: &[Label]) -> Self {
        Self::new(labels.iter().copied())
    }
}

/// Values of a family: labels and the figure.
pub(super) type Rows = Vec<(Labels, Source)>;

/// Families of the list with their rows. Adds their figures to the columns.
pub(super) fn listed(columns: &mut Columns) -> Vec<(Family, Rows)> {
    let of_groups = METRICS.iter().map(|metric| {
        let by_host = BY_HOST.contains(&metric.name);
        let family = Family::of(metric.name, metric.unit, metric.kind, metric.description);
        let rows = metric.parts.iter().map(|part| {
            let source = match part.figure {
                Figure::Durations(of) => columns.durations(of, by_host),
                Figure::Count(of) if metric.kind == metric::Kind::Counter => {
                    columns.count(of, by_host)
                }
                Figure::Count(of) => Source::Now(of, by_host),
                Figure::Activity(of) => Source::Activity(of, by_host),
            };
            (Labels::constant(part.labels), source)
        });
        (family, rows.collect())
    });
    let mut families: Vec<(Family, Rows)> = of_groups.collect();
    for metric in TRACE_METRICS {
        let family = Family::of(metric.name, metric.unit, metric.kind, metric.description);
        let rows = metric.parts.iter().map(|&(labels, of)| {
            let source = match metric.kind {
                metric::Kind::Counter => columns.trace_count(of),
                _ => Source::Trace(of),
            };
            (Labels::constant(labels), source)
        });
        families.push((family, rows.collect()));
    }
    families
}

/// Name with underscores for dots.
fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

/// Value of a label as text: what would end it or the line is escaped.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        let families = listed(&mut Columns::default());
        let names: Vec<String> = families.iter().map(|(it, _)| it.sample()).collect();
        for name in [
            "http_client_request_duration_seconds",
            "http_client_open_connections",
            "tracer_requests_total",
            "tracer_tcp_io_bytes_total",
        ] {
            assert!(names.iter().any(|it| it == name), "{name} in {names:?}");
        }
        for name in BY_HOST {
            assert!(
                METRICS.iter().any(|it| it.name == name && it.by_host),
                "{name}"
            );
        }
    }

    #[test]
    fn hostile_values_stay_values() {
        let labels = Labels::new([("server.address", "a\"} 1\n# \\"), ("none", "")]);
        assert_eq!(labels.text, r##"server_address="a\"} 1\n# \\""##);
        assert_eq!(labels.pairs.len(), 1);
        assert_eq!(labels.pairs[0].1, "a\"} 1\n# \\");
    }
}
