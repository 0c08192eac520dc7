//! Points of single metrics.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality::Cumulative, ExponentialHistogram, ExponentialHistogramDataPoint,
        Gauge, Metric, NumberDataPoint, Sum, metric::Data, number_data_point::Value,
    },
};
use tracer_core::{
    finding::Finding,
    group::Group,
    host::Host,
    latency::Latency,
    metric::{self, Figure, Kind, NamedHosts, Part, TraceMetric, rest_of_count, rest_of_durations},
};

use super::{MOST_POINTS, Moment, Named, Owner, kept::Kept};
use crate::{attribute, histogram};

/// Maker of points for one moment.
pub(super) struct Points<'p> {
    kept: &'p mut Kept,
    moment: &'p Moment<'p>,
}

/// Points of a metric, of one kind.
#[derive(Default)]
struct Made {
    numbers: Vec<NumberDataPoint>,
    histograms: Vec<ExponentialHistogramDataPoint>,
}

impl<'p> Points<'p> {
    /// Makes points for a moment.
    pub(super) fn new(kept: &'p mut Kept, moment: &'p Moment<'p>) -> Self {
        Self { kept, moment }
    }

    /// Metric with values of each host that has a name, and of the others together; None without values.
    pub(super) fn by_host(
        &mut self,
        metric: &metric::Metric,
        hosts: &[Named<'_>],
        named: &[&Host],
        has_rest: bool,
    ) -> Option<Metric> {
        let mut made = Made::default();
        for (at, part) in metric.parts.iter().enumerate() {
            for host in hosts {
                let series = (metric.name, at, host.owner());
                let value = of_groups(part, &host.groups);
                self.add(
                    metric,
                    part,
                    series,
                    value,
                    || of_host(part, host),
                    &mut made,
                );
            }
            let rest = self.rest(part, named, has_rest);
            let series = (metric.name, at, Owner::Rest);
            self.add(metric, part, series, rest, || of_rest(part), &mut made);
        }
        made.finish(metric)
    }

    /// Metric with values of the whole trace; None without values.
    pub(super) fn of_trace(&mut self, metric: &metric::Metric) -> Option<Metric> {
        let mut made = Made::default();
        let totals = &self.moment.snapshot.totals;
        for (at, part) in metric.parts.iter().enumerate() {
            let series = (metric.name, at, Owner::Trace);
            let attributes = || labels(part);
            self.add(
                metric,
                part,
                series,
                of_group(part, totals),
                attributes,
                &mut made,
            );
        }
        made.finish(metric)
    }

    /// Metric of the snapshot; it has values even when they are zero.
    pub(super) fn of_snapshot(&mut self, metric: &TraceMetric) -> Metric {
        let mut points = Vec::new();
        for (at, (labels, value)) in metric.parts.iter().enumerate() {
            let now = value(self.moment.snapshot);
            let value = match metric.kind {
                Kind::Counter => self.kept.count((metric.name, at, Owner::Trace), now),
                Kind::UpDown | Kind::Durations => now,
            };
            let attributes = labels.iter().map(attribute::label).collect();
            points.push(self.number(value, attributes));
        }
        let data = sum(points, metric.kind == Kind::Counter);
        named(metric.name, metric.unit, metric.description, data)
    }

    /// Metric with one value for each rule: 1 if it has found a fault that is not allowed.
    pub(super) fn findings(&self, findings: &[Finding]) -> Metric {
        let points = findings.iter().map(|finding| {
            let found = finding.found().filter(|_| finding.suppressed_by.is_none());
            let mut attributes = vec![attribute::text("tracer.finding.id", finding.rule.id())];
            let severity = found.map(|found| found.fault.severity.as_str());
            attributes.extend(severity.map(|it| attribute::text("tracer.finding.severity", it)));
            let mut point = self.number(u64::from(found.is_some()), attributes);
            point.start_time_unix_nano = 0;
            point
        });
        let data_points = points.collect();
        let description = "1 for each rule that finds a fault, 0 for the others.";
        named(
            "tracer.findings",
            "{finding}",
            description,
            Data::Gauge(Gauge { data_points }),
        )
    }

    /// Metric with the number of requests to the collector that were given up.
    pub(super) fn given_up(&mut self, count: u64) -> Metric {
        let name = "tracer.otlp.requests.given_up";
        let count = self.kept.count((name, 0, Owner::Trace), count);
        let point = self.number(count, Vec::new());
        let description =
            "Requests to the collector that were refused, or were too late to be sent.";
        named(name, "{request}", description, sum(vec![point], true))
    }

    /// Value of the hosts without a name.
    fn rest(&self, part: &Part, named: &[&Host], has_rest: bool) -> Worth<'static> {
        let snapshot = self.moment.snapshot;
        match part.figure {
            Figure::Count(of) => Worth::Count(rest_of_count(of, snapshot, named)),
            // Without further hosts the difference is that of two moments.
            Figure::Activity(_) if !has_rest => Worth::Activity(0),
            Figure::Activity(of) => Worth::Activity(rest_of_count(of, snapshot, named)),
            Figure::Durations(of) => Worth::Merged(rest_of_durations(of, snapshot, named)),
        }
    }

    /// Adds the point of a value, unless there is nothing to say.
    fn add(
        &mut self,
        metric: &metric::Metric,
        part: &Part,
        series: (&'static str, usize, Owner),
        value: Worth<'_>,
        attributes: impl Fn() -> Vec<KeyValue>,
        made: &mut Made,
    ) {
        let is_unknown =
            matches!(part.figure, Figure::Activity(_)) && !self.moment.snapshot.has_activity;
        if is_unknown {
            return;
        }
        match (value, metric.kind) {
            (Worth::Count(count) | Worth::Activity(count), Kind::Counter) => {
                let count = self.kept.count(series, count);
                if count != 0 {
                    made.numbers.push(self.number(count, attributes()));
                }
            }
            (Worth::Count(count) | Worth::Activity(count), _) => {
                if self.kept.has_changed(series, count) {
                    made.numbers.push(self.number(count, attributes()));
                }
            }
            (Worth::Durations(samples), _) => made
                .histograms
                .extend(self.histogram(series, samples, attributes)),
            (Worth::Merged(samples), _) => made
                .histograms
                .extend(self.histogram(series, &samples, attributes)),
        }
    }

    fn number(&self, value: u64, attributes: Vec<KeyValue>) -> NumberDataPoint {
        NumberDataPoint {
            attributes,
            start_time_unix_nano: self.moment.start_ns,
            time_unix_nano: self.moment.now_ns,
            value: Some(Value::AsInt(i64::try_from(value).unwrap_or(i64::MAX))),
            ..NumberDataPoint::default()
        }
    }

    fn histogram(
        &mut self,
        series: (&'static str, usize, Owner),
        samples: &Latency,
        attributes: impl Fn() -> Vec<KeyValue>,
    ) -> Option<ExponentialHistogramDataPoint> {
        let samples = self.kept.durations(series, samples);
        histogram::point(samples).map(|point| ExponentialHistogramDataPoint {
            attributes: attributes(),
            start_time_unix_nano: self.moment.start_ns,
            time_unix_nano: self.moment.now_ns,
            ..point
        })
    }
}

/// Value of a figure.
enum Worth<'g> {
    Count(u64),
    Activity(u64),
    Durations(&'g Latency),
    Merged(Latency),
}

impl Made {
    /// Metric with the points; None without any.
    fn finish(self, metric: &metric::Metric) -> Option<Metric> {
        let data = match metric.kind {
            Kind::Durations if self.histograms.is_empty() => return None,
            Kind::Durations => Data::ExponentialHistogram(ExponentialHistogram {
                data_points: self.histograms,
                aggregation_temporality: Cumulative.into(),
            }),
            _ if self.numbers.is_empty() => return None,
            kind => sum(self.numbers, kind == Kind::Counter),
        };
        Some(named(metric.name, metric.unit, metric.description, data))
    }
}

/// Number of points of a metric.
pub(super) fn count(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        _ => 0,
    }
}

/// Metrics of the same name with the points of one, each of which fits into a request.
pub(super) fn cut(metric: Metric) -> Vec<Metric> {
    if count(&metric) <= MOST_POINTS {
        return vec![metric];
    }
    let head = Metric {
        data: None,
        ..metric.clone()
    };
    let with = |data: Data| Metric {
        data: Some(data),
        ..head.clone()
    };
    match metric.data {
        Some(Data::Sum(all)) => {
            let cuts = all.data_points.chunks(MOST_POINTS);
            cuts.map(|points| with(sum(points.to_vec(), all.is_monotonic)))
                .collect()
        }
        Some(Data::ExponentialHistogram(all)) => {
            let cuts = all.data_points.chunks(MOST_POINTS);
            cuts.map(|points| {
                with(Data::ExponentialHistogram(ExponentialHistogram {
                    data_points: points.to_vec(),
                    ..all.clone()
                }))
            })
            .collect()
        }
        _ => vec![metric],
    }
}

fn of_group<'g>(part: &Part, group: &'g Group) -> Worth<'g> {
    match part.figure {
        Figure::Count(of) => Worth::Count(of(group)),
        Figure::Activity(of) => Worth::Activity(of(group)),
        Figure::Durations(of) => Worth::Durations(of(group)),
    }
}

fn of_groups<'g>(part: &Part, groups: &[&'g Group]) -> Worth<'g> {
    let sum = |of: fn(&Group) -> u64| groups.iter().map(|group| of(group)).sum();
    match (part.figure, groups) {
        (_, [group]) => of_group(part, group),
        (Figure::Count(of), _) => Worth::Count(sum(of)),
        (Figure::Activity(of), _) => Worth::Activity(sum(of)),
        (Figure::Durations(of), _) => {
            let mut all = Latency::default();
            groups.iter().for_each(|group| all.merge(of(group)));
            Worth::Merged(all)
        }
    }
}

fn labels(part: &Part) -> Vec<KeyValue> {
    part.labels.iter().map(attribute::label).collect()
}

fn of_host(part: &Part, host: &Named<'_>) -> Vec<KeyValue> {
    let mut all = labels(part);
    all.push(attribute::text("server.address", host.name));
    all.push(attribute::number("server.port", host.port));
    all
}

fn of_rest(part: &Part) -> Vec<KeyValue> {
    let mut all = labels(part);
    all.push(attribute::text("server.address", NamedHosts::OTHER));
    all
}

fn sum(data_points: Vec<NumberDataPoint>, is_monotonic: bool) -> Data {
    Data::Sum(Sum {
        data_points,
        aggregation_temporality: Cumulative.into(),
        is_monotonic,
    })
}

fn named(name: &str, unit: &str, description: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        description: description.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}
