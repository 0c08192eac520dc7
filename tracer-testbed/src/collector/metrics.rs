//! Demands of the specification on metrics.

use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
    metrics::v1::{
        AggregationTemporality, ExponentialHistogramDataPoint, Metric, NumberDataPoint,
        metric::Data, number_data_point::Value,
    },
    resource::v1::Resource,
};

/// Most buckets of a histogram that common receivers keep.
const MOST_BUCKETS: usize = 320;

/// Memory of all series, to compare later points with.
#[derive(Debug, Default)]
pub(super) struct Strict {
    resource: Option<Resource>,
    metrics: HashMap<String, String>,
    series: HashMap<String, Last>,
}

/// Last point of a series.
#[derive(Debug, Clone, Copy)]
struct Last {
    start: u64,
    time: u64,
    value: f64,
    sum: f64,
}

/// Faults of one metric.
pub(super) struct Faults<'f> {
    pub(super) name: &'f str,
    pub(super) list: &'f mut Vec<String>,
}

impl Faults<'_> {
    /// Notes a fault unless something holds.
    pub(super) fn unless(&mut self, is_fine: bool, text: &str) {
        if !is_fine {
            self.list.push(format!("{}: {text}", self.name));
        }
    }
}

impl Strict {
    /// Notes every fault of a request.
    pub(super) fn check(&mut self, request: &ExportMetricsServiceRequest, list: &mut Vec<String>) {
        let mut faults = Faults {
            name: "request",
            list,
        };
        faults.unless(!request.resource_metrics.is_empty(), "there are no metrics");
        for resource in &request.resource_metrics {
            self.resource(resource.resource.as_ref(), &mut faults);
            for scope in &resource.scope_metrics {
                let name = scope.scope.as_ref().map_or("", |scope| &scope.name);
                faults.unless(!name.is_empty(), "the scope has no name");
                for metric in &scope.metrics {
                    let (name, list) = (&metric.name, &mut *faults.list);
                    self.metric(metric, &mut Faults { name, list });
                }
            }
        }
    }

    fn resource(&mut self, resource: Option<&Resource>, faults: &mut Faults<'_>) {
        let Some(resource) = resource else {
            return faults.unless(false, "there is no resource");
        };
        attributes(&resource.attributes, faults);
        let has_name = resource
            .attributes
            .iter()
            .any(|it| it.key == "service.name");
        faults.unless(has_name, "the resource has no service.name");
        let first = self.resource.get_or_insert_with(|| resource.clone());
        faults.unless(first == resource, "the resource has changed");
    }

    fn metric(&mut self, metric: &Metric, faults: &mut Faults<'_>) {
        let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c);
        faults.unless(
            metric.name.chars().all(is_fine) && !metric.name.is_empty(),
            "bad name",
        );
        faults.unless(!metric.unit.is_empty(), "no unit");
        faults.unless(!metric.description.is_empty(), "no description");
        let kind = match &metric.data {
            Some(Data::Sum(sum)) => format!("sum {}", sum.is_monotonic),
            Some(Data::Gauge(_)) => "gauge".to_owned(),
            Some(Data::ExponentialHistogram(_)) => "histogram".to_owned(),
            _ => return faults.unless(false, "no data, or of another kind"),
        };
        let kind = format!("{kind} {}", metric.unit);
        let known = self
            .metrics
            .entry(metric.name.clone())
            .or_insert_with(|| kind.clone());
        faults.unless(*known == kind, "kind or unit has changed");
        self.points(metric, faults);
    }

    fn points(&mut self, metric: &Metric, faults: &mut Faults<'_>) {
        let cumulative: i32 = AggregationTemporality::Cumulative.into();
        match &metric.data {
            Some(Data::Sum(sum)) => {
                faults.unless(sum.aggregation_temporality == cumulative, "not cumulative");
                for point in &sum.data_points {
                    let last = number(point);
                    self.follow(&point.attributes, last, sum.is_monotonic, faults);
                }
                faults.unless(!sum.data_points.is_empty(), "no points");
            }
            Some(Data::Gauge(gauge)) => {
                gauge
                    .data_points
                    .iter()
                    .for_each(|it| attributes(&it.attributes, faults));
            }
            Some(Data::ExponentialHistogram(all)) => {
                faults.unless(all.aggregation_temporality == cumulative, "not cumulative");
                for point in &all.data_points {
                    buckets(point, faults);
                    let last = Last {
                        start: point.start_time_unix_nano,
                        time: point.time_unix_nano,
                        value: point.count as f64,
                        sum: point.sum.unwrap_or(-1.0),
                    };
                    self.follow(&point.attributes, last, true, faults);
                }
                faults.unless(!all.data_points.is_empty(), "no points");
            }
            _ => {}
        }
    }

    /// Compares a point with the last one of its series.
    fn follow(&mut self, labels: &[KeyValue], point: Last, grows: bool, faults: &mut Faults<'_>) {
        attributes(labels, faults);
        faults.unless(
            point.start != 0 && point.start <= point.time,
            "it ends before it starts",
        );
        let mut labels: Vec<String> = labels.iter().map(|it| format!("{it:?}")).collect();
        labels.sort();
        let series = format!("{} {}", faults.name, labels.join(","));
        let Some(last) = self.series.insert(series, point) else {
            return;
        };
        if last.start != point.start {
            return faults.unless(last.time <= point.start, "the start has moved");
        }
        faults.unless(last.time < point.time, "two points have the same time");
        faults.unless(!grows || last.value <= point.value, "it went down");
        faults.unless(
            !grows || last.sum <= point.sum * (1.0 + 1e-9),
            "the sum went down",
        );
    }
}

fn number(point: &NumberDataPoint) -> Last {
    let value = match point.value {
        Some(Value::AsInt(value)) => value as f64,
        Some(Value::AsDouble(value)) => value,
        None => -1.0,
    };
    Last {
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        value,
        sum: value,
    }
}

/// Checks the attributes of whatever has some.
pub(super) fn attributes(all: &[KeyValue], faults: &mut Faults<'_>) {
    let keys: HashSet<&str> = all.iter().map(|it| it.key.as_str()).collect();
    faults.unless(keys.len() == all.len(), "an attribute is there twice");
    faults.unless(!keys.contains(""), "an attribute has no name");
    for attribute in all {
        let value = attribute.value.as_ref().and_then(|it| it.value.as_ref());
        let is_empty = match value {
            None => true,
            Some(Any::StringValue(text)) => text.is_empty(),
            Some(_) => false,
        };
        faults.unless(!is_empty, &format!("{} is empty", attribute.key));
    }
}

/// Checks that counts, extremes and buckets of a point fit.
fn buckets(point: &ExponentialHistogramDataPoint, faults: &mut Faults<'_>) {
    let positive = point.positive.clone().unwrap_or_default();
    let negative = point.negative.clone().unwrap_or_default();
    let counted: u64 = positive.bucket_counts.iter().sum();
    faults.unless(
        counted + point.zero_count == point.count,
        "the buckets do not add up",
    );
    faults.unless(negative.bucket_counts.is_empty(), "a duration is negative");
    faults.unless(
        positive.bucket_counts.len() <= MOST_BUCKETS,
        "too many buckets",
    );
    faults.unless(
        (-10..=20).contains(&point.scale),
        "the scale is out of range",
    );
    let (Some(min), Some(max), Some(sum)) = (point.min, point.max, point.sum) else {
        return faults.unless(false, "min, max or sum is missing");
    };
    let mean = sum / point.count as f64;
    let is_between = min <= mean * 1.001 && mean <= max * 1.001;
    faults.unless(min <= max && is_between, "min, mean and max do not fit");
    let used = positive.bucket_counts.iter().rposition(|count| *count != 0);
    if let Some(used) = used {
        let width = f64::from(-point.scale).exp2();
        let bound = |at: i32| (f64::from(at) * width).exp2();
        let top = positive.offset + used as i32;
        // The largest sample may be a bucket away from where it belongs.
        let fits = bound(top - 1) <= max && max <= bound(top + 2);
        faults.unless(fits, "max is not in the last bucket");
    }
}
