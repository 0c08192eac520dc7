//! Pages as Markdown.

use std::fmt::Write;

use tracer_core::finding::{advice::Advice, rule::Rule};

use super::{Explanation, words};

const HEAD: &str = "\
<!-- Printed by `tracer explain --markdown`; tracer-user/tests/generated.rs checks it. -->
# Findings

tracer judges the figures of each trace by the rules below: at the end in the text summary, in the export (`findings`), and on screen 7 while it runs. Every rule is evaluated always. It says `found`, `clear`, or
`not_evaluated` with the reason, such as too few requests. Figures count from the beginning of the trace, or from its last reset.

A trace of more than five minutes is judged twice: as a whole, and by the figures of its last minutes (150 to 300 seconds). A fault of the last minutes is found, however well the hours before went; `window_ns` says in which time its figures were taken.
One that the last minutes are clear of, although it should have happened there 50 times or more at its earlier rate, is found no more. The rule is `clear` then, and its `since` and `last_true` in the export say when the fault was there. With more than 1,000 hosts the last minutes are judged by process and
in all, and not by host.

- **Scope**: the widest of all connections, a process, a host or a proxy that has the fault. Its numbers are in the sentence; `worst` lists narrower ones.
- **Saves** is an upper bound, and its basis is said. Times of requests that ran at once are summed, so it may be more than the trace took. Faults share time: what two of them save is not to be added up.
- **Order**: critical before warning before information, then by what it would save. The first that is more than information is marked \"change this first\".
- **measured** means that the figures show the fault itself, **inferred** that something else may lead to the same figures.
- A fault that was found stays found until its figure is a fifth better than the limit, so that it does not flicker. `since` says when it was found first, `last_true` when it last happened again.
- **Allowed**: `--allow ID` or `--allow ID=HOST` (with `*` and `?`; once for each) marks a finding as allowed. It is still shown, behind the others, and never comes first. With a host it holds if every host that has the fault matches. `--allow-file FILE` reads such permissions from a file, one a line; what follows a `#` there is the reason, or the comment right above, and is shown with the finding.
- **Client**: recognised by its User-Agent in clear, by its program, or by the form of its ClientHello. Advice for that client comes first; the value proposed comes from the figures of the trace.
";

pub(super) fn all() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n| rule | fault |\n| --- | --- |\n");
    for rule in Rule::ALL {
        let _ = writeln!(text, "| [{0}](#{0}) | {1} |", rule.id(), rule.title());
    }
    for rule in Rule::ALL {
        text.push('\n');
        text.push_str(&page(&Explanation::of(rule)));
    }
    text
}

pub(super) fn page(about: &Explanation) -> String {
    let mut text = format!("## {}\n", about.rule.id());
    let (before, after) = about.sections.split_at(3);
    for (title, paragraph) in before {
        let _ = writeln!(text, "\n**{title}.** {paragraph}");
    }
    if !about.thresholds.is_empty() {
        text.push_str("\n| threshold | value | why |\n| --- | --- | --- |\n");
    }
    for threshold in about.thresholds {
        let (name, value) = (words(threshold.name), threshold.print());
        let _ = writeln!(text, "| {name} | {value} | {} |", threshold.why);
    }
    for (title, paragraph) in after {
        let _ = writeln!(text, "\n**{title}.** {paragraph}");
    }
    let _ = writeln!(text, "\n**What to do.** {}", about.advice);
    about
        .clients
        .iter()
        .for_each(|advice| client(&mut text, advice));
    text
}

fn client(text: &mut String, advice: &Advice) {
    let name = advice.client.name();
    let (Some(setting), Some(default)) = (advice.setting, advice.default) else {
        let _ = writeln!(text, "\n{name}: {}", advice.text);
        return;
    };
    let _ = writeln!(
        text,
        "\n{name}: {setting}; default: {default}\n\n```\n{}\n```",
        advice.text
    );
}
