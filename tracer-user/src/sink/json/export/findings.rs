//! Findings of the export.

use std::time::Duration;

use tracer_core::{
    client::Client,
    finding::{
        self, Finding, Found, Status,
        advice::{self, Advice},
        rules::definition,
        subject::Kind,
        threshold::{Threshold, Unit},
        verdict::{Confidence, Saves, Severity},
    },
};
use tracer_export as export;

use crate::trace::{clock, description::Description};

/// Result of every rule.
pub(super) fn export(findings: &[Finding], about: &Description) -> Vec<export::Finding> {
    findings.iter().map(|it| finding(it, about)).collect()
}

fn finding(finding: &Finding, about: &Description) -> export::Finding {
    let rule = finding.rule;
    let entry = export::Finding {
        id: rule.id().to_owned(),
        learn_more: format!("tracer explain {}", rule.id()),
        since: finding.gone.map(|gone| moment(gone.since_ns, about)),
        last_true: finding.gone.map(|gone| moment(gone.last_true_ns, about)),
        ..export::Finding::default()
    };
    match &finding.status {
        Status::Clear => export::Finding {
            status: export::FindingStatus::Clear,
            ..entry
        },
        Status::NotEvaluated(reason) => export::Finding {
            status: export::FindingStatus::NotEvaluated,
            reason: Some(reason.to_string()),
            ..entry
        },
        Status::Found(found) => with_fault(entry, finding, found, about),
    }
}

/// Time of day, as text, of a time since the figures began.
fn moment(since_ns: u64, about: &Description) -> String {
    clock::rfc3339(about.started_at + Duration::from_nanos(since_ns))
}

fn with_fault(
    entry: export::Finding,
    finding: &Finding,
    found: &Found,
    about: &Description,
) -> export::Finding {
    let fault = &found.fault;
    let rule = finding.rule;
    let at = |ns| moment(ns, about);
    let evidence = fault.evidence.iter();
    let thresholds = definition(rule).thresholds.iter();
    let advice = advice::advise(rule, found.client, fault);
    export::Finding {
        status: export::FindingStatus::Found,
        severity: Some(match fault.severity {
            Severity::Info => export::Severity::Info,
            Severity::Warning => export::Severity::Warning,
            Severity::Critical => export::Severity::Critical,
        }),
        scope: Some(scope(&found.scope)),
        worst: found.worst.iter().map(scope).collect(),
        summary: Some(fault.summary.clone()),
        evidence: evidence
            .map(|it| (named(it.name, it.unit), it.value))
            .collect(),
        samples: Some(fault.samples),
        window_ns: Some(found.window_ns),
        threshold: thresholds.map(threshold).collect(),
        confidence: Some(match fault.confidence {
            Confidence::Measured => export::Confidence::Measured,
            Confidence::Inferred => export::Confidence::Inferred,
        }),
        saves: fault.saves.as_ref().map(saves),
        client: Some(found.client.name.to_owned()),
        advice: advice.into_iter().map(advised).collect(),
        since: Some(at(found.since_ns)),
        last_true: Some(at(found.last_true_ns)),
        suppressed_by: finding.suppressed_by.clone(),
        suppressed_because: finding.suppressed_because.clone(),
        ..entry
    }
}

fn scope(scope: &finding::Scope) -> export::Scope {
    export::Scope {
        kind: match scope.kind {
            Kind::All => export::ScopeKind::All,
            Kind::Process => export::ScopeKind::Process,
            Kind::Host => export::ScopeKind::Host,
            Kind::Proxy => export::ScopeKind::Proxy,
        },
        name: scope.name.clone(),
        by: scope.by.clone(),
    }
}

/// Name of a figure with its unit at the end.
fn named(name: &str, unit: Unit) -> String {
    match unit {
        Unit::Time => format!("{name}_ns"),
        Unit::Count | Unit::Share | Unit::Times => name.to_owned(),
    }
}

fn threshold(threshold: &Threshold) -> (String, export::Threshold) {
    let limit = export::Threshold {
        value: threshold.value,
        why: threshold.why.to_owned(),
    };
    (named(threshold.name, threshold.unit), limit)
}

fn saves(saves: &Saves) -> export::Saves {
    export::Saves {
        per_request_ns: saves.per_request_ns.map(|ns| ns.round() as u64),
        total_ns: saves.total_ns.round() as u64,
        basis: saves.basis.clone(),
    }
}

fn advised(advice: Advice) -> export::Advice {
    let is_for_all = advice.client == Client::Unknown;
    export::Advice {
        client: (!is_for_all).then(|| advice.client.name().to_owned()),
        setting: advice.setting.map(str::to_owned),
        default: advice.default.map(str::to_owned),
        proposed: advice.proposed,
        text: advice.text,
    }
}
