//! Screens of text: findings, the command's output, help.

use tracer_core::phase::Phase;

use super::canvas::Canvas;
use crate::{
    capture::Stream,
    sink::tui::{
        model::{Model, layout::Area},
        theme::Role,
    },
};

pub(super) fn findings(canvas: &mut Canvas<'_>, area: Area) {
    let lines = [
        "This version of tracer has no rules that judge the figures yet.",
        "The overview says where the time of a request goes; Hosts sorted by ttfb99,",
        "tls99 or fail says with whom. m marks a baseline to compare a change with.",
    ];
    canvas.heading(area.top(1), "Findings");
    for (at, line) in lines.iter().enumerate() {
        canvas.put(area.below(1 + at as u16).right_of(1), line, Role::Text);
    }
}

pub(super) fn output(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    if !model.has_command {
        canvas.heading(area.top(1), "Output");
        let text = "`tracer run -- COMMAND` shows here what the command prints";
        canvas.put(area.below(1).right_of(1), text, Role::Dim);
        return;
    }
    let lines = &model.output.lines;
    if lines.is_empty() {
        canvas.put(
            area.right_of(1),
            "the command has printed nothing yet",
            Role::Dim,
        );
        return;
    }
    let page = usize::from(area.height);
    let end = lines.len() - model.scrolled.min(lines.len());
    let begin = end.saturating_sub(page);
    for (row, line) in lines
        .range(begin..end.max(page.min(lines.len())))
        .take(page)
        .enumerate()
    {
        let place = area.below(row as u16).top(1);
        let role = match line.stream {
            Stream::Out => Role::Text,
            Stream::Err => Role::Worse,
        };
        canvas.put(place, &without_colors(&line.text), role);
    }
    if model.scrolled != 0 {
        let text = format!(" {} lines below, End follows ", model.scrolled);
        canvas.put_right(area.below(area.height.saturating_sub(1)), &text, Role::Key);
    }
}

/// Without sequences that only set colours (ECMA-48 SGR); every other control stays, to be escaped.
fn without_colors(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let (before, sequence) = rest.split_at(at);
        shown.push_str(before);
        let parameters = &sequence[2..];
        let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':');
        match end {
            Some(end) if parameters[end..].starts_with('m') => rest = &parameters[end + 1..],
            _ => {
                shown.push_str("\x1b[");
                rest = parameters;
            }
        }
    }
    shown.push_str(rest);
    shown.replace('\t', "    ")
}

/// Keys and words, line by line; an empty key: a heading.
const HELP: &[(&str, &str)] = &[
    ("", "Everywhere"),
    ("1-9  Tab", "screens; also a click on a name"),
    (
        "arrows hjkl",
        "move; PageUp PageDown Home End g G; the wheel",
    ),
    ("Enter  Esc", "open what is chosen; back"),
    (
        "m",
        "mark: from now on figures since the mark, with their change; m again ends it",
    ),
    ("p", "pause the screen, not the tracing; p again goes on"),
    (
        "e",
        "write the export (JSON) into the directory where tracer was started",
    ),
    (
        "w",
        "record from now into a file there, figures begin anew; w again ends it",
    ),
    ("r", "reset: forget all figures; open connections stay"),
    ("q  Ctrl-C", "end, with the summary; Ctrl-Z suspends"),
    ("", "Tables"),
    ("/", "filter: words that all have to hold"),
    ("  text", "the row holds it"),
    (
        "  host:*.org",
        "a column's text, with * and ?; comm: pid: port: name: to:",
    ),
    (
        "  ttfb>10ms",
        "a figure: requests reuse failed tw open connect tls ttfb transfer",
    ),
    (
        "  tls.p50<=1s",
        "a phase alone is its p99; units ns us ms s m % k M",
    ),
    ("  !word", "not"),
    (
        "s  S",
        "sort by the next column; the other way round; also a click on a head",
    ),
    ("left right", "columns that do not fit"),
    ("", "Histograms"),
    ("left right", "move the cursor over the buckets"),
    (
        "c",
        "compare: tls with resumed, first with reused, since with before the mark",
    ),
    ("", "Replay"),
    ("p  .", "pause, go on; a quarter of a second further"),
    ("[  ]", "half as fast, twice as fast"),
    ("", "Phases"),
];

pub(super) fn help(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let page = usize::from(area.height);
    let shown = help_lines().skip(model.scrolled.min(HELP_ROWS)).take(page);
    for (row, (key, what)) in shown.enumerate() {
        let line = area.below(row as u16).top(1);
        if key.is_empty() {
            canvas.heading(line, &what);
        } else {
            canvas.put(line.left(13).right_of(1), key, Role::Key);
            canvas.put(line.right_of(14), &what, Role::Text);
        }
    }
}

/// Lines of the help.
pub(super) const HELP_ROWS: usize = HELP.len() + Phase::SAMPLED.len();

/// The fixed lines, then a line for each phase of the screens and tables.
fn help_lines() -> impl Iterator<Item = (&'static str, String)> {
    let fixed = HELP.iter().map(|(key, what)| (*key, (*what).to_owned()));
    let phases = Phase::SAMPLED.into_iter().map(|phase| {
        let span = format!("{} until {}", phase.from(), phase.to());
        (phase.title(), span)
    });
    fixed.chain(phases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_and_other_controls_stay() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(without_colors(text), expected);
        }
        check("\x1b[1;31mred\x1b[0m", "red");
        check("a\x1b[2Jb", "a\x1b[2Jb");
        check("\x1b[", "\x1b[");
        check("\x1b[38;5;1", "\x1b[38;5;1");
        check("a\tb", "a    b");
    }
}
