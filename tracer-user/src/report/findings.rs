//! Findings: faults first, with advice; then what is allowed, clear, or cannot be told.

use maud::{Markup, html};
use tracer_export::{
    Advice, Confidence, Export, Finding, FindingStatus, Saves, Scope, ScopeKind, Threshold,
};
use tracer_text::number;

use super::cell::{cell, count, name, numbers, table, time, words};

/// Every finding of an export. Some exports have none: older ones, and merged ones.
pub(super) fn body(export: &Export) -> Option<Markup> {
    let Some(all) = &export.findings else {
        return Some(html! {
            p { "This export has no findings: an older tracer has written it, or it was merged of others." }
        });
    };
    let of = |status| all.iter().filter(move |it| it.status == status);
    let is_allowed = |finding: &&Finding| finding.suppressed_by.is_some();
    let (allowed, faults): (Vec<&Finding>, Vec<&Finding>) =
        of(FindingStatus::Found).partition(is_allowed);
    let clear: Vec<String> = of(FindingStatus::Clear).map(|it| name(&it.id)).collect();
    let untold: Vec<&Finding> = of(FindingStatus::NotEvaluated).collect();
    Some(html! {
        @if faults.is_empty() { p.lead { "No fault was found." } }
        @for finding in faults { (fault(finding)) }
        @for finding in allowed { (fault(finding)) }
        @if !clear.is_empty() {
            p { (clear.len()) " of " (all.len()) " rules are clear: " span.dim { (clear.join(", ")) "." } }
        }
        (not_told(&untold))
    })
}

/// Rules that cannot tell, with their reasons.
fn not_told(findings: &[&Finding]) -> Markup {
    html! {
        @if !findings.is_empty() {
            details {
                summary { (findings.len()) " rules cannot tell" }
                ul {
                    @for finding in findings {
                        li { code { (name(&finding.id)) } ": " (name(finding.reason.as_deref().unwrap_or_default())) }
                    }
                }
            }
        }
    }
}

fn fault(finding: &Finding) -> Markup {
    let severity = finding.severity.unwrap_or_default().to_string();
    let (class, badge) = match finding.suppressed_by {
        Some(_) => ("allowed".to_owned(), "allowed".to_owned()),
        None => (severity.clone(), severity),
    };
    html! {
        article class={ "finding " (class) } {
            h3 {
                span class={ "badge " (class) } { (badge) }
                (name(finding.summary.as_deref().unwrap_or_default()))
            }
            p.dim { code { (name(&finding.id)) } (about(finding)) }
            @if let Some(allowed) = &finding.suppressed_by { (permission(finding, allowed)) }
            @if let Some(saves) = &finding.saves { (saving(saves)) }
            (worst(&finding.worst))
            (advice(&finding.advice))
            (evidence(finding))
            @if !finding.learn_more.is_empty() { p.dim { "More: " code { (name(&finding.learn_more)) } } }
        }
    }
}

fn permission(finding: &Finding, allowed: &str) -> Markup {
    html! {
        p {
            "Allowed by " code { (name(allowed)) }
            @if let Some(because) = &finding.suppressed_because { ": " (name(because)) }
        }
    }
}

/// Subject, certainty, samples and time of a fault.
fn about(finding: &Finding) -> String {
    let scope = finding.scope.as_ref().map(subject);
    let confidence = finding.confidence.map(|it| match it {
        Confidence::Measured => "measured".to_owned(),
        Confidence::Inferred => "inferred: something else may have led to it".to_owned(),
    });
    let samples = finding
        .samples
        .map(|samples| format!("{} samples", number::count(samples)));
    let client = finding.client.as_deref().map(name);
    let since = finding
        .since
        .as_deref()
        .map(|since| format!("since {}", name(since)));
    let parts = [scope, client, confidence, samples, since];
    let parts = parts.into_iter().flatten();
    parts.map(|part| format!(", {part}")).collect()
}

fn subject(scope: &Scope) -> String {
    match scope.kind {
        ScopeKind::All => "all connections".to_owned(),
        kind => {
            let by = scope.by.as_deref();
            let by = by.map_or_else(String::new, |by| format!(", most by {}", name(by)));
            format!("{kind} {}{by}", name(&scope.name))
        }
    }
}

fn saving(saves: &Saves) -> Markup {
    html! {
        p {
            "Saves at most "
            @if let Some(each) = saves.per_request_ns { strong { (time(Some(each))) " a request" } ", " }
            (time(Some(saves.total_ns))) " in all: " (name(&saves.basis)) "."
        }
    }
}

fn worst(scopes: &[Scope]) -> Markup {
    html! {
        @if !scopes.is_empty() {
            p { "Worst: " span.name { (scopes.iter().map(subject).collect::<Vec<_>>().join(", ")) } }
        }
    }
}

/// Advice, which may be code of several lines.
fn advice(all: &[Advice]) -> Markup {
    html! {
        @for advice in all {
            @if let Some(change) = change(advice) { p { (change) } }
            @if advice.text.contains('\n') {
                pre { (code(&advice.text)) }
            } @else {
                p { (name(&advice.text)) }
            }
        }
    }
}

/// Text of several lines, each without what hides or turns text.
fn code(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(tracer_text::printable::printable)
        .collect();
    lines.join("\n")
}

/// Setting that advice wants changed, with its client, default and proposed value.
fn change(advice: &Advice) -> Option<Markup> {
    let known = advice.client.is_some() || advice.setting.is_some();
    known.then(|| {
        html! {
            @if let Some(client) = &advice.client { strong { (name(client)) } }
            @if let Some(setting) = &advice.setting { " " code { (name(setting)) } }
            @if let Some(default) = &advice.default { ", by default " code { (name(default)) } }
            @if let Some(proposed) = &advice.proposed { ", better " code { (name(proposed)) } }
        }
    })
}

/// Figures of the fault beside the limits of its rule.
fn evidence(finding: &Finding) -> Markup {
    let limits = |figure: &str| finding.threshold.get(figure);
    let mut rows: Vec<Vec<Markup>> = finding
        .evidence
        .iter()
        .map(|(figure, value)| line(figure, Some(*value), limits(figure)))
        .collect();
    let alone = finding.threshold.iter();
    let alone = alone.filter(|(figure, _)| !finding.evidence.contains_key(*figure));
    rows.extend(alone.map(|(figure, limit)| line(figure, None, Some(limit))));
    let columns = [
        words("figure"),
        numbers("value"),
        numbers("limit"),
        words("why"),
    ];
    html! {
        @if !rows.is_empty() {
            details {
                summary { "Evidence" }
                (table(&format!("Figures of {} and the limits of the rule", name(&finding.id)), &columns, &rows))
            }
        }
    }
}

fn line(figure: &str, value: Option<f64>, limit: Option<&Threshold>) -> Vec<Markup> {
    let why = limit.map_or(String::new(), |limit| name(&limit.why));
    vec![
        html! { code { (name(figure)) } },
        cell(value.map_or_else(String::new, |value| printed(figure, value))),
        cell(limit.map_or_else(String::new, |limit| printed(figure, limit.value))),
        cell(why),
    ]
}

/// Text of a figure, whose unit its name tells.
fn printed(figure: &str, value: f64) -> String {
    match value {
        _ if figure.ends_with("_ns") => number::time(value),
        _ if figure.ends_with("_ratio") => super::cell::share(Some(value)),
        value if value.fract() == 0.0 && (0.0..1e15).contains(&value) => count(Some(value as u64)),
        value => format!("{value:.2}"),
    }
}
