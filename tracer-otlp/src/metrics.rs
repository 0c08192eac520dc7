//! The metrics of a snapshot as requests to a collector. Values are cumulative: they count from the beginning of the
//! trace. Counts of the snapshot may go down a little, when a connection turns out to belong to another host; values
//! that have been sent never do.

mod kept;
mod parts;

use std::collections::HashMap;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{Metric, ResourceMetrics, ScopeMetrics},
    resource::v1::Resource,
};
use tracer_core::{
    finding::Finding,
    group::Group,
    host::Host,
    metric::{self, NamedHosts},
    snapshot::Snapshot,
};

use self::{kept::Kept, parts::Points};
use crate::attribute::{self, SCHEMA_URL};

/// Limit of the points in a request, so that no request is larger than collectors take.
const MOST_POINTS: usize = 1000;

/// Results of a trace at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'r> {
    /// The figures.
    pub snapshot: &'r Snapshot,
    /// Results of all rules.
    pub findings: &'r [Finding],
    /// Beginning of the figures, ns since 1970.
    pub start_ns: u64,
    /// Moment for which they are valid, ns since 1970.
    pub now_ns: u64,
    /// Number of requests to the collector that were given up so far.
    pub given_up: u64,
}

/// Owner of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    /// The whole trace.
    Trace,
    /// A host with a name of its own, and its port.
    Host(Box<str>, u16),
    /// All other hosts.
    Rest,
}

/// Maker of requests. It remembers the values that were sent.
#[derive(Debug)]
pub struct Metrics {
    resource: Resource,
    hosts: NamedHosts,
    kept: Kept,
    start_ns: u64,
    sent_ns: u64,
}

impl Metrics {
    /// Makes requests about `resource` that name at most `hosts` hosts.
    pub fn new(resource: Resource, hosts: usize) -> Self {
        Self {
            resource,
            hosts: NamedHosts::new(hosts),
            kept: Kept::default(),
            start_ns: 0,
            sent_ns: 0,
        }
    }

    /// Requests with the metrics of a moment; none when a request for this moment or a later one was made before.
    pub fn requests(&mut self, moment: &Moment<'_>) -> Vec<ExportMetricsServiceRequest> {
        if self.start_ns != moment.start_ns {
            // The figures have begun anew, and with them all values.
            self.kept = Kept::default();
            self.start_ns = moment.start_ns;
        } else if moment.now_ns <= self.sent_ns {
            return Vec::new();
        }
        self.sent_ns = moment.now_ns;
        let named = self.hosts.choose(moment.snapshot);
        let has_rest = moment.snapshot.hosts.len() > named.len();
        let hosts = by_name(&named);
        let mut points = Points::new(&mut self.kept, moment);
        let mut made = Vec::new();
        for metric in metric::METRICS {
            match metric.by_host {
                true => made.extend(points.by_host(metric, &hosts, &named, has_rest)),
                false => made.extend(points.of_trace(metric)),
            }
        }
        let of_trace = metric::TRACE_METRICS.iter();
        made.extend(of_trace.map(|metric| points.of_snapshot(metric)));
        made.push(points.findings(moment.findings));
        made.push(points.given_up(moment.given_up));
        let batches = batches(made).into_iter();
        batches.map(|metrics| self.request(metrics)).collect()
    }

    fn request(&self, metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(attribute::scope()),
                    metrics,
                    schema_url: SCHEMA_URL.to_owned(),
                }],
                schema_url: SCHEMA_URL.to_owned(),
            }],
        }
    }
}

/// Puts metrics together until a request has its points. No metric is cut: its points are in one request.
fn batches(metrics: Vec<Metric>) -> Vec<Vec<Metric>> {
    let mut batches: Vec<(usize, Vec<Metric>)> = Vec::new();
    for metric in metrics.into_iter().flat_map(parts::cut) {
        let points = parts::count(&metric);
        match batches.last_mut() {
            Some((used, batch)) if *used + points <= MOST_POINTS => {
                *used += points;
                batch.push(metric);
            }
            _ => batches.push((points, vec![metric])),
        }
    }
    batches.into_iter().map(|(_, batch)| batch).collect()
}

/// Host as metrics name it.
struct Named<'s> {
    name: &'s str,
    port: u16,
    /// Figures of the host: several when its name was learnt in several ways.
    groups: Vec<&'s Group>,
}

impl Named<'_> {
    fn owner(&self) -> Owner {
        Owner::Host(self.name.into(), self.port)
    }
}

/// Hosts by their names: two points of a metric never have the same attributes.
fn by_name<'s>(hosts: &[&'s Host]) -> Vec<Named<'s>> {
    let mut places: HashMap<(&str, u16), usize> = HashMap::new();
    let mut all: Vec<Named<'s>> = Vec::new();
    for host in hosts {
        let (name, port) = (&*host.key.host, host.key.port);
        let at = *places.entry((name, port)).or_insert_with(|| {
            let groups = Vec::new();
            all.push(Named { name, port, groups });
            all.len() - 1
        });
        all[at].groups.push(&host.group);
    }
    all
}

#[cfg(test)]
mod tests;
