//! The comparison in Markdown, for pull requests.

use std::fmt::Write as _;

use tracer_export::{Export, Verdict, VerdictResult};
use tracer_text::printable::printable;

use super::{findings::Changed, row::Row};

/// Everything that is compared.
pub(super) struct Document<'c> {
    pub(super) names: &'c [String; 2],
    pub(super) exports: [&'c Export; 2],
    pub(super) rows: &'c [Row],
    pub(super) findings: &'c [Changed],
    pub(super) verdicts: &'c [Verdict],
}

impl Document<'_> {
    /// The whole text.
    pub(super) fn text(&self) -> String {
        let [a, b] = self.names.each_ref().map(|name| escaped(name));
        let mut text = format!("### tracer: {a} → {b}\n\n");
        for (name, export) in self.names.iter().zip(self.exports) {
            if let Some(losses) = export.events.losses().filter(|losses| *losses > 0) {
                let name = escaped(name);
                let _ = writeln!(
                    text,
                    "**{name}: {losses} records lost, figures are not complete**\n"
                );
            }
        }
        verdicts(&mut text, self.verdicts);
        let _ = writeln!(text, "| | {a} | {b} | change | what it means |");
        text.push_str("| --- | ---: | ---: | ---: | --- |\n");
        self.rows.iter().for_each(|it| row(&mut text, it));
        findings(&mut text, self.findings);
        text
    }
}

fn verdicts(text: &mut String, verdicts: &[Verdict]) {
    for verdict in verdicts {
        let line = escaped(&tracer_gate::words(verdict));
        let _ = match verdict.result {
            VerdictResult::Failed => writeln!(text, "- **{line}**"),
            _ => writeln!(text, "- {line}"),
        };
    }
    if !verdicts.is_empty() {
        text.push('\n');
    }
}

fn row(text: &mut String, row: &Row) {
    let change = row.change().print();
    let (change, word) = match row.verdict() {
        1 => (format!("**{change}**"), "better: "),
        -1 => (format!("**{change}**"), "worse: "),
        _ => (change, ""),
    };
    let _ = writeln!(
        text,
        "| {} | {} | {} | {change} | {word}{} |",
        escaped(row.title.trim_start()),
        row.unit.print(row.a),
        row.unit.print(row.b),
        escaped(&row.explanation())
    );
}

fn findings(text: &mut String, findings: &[Changed]) {
    if !findings.is_empty() {
        text.push_str("\n#### Findings\n\n");
    }
    for finding in findings {
        let _ = writeln!(text, "- {}", escaped(&finding.to_text()));
    }
}

/// Text that means nothing in Markdown, HTML and on a forge: no markup, no links, no mentions of people.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '@' => escaped.push_str("&#64;"),
            '#' => escaped.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    // A forge makes links of what looks like an address.
    escaped
        .replace("://", "&#58;//")
        .replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_text() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(escaped(text), expected);
        }
        check("before", "before");
        check("a|b", "a\\|b");
        check("<script>", "&lt;script&gt;");
        check("@all #1", "&#64;all &#35;1");
        check("[x](y) `z` *b*", "\\[x\\](y) \\`z\\` \\*b\\*");
        check("https://x", "https&#58;//x");
        assert!(!escaped("a\nb\u{1b}[31m").contains(['\n', '\u{1b}']));
    }
}
