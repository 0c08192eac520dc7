//! Families of the list of metrics, with the sources of their samples.

use tracer_core::metric::{self, Figure, METRICS, TRACE_METRICS};

use super::{
    family::{Family, Labels},
    figures::{Columns, Source},
};

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
            (Labels::new(part.labels.iter().copied()), source)
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
            (Labels::new(labels.iter().copied()), source)
        });
        families.push((family, rows.collect()));
    }
    families
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
}
