//! Report: one page of HTML that shows an export, or two exports compared, to people who do not run tracer. It holds no
//! scripts and loads nothing, and whatever comes from an export is text in it: maud escapes markup, and `cell::name`
//! what hides or turns text.

mod cell;
mod chart;
mod comparison;
mod cost;
mod counts;
mod course;
mod findings;
mod frame;
mod losses;
mod phases;
mod ports;
mod samples;
mod subjects;
mod top;

use tracer_export::Export;

use crate::diff::Comparison;
use frame::Section;
use samples::Samples;

/// Page of an export, which is called so.
pub(crate) fn of_one(name: &str, export: &Export) -> String {
    let title = format!("tracer report: {}", cell::name(name));
    let top = top::of_one(&title, export);
    frame::document(&title, &top, &sections("", None, export))
}

/// Page of two exports: what changed, then the second one, then the first.
pub(crate) fn of_two(comparison: &Comparison) -> String {
    let [before, after] = comparison.names().each_ref().map(|name| cell::name(name));
    let [a, b] = comparison.exports();
    let title = format!("tracer report: {before} and {after}");
    let top = top::of_two(&title, [(&before, a), (&after, b)]);
    let mut all = comparison::sections(comparison);
    all.extend(sections("b-", Some(&after), b));
    all.extend(sections("a-", Some(&before), a));
    frame::document(&title, &top, &all)
}

/// Sections about one export. On a page about two, their headings end with its name.
fn sections(prefix: &str, name: Option<&str>, export: &Export) -> Vec<Section> {
    let samples = Samples::of(export);
    let titled = |id: &str, title: &str, body| {
        let title = match name {
            Some(name) => format!("{title}: {name}"),
            None => title.to_owned(),
        };
        Section::new(prefix, id, title, body)
    };
    let all = [
        ("findings", "Findings", findings::body(export)),
        ("time", "Where the time goes", cost::body(export, &samples)),
        ("phases", "Phases", phases::body(export, &samples)),
        ("course", "Course over time", course::body(&export.series)),
        ("hosts", "Hosts", subjects::hosts(export)),
        ("processes", "Processes", subjects::processes(export)),
        ("proxies", "Proxies", subjects::proxies(export)),
        ("connections", "Connections", counts::connections(export)),
        ("ports", "TIME_WAIT and ports", ports::body(export)),
        ("dns", "DNS", counts::dns(export)),
        ("records", "Records and losses", losses::records(export)),
    ];
    all.into_iter()
        .filter_map(|(id, title, body)| Some(titled(id, title, body?)))
        .collect()
}

#[cfg(test)]
mod tests;
