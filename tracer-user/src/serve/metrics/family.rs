//! Families of metrics and labels: names as Prometheus spells them, by the rules of OpenTelemetry for Prometheus.

use tracer_core::metric;

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

    /// Makes a family of the list: its name has dots, and its unit is spelled as in UCUM.
    pub(super) fn of(name: &str, unit: &str, kind: metric::Kind, help: &str) -> Self {
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
    /// Text of these, with commas between.
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
    fn hostile_values_stay_values() {
        let labels = Labels::new([("server.address", "a\"} 1\n# \\"), ("none", "")]);
        assert_eq!(labels.text, r##"server_address="a\"} 1\n# \\""##);
        assert_eq!(labels.pairs.len(), 1);
        assert_eq!(labels.pairs[0].1, "a\"} 1\n# \\");
    }
}
