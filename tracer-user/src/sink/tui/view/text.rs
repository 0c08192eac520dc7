//! Screens of text: findings, the command's output, help.

use tracer_core::phase::Phase;
use tracer_text::printable::without_colors;

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

/// Number of lines of the help.
pub(super) const HELP_ROWS: usize = HELP.len() + Phase::SAMPLED.len();

/// Fixed lines, then a line for each phase of the screens and tables.
fn help_lines() -> impl Iterator<Item = (&'static str, String)> {
    let fixed = HELP.iter().map(|(key, what)| (*key, (*what).to_owned()));
    let phases = Phase::SAMPLED.into_iter().map(|phase| {
        let span = format!("{} until {}", phase.from(), phase.to());
        (phase.title(), span)
    });
    fixed.chain(phases)
}
