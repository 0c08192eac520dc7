//! Text of the findings: the list of all rules, and the page of one fault.

use tracer_core::finding::{
    self, Finding, Found, Scope, Status,
    advice::{Advice, advise},
    rule::Rule,
    rules::definition,
    verdict::Severity,
};
use tracer_text::{number, printable::printable};

/// Meaning of a line, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Tone {
    /// A fault that lets requests fail.
    Critical,
    /// A fault that costs time.
    Warning,
    /// A heading.
    Title,
    /// Figures and text.
    Text,
    /// Code to copy.
    Code,
    /// Minor things.
    Dim,
}

/// Line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Line {
    pub(in super::super) tone: Tone,
    pub(in super::super) text: String,
    /// Place of the finding in the list; None for a line of a page.
    pub(in super::super) finding: usize,
}

/// Lines of the list in a screen of this width: two for each fault, one for each other rule.
pub(in super::super) fn list(findings: &[Finding], width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, finding) in findings.iter().enumerate() {
        let mut add = |tone, text: String| {
            lines.push(Line {
                tone,
                text,
                finding: at,
            });
        };
        let id = finding.rule.id();
        match &finding.status {
            Status::Found(found) => {
                let is_first = at == 0 && finding::first(findings).is_some();
                match &finding.suppressed_by {
                    Some(by) => {
                        let because = finding.suppressed_because.as_ref();
                        let because = because.map_or(String::new(), |why| format!(" ({why})"));
                        let text = format!("allowed by {by}{because}: {id}");
                        add(Tone::Dim, cut(&text, width, "  "));
                    }
                    None => add(tone(found), head(finding.rule, found, is_first)),
                }
                add(Tone::Text, cut(&found.fault.summary, width, "    "));
            }
            Status::Clear => {
                let before = finding.gone.map_or("", |_| " now, and found before");
                add(Tone::Dim, format!("  {id}: clear{before}"));
            }
            Status::NotEvaluated(why) => {
                let text = format!("{id}: cannot tell: {why}");
                add(Tone::Dim, cut(&text, width, "  "));
            }
        }
    }
    lines
}

/// Line of the overview about the fault to change first.
pub(in super::super) fn top(findings: &[Finding]) -> Option<(Tone, String)> {
    let top = finding::first(findings)?;
    let found = top.found()?;
    let saves = found.fault.saves.as_ref();
    let each_ns = saves.and_then(|saves| saves.per_request_ns);
    let saves = each_ns.map_or(String::new(), |ns| {
        format!(", saves up to {} a request", number::time(ns))
    });
    let text = format!("change this first: {}{saves} (press 7)", top.rule.id());
    Some((tone(found), text))
}

/// Lines of the page of a finding.
pub(in super::super) fn page(finding: &Finding, at: usize, width: usize) -> Vec<Line> {
    let mut page = Page {
        lines: Vec::new(),
        width,
        at,
    };
    page.add(
        Tone::Title,
        "",
        &format!("{}: {}", finding.rule.id(), finding.rule.title()),
    );
    match &finding.status {
        Status::Found(found) => page.fault(finding.rule, found),
        Status::Clear => page.add(Tone::Text, "  ", "The figures do not show this fault."),
        Status::NotEvaluated(why) => {
            page.add(Tone::Text, "  ", &format!("It cannot be told: {why}."));
        }
    }
    page.add(Tone::Title, "", "How it is told");
    page.add(Tone::Text, "  ", definition(finding.rule).page.told);
    let more = format!("More: tracer explain {}", finding.rule.id());
    page.add(Tone::Dim, "", &more);
    page.lines
}

fn head(rule: Rule, found: &Found, is_first: bool) -> String {
    let fault = &found.fault;
    let saves = fault.saves.as_ref();
    let saves = saves.map_or(String::new(), |saves| format!(", saves {saves}"));
    let lead = if is_first { "change this first: " } else { "" };
    format!("  {lead}{} ({}{saves})", rule.id(), fault.severity.as_str())
}

fn tone(found: &Found) -> Tone {
    match found.fault.severity {
        Severity::Critical => Tone::Critical,
        Severity::Warning => Tone::Warning,
        Severity::Info => Tone::Title,
    }
}

fn cut(text: &str, width: usize, indent: &str) -> String {
    let text = format!("{indent}{}", printable(text));
    match text.chars().count() > width {
        true => text
            .chars()
            .take(width.saturating_sub(1))
            .chain(['…'])
            .collect(),
        false => text,
    }
}

/// Page that is being written.
struct Page {
    lines: Vec<Line>,
    width: usize,
    at: usize,
}

/// Process that has most of the fault at a host, as the end of a line.
fn by(scope: &Scope) -> String {
    let by = scope.by.as_deref();
    by.map_or_else(String::new, |by| format!(", most by {by}"))
}

impl Page {
    fn fault(&mut self, rule: Rule, found: &Found) {
        let fault = &found.fault;
        self.add(tone(found), "  ", &fault.summary);
        if let Some(saves) = &fault.saves {
            self.add(
                Tone::Text,
                "  ",
                &format!("Saves {saves}: {}.", saves.basis),
            );
        }
        let scope = match &*found.scope.name {
            "" => "all connections".to_owned(),
            name => format!("{} {name}{}", found.scope.kind.as_str(), by(&found.scope)),
        };
        let confidence = fault.confidence.as_str();
        let text = format!("{scope}; {confidence}; client: {}", found.client.name);
        self.add(Tone::Dim, "  ", &text);
        for worst in &found.worst {
            let text = format!("{} {}{}", worst.kind.as_str(), worst.name, by(worst));
            self.add(Tone::Dim, "    ", &text);
        }
        self.add(Tone::Title, "", "Evidence");
        for evidence in &fault.evidence {
            let name = evidence.name.replace('_', " ");
            let text = format!("{name}: {}", evidence.unit.print(evidence.value));
            self.add(Tone::Text, "  ", &text);
        }
        self.add(Tone::Title, "", "What to do");
        for advice in advise(rule, found.client, fault) {
            self.advice(&advice);
        }
    }

    fn advice(&mut self, advice: &Advice) {
        self.add(Tone::Text, "  ", &advice.headline());
        match advice.setting {
            Some(_) => {
                for line in advice.text.lines() {
                    self.push(Tone::Code, format!("      {line}"));
                }
            }
            None if advice.headline().len() + 1 < advice.text.len() => {
                let rest = &advice.text[advice.headline().len() + 1..];
                self.add(Tone::Text, "  ", rest.trim_start());
            }
            None => {}
        }
    }

    /// Adds a paragraph, with lines that fit the screen.
    fn add(&mut self, tone: Tone, indent: &str, paragraph: &str) {
        let paragraph = printable(paragraph);
        let room = self.width.saturating_sub(indent.len()).max(10);
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                self.push(tone, format!("{indent}{line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.push(tone, format!("{indent}{line}"));
    }

    fn push(&mut self, tone: Tone, text: String) {
        self.lines.push(Line {
            tone,
            text,
            finding: self.at,
        });
    }
}
