//! Top of the page: what was traced, and what is missing in the figures.

use maud::{Markup, html};
use tracer_export::{Export, Machine, Window};

use super::{
    cell::{name, time},
    losses,
};

/// Top of a page about one export.
pub(super) fn of_one(title: &str, export: &Export) -> Markup {
    html! {
        h1 { (title) }
        (facts(export))
        (losses::banner(None, export))
        (verdicts(export))
    }
}

/// Top of a page about two exports, which are called so.
pub(super) fn of_two(title: &str, sides: [(&str, &Export); 2]) -> Markup {
    html! {
        h1 { (title) }
        @for (called, export) in sides {
            h2 { (called) }
            (facts(export))
            (losses::banner(Some(called), export))
            (verdicts(export))
        }
    }
}

/// Command, filter, time and machine of the trace. An export says less when it was cut, merged or written by an older
/// tracer.
fn facts(export: &Export) -> Markup {
    let facts = [
        ("command", command(export)),
        ("filter", filter(export)),
        ("time", window(&export.window)),
        ("machine", machine(&export.machine)),
        ("tracer", said([&export.tracer.version])),
        ("merged of", merged(export)),
    ];
    html! {
        dl.facts {
            @for (what, fact) in facts {
                @if let Some(fact) = fact {
                    dt { (what) }
                    dd { (fact) }
                }
            }
        }
    }
}

fn command(export: &Export) -> Option<String> {
    let words = export.command.as_ref()?;
    let words: Vec<String> = words.iter().map(|word| name(word)).collect();
    Some(words.join(" "))
}

fn filter(export: &Export) -> Option<String> {
    let given = export.filter.given().into_iter();
    let flags = given.flat_map(|(flag, values)| {
        let flag = move |value: &String| format!("--{flag} {}", name(value));
        values.iter().map(flag).collect::<Vec<_>>()
    });
    let flags: Vec<String> = flags.collect();
    (!flags.is_empty()).then(|| flags.join(" "))
}

fn window(window: &Window) -> Option<String> {
    let span = [&window.started_at, &window.ended_at].map(|at| name(at));
    let is_known = !window.started_at.is_empty() && !window.ended_at.is_empty();
    let span = is_known.then(|| span.join(" to "));
    let long = window.duration_ns.map(|ns| time(Some(ns)));
    let parts: Vec<String> = [long, span].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn machine(machine: &Machine) -> Option<String> {
    let cpus = machine.cpus.map(|cpus| format!("{cpus} processors"));
    let text = said([&machine.hostname, &machine.kernel, &machine.arch]);
    let parts: Vec<String> = [text, cpus].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn merged(export: &Export) -> Option<String> {
    let parts = &export.merged.as_ref()?.parts;
    Some(format!("{} exports", parts.len()))
}

/// Texts that are not empty, with commas between them; None without any.
fn said<const N: usize>(texts: [&String; N]) -> Option<String> {
    let texts = texts.into_iter().filter(|text| !text.is_empty());
    let texts: Vec<String> = texts.map(|text| name(text)).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// Results of `--fail-on`, if there were any.
fn verdicts(export: &Export) -> Markup {
    let verdicts = export.verdicts.as_deref().unwrap_or_default();
    html! {
        @if !verdicts.is_empty() {
            div.banner.doubt {
                p { strong { "Gate" } }
                ul {
                    @for verdict in verdicts { li { (tracer_gate::words(verdict)) } }
                }
            }
        }
    }
}
