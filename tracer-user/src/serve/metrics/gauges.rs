//! Families beyond those of the list: the version, findings, local ports, and the choice of hosts.

use std::{collections::BTreeMap, time::Duration};

use tracer_core::finding::{Finding, Status, rule::Rule};

use super::{
    family::{Family, Labels, Type},
    figures::Figures,
};
use crate::sink::Results;

/// Families with their samples.
pub(super) type Gauges = Vec<(Family, Vec<(Labels, f64)>)>;

/// Rule, severity and kind of scope of a finding.
type Sort = (Rule, &'static str, &'static str);

/// Findings that were there at some time, with true for those that are there now.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeMap<Sort, bool>);

impl Findings {
    /// Takes the present findings. Those that are allowed do not count.
    pub(super) fn take(&mut self, findings: &[Finding]) {
        self.0.values_mut().for_each(|is_now| *is_now = false);
        let counted = findings.iter().filter(|it| it.suppressed_by.is_none());
        for (rule, found) in counted.filter_map(|it| Some((it.rule, it.found()?))) {
            let sort = (
                rule,
                found.fault.severity.as_str(),
                found.scope.kind.as_str(),
            );
            self.0.insert(sort, true);
        }
    }
}

/// Meanings of the families.
const HELP: [(&str, &str); 8] = [
    ("tracer_build", "Version of tracer."),
    (
        "tracer_start_time_seconds",
        "Time since 1970 at which tracer began to count.",
    ),
    (
        "tracer_finding",
        "1 while the rule finds its fault, 0 when it was found before and is gone or allowed.",
    ),
    (
        "tracer_finding_evaluated",
        "1 if the rule has what it needs to judge, 0 if not.",
    ),
    (
        "tracer_local_ports_used",
        "Local ports in use or in TIME_WAIT toward the destination that uses most.",
    ),
    (
        "tracer_local_ports_used_ratio",
        "Share of the local ports that may be used toward that destination.",
    ),
    ("tracer_hosts", "Hosts with figures of their own."),
    (
        "tracer_hosts_named",
        "Hosts that have series of their own here; the others share server_address=\"other\".",
    ),
];

fn gauge(name: &'static str, samples: Vec<(Labels, f64)>) -> (Family, Vec<(Labels, f64)>) {
    let help = HELP.iter().find(|(known, _)| *known == name);
    let unit = ["seconds", "ratio"]
        .into_iter()
        .find(|it| name.ends_with(it));
    let kind = match name {
        "tracer_build" => Type::Info,
        _ => Type::Gauge,
    };
    let family = Family::new(name, kind, unit, help.map_or("", |(_, help)| help));
    (family, samples)
}

fn single(name: &'static str, value: f64) -> (Family, Vec<(Labels, f64)>) {
    gauge(name, vec![(Labels::default(), value)])
}

/// Families of these results.
pub(super) fn gauges(
    results: &Results,
    figures: &Figures,
    findings: &Findings,
    began_ns: u64,
) -> Gauges {
    let version = Labels::new([("version", env!("CARGO_PKG_VERSION"))]);
    let began_s = Duration::from_nanos(began_ns).as_secs_f64();
    let mut all = vec![
        gauge("tracer_build", vec![(version, 1.0)]),
        single("tracer_start_time_seconds", began_s),
        gauge("tracer_finding", found(findings)),
        gauge("tracer_finding_evaluated", evaluated(&results.findings)),
    ];
    let snapshot = &results.snapshot;
    let most = snapshot.time_wait.destinations.first();
    let used = most.map_or(0, |it| it.ports_used);
    all.push(single("tracer_local_ports_used", used as f64));
    let ratios = snapshot.time_wait.destinations.iter();
    let ratio = ratios.filter_map(|it| it.ports_used_ratio).reduce(f64::max);
    all.extend(ratio.map(|ratio| single("tracer_local_ports_used_ratio", ratio)));
    let named = figures.hosts.labels().len();
    all.push(single("tracer_hosts", snapshot.hosts.len() as f64));
    all.push(single("tracer_hosts_named", named as f64));
    all
}

fn found(findings: &Findings) -> Vec<(Labels, f64)> {
    let sample = |(&(rule, severity, scope), &is_now): (&Sort, &bool)| {
        let labels = [("id", rule.id()), ("severity", severity), ("scope", scope)];
        (Labels::new(labels), f64::from(u8::from(is_now)))
    };
    findings.0.iter().map(sample).collect()
}

fn evaluated(findings: &[Finding]) -> Vec<(Labels, f64)> {
    let sample = |finding: &Finding| {
        let is_judged = !matches!(finding.status, Status::NotEvaluated(_));
        let labels = Labels::new([("id", finding.rule.id())]);
        (labels, f64::from(u8::from(is_judged)))
    };
    findings.iter().map(sample).collect()
}
