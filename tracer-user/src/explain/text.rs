//! Pages as text for a terminal.

use std::fmt::Write;

use tracer_core::finding::{advice::Advice, rule::Rule};

use super::{Explanation, words};

/// Longest line of a paragraph.
const WIDTH: usize = 96;

pub(super) fn list() -> String {
    let mut text = String::new();
    for rule in Rule::ALL {
        let _ = writeln!(text, "{:<28}{}", rule.id(), rule.title());
    }
    text.push_str("\n`tracer explain ID` explains one of them.\n");
    text
}

pub(super) fn page(about: &Explanation) -> String {
    let mut text = format!("{}: {}\n", about.rule.id(), about.rule.title());
    let (before, after) = about.sections.split_at(3);
    for (title, paragraph) in before {
        section(&mut text, title, paragraph);
    }
    if !about.thresholds.is_empty() {
        text.push_str("\nThresholds\n");
    }
    for threshold in about.thresholds {
        let _ = writeln!(text, "  {}: {}", words(threshold.name), threshold.print());
        wrapped(&mut text, "    ", threshold.why);
    }
    for (title, paragraph) in after {
        section(&mut text, title, paragraph);
    }
    section(&mut text, "What to do", about.advice);
    for advice in &about.clients {
        client(&mut text, advice);
    }
    text
}

fn section(text: &mut String, title: &str, paragraph: &str) {
    let _ = writeln!(text, "\n{title}");
    wrapped(text, "  ", paragraph);
}

fn client(text: &mut String, advice: &Advice) {
    let _ = writeln!(text, "\n  {}", advice.client.name());
    let (Some(setting), Some(default)) = (advice.setting, advice.default) else {
        return wrapped(text, "    ", &advice.text);
    };
    wrapped(text, "    ", &format!("{setting}; default: {default}"));
    for line in advice.text.lines() {
        let _ = writeln!(text, "      {line}");
    }
}

/// Adds a paragraph with lines no longer than [`WIDTH`].
fn wrapped(text: &mut String, indent: &str, paragraph: &str) {
    let mut line = String::new();
    for word in paragraph.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "{indent}{line}");
}
