//! Findings in the text summary: what is wrong, what to change, where more is told; those most worth a change first.

use std::fmt::Write;

use tracer_core::finding::{
    self, Finding, Found, Status,
    advice::{self, Advice},
    rule::Rule,
    verdict::Severity,
};
use tracer_text::printable::printable;

use super::{lines::words, tables::Paint};

/// Limit of the faults that are listed.
const SHOWN: usize = 5;

/// Adds the faults; without any, a line that says how many rules could tell.
pub(super) fn findings(text: &mut String, findings: &[Finding], paint: &Paint) {
    let found: Vec<(&Finding, &Found)> = findings
        .iter()
        .filter_map(|finding| Some((finding, finding.found()?)))
        .collect();
    if found.is_empty() {
        text.push('\n');
        words(
            text,
            "findings      ",
            14,
            &format!("none: {}", told(findings)),
        );
        return;
    }
    let first = finding::first(findings).map(|finding| finding.rule);
    for (finding, found) in found.iter().take(SHOWN) {
        fault(text, finding, found, first == Some(finding.rule), paint);
    }
    let more = found.len().saturating_sub(SHOWN);
    let more = match more {
        0 => String::new(),
        _ => format!("{more} more, "),
    };
    text.push('\n');
    words(
        text,
        "findings      ",
        14,
        &format!("{more}{}", told(findings)),
    );
}

/// Number of rules that found nothing, and of those that could not tell.
fn told(findings: &[Finding]) -> String {
    let clear = findings.iter().filter(|finding| finding.is_clear()).count();
    let unknown = |finding: &&Finding| matches!(finding.status, Status::NotEvaluated(_));
    let unknown = findings.iter().filter(unknown).count();
    let gone = findings.iter().filter(|finding| finding.gone.is_some());
    let gone: Vec<&str> = gone.map(|finding| finding.rule.id()).collect();
    let gone = match gone.is_empty() {
        true => String::new(),
        false => format!("; was there before: {}", gone.join(", ")),
    };
    format!(
        "{clear} of {} rules are clear, {unknown} cannot tell (why: `findings` of --json){gone}",
        Rule::COUNT
    )
}

fn fault(text: &mut String, finding: &Finding, found: &Found, is_first: bool, paint: &Paint) {
    let (rule, fault) = (finding.rule, &found.fault);
    let saves = fault.saves.as_ref();
    let saves = saves.map_or(String::new(), |saves| format!(", saves {saves}"));
    let lead = match (&finding.suppressed_by, is_first, fault.severity) {
        (Some(_), ..) => "allowed",
        (None, true, _) => "change this first",
        (None, false, Severity::Info) => "for information",
        (None, false, _) => "found",
    };
    let head = format!("{lead}: {}", rule.id());
    let mut lines = String::new();
    let severity = fault.severity.as_str();
    words(&mut lines, "", 2, &format!("{head} ({severity}{saves})"));
    let painted = match (&finding.suppressed_by, fault.severity) {
        (Some(_), _) | (None, Severity::Info) => paint.bold(&head),
        (None, Severity::Warning | Severity::Critical) => paint.alarm(&head),
    };
    let _ = write!(text, "\n{}", lines.replacen(&head, &painted, 1));
    words(text, "  ", 2, &printable(&fault.summary));
    if let Some(because) = &finding.suppressed_because {
        words(
            text,
            "  ",
            2,
            &format!("allowed because: {}", printable(because)),
        );
        return;
    }
    let advice = advice::advise(rule, found.client, fault);
    let advice = advice.first().map(Advice::headline).unwrap_or_default();
    words(text, "  ", 2, &advice);
    let _ = writeln!(text, "  tracer explain {}", rule.id());
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracer_core::{
        finding::allow::{Allow, allow},
        snapshot::Snapshot,
    };

    use super::*;

    fn text_of(snapshot: &Snapshot, allowed: &[&str]) -> String {
        let mut all = finding::evaluate(snapshot, 10_000_000_000);
        let allowed = allowed.iter().map(|text| Allow::parse(text).unwrap());
        allow(&mut all, &allowed.collect::<Vec<_>>());
        let mut text = String::new();
        findings(&mut text, &all, &Paint::new(false));
        text
    }

    #[test]
    fn three_lines_each() {
        let mut snapshot = Snapshot::default();
        let totals = Arc::make_mut(&mut snapshot.totals);
        totals.connections.opened = 100;
        totals.tcp.syn_retransmits = 50;
        totals.dns.queries = 100;
        totals.dns.answered = 100;
        (0..100).for_each(|_| totals.phases.dns.record(200_000_000));
        insta::assert_snapshot!(text_of(&snapshot, &[]));
        let text = text_of(&snapshot, &["connect-retries"]);
        assert!(text.contains("change this first: dns-slow"), "{text}");
        assert!(text.contains("allowed: connect-retries"), "{text}");
    }

    #[test]
    fn nothing_found_says_what_could_not_be_told() {
        let text = text_of(&Snapshot::default(), &[]);
        let expected = "\nfindings      none: 2 of 21 rules are clear, 19 cannot tell (why: `findings` of\n              --json)\n";
        assert_eq!(text, expected);
    }
}
