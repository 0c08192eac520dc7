//! The last line: the filter being typed, the answer to a command, or the keys of the screen.

use super::canvas::Canvas;
use crate::{
    trace::live::Stage,
    tui::{
        model::{Model, Tab},
        theme::Role,
    },
};

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model) {
    let area = model.layout().footer;
    if let Some(text) = &model.prompt {
        let taken = canvas.line(
            area,
            &[("/", Role::Key), (text, Role::Text), ("_", Role::Accent)],
        );
        let error = model
            .table()
            .and_then(|table| table.filter_error.as_deref());
        let (hint, role) = match error {
            Some(error) => (error, Role::Worse),
            None => (
                "host:*.org  ttfb>10ms  !text  Tab completes names",
                Role::Dim,
            ),
        };
        canvas.put(area.right_of(taken + 2), hint, role);
        return;
    }
    if let Some((text, failed)) = &model.message {
        let role = if *failed { Role::Alarm } else { Role::Better };
        canvas.put(area, text, role);
        return;
    }
    let mut x = 0;
    for (at, (key, what)) in keys(model).into_iter().enumerate() {
        // The way the trace ended is shown after the key that quits.
        if let Stage::Over(how) = &model.shown.stage
            && at == 1
        {
            x += canvas.put(area.right_of(x), how, Role::Worse) + 2;
        }
        let piece = canvas.theme.text(&format!("{key} {what}"));
        if usize::from(area.width.saturating_sub(x)) < piece.len() {
            break;
        }
        x += canvas.line(
            area.right_of(x),
            &[(key, Role::Key), (" ", Role::Dim), (what, Role::Dim)],
        );
        x += 2;
    }
}

type Keys = &'static [(&'static str, &'static str)];

const ALWAYS: Keys = &[
    ("?", "help"),
    ("p", "pause"),
    ("m", "mark"),
    ("t", "window"),
    ("e", "export"),
    ("r", "reset"),
];

/// Keys while a recording is replayed.
const REPLAY: Keys = &[(".", "step"), ("[ ]", "speed")];

/// Keys of the footer, those of the open view first.
fn keys(model: &Model) -> Vec<(&'static str, &'static str)> {
    let own: Keys = if model.chooser.is_some() {
        &[("arrows", "choose"), ("Enter", "sort"), ("Esc", "leave")]
    } else if model.tab == Tab::Findings && model.finding_open {
        &[("arrows", "scroll"), ("Esc", "back")]
    } else if model.plot.is_some() {
        &[("<>", "bucket"), ("c", "compare"), ("Esc", "back")]
    } else if model.detail.is_some() {
        &[("Enter", "histogram"), ("Esc", "back")]
    } else {
        match model.tab {
            Tab::Overview => &[("Tab", "next"), ("Enter", "histogram")],
            Tab::Hosts if model.lists_proxies => &[
                ("Enter", "open"),
                ("x", "hosts"),
                ("/", "filter"),
                ("s", "sort"),
                ("S", "reverse"),
            ],
            Tab::Hosts => &[
                ("Enter", "open"),
                ("x", "proxies"),
                ("/", "filter"),
                ("s", "sort"),
                ("S", "reverse"),
            ],
            Tab::Processes => &[
                ("Enter", "open"),
                ("/", "filter"),
                ("s", "sort"),
                ("S", "reverse"),
            ],
            Tab::Connections | Tab::Names | Tab::Ports => {
                &[("/", "filter"), ("s", "sort"), ("S", "reverse")]
            }
            Tab::Findings => &[("Tab", "next"), ("Enter", "open")],
            Tab::Help => &[("PageDown", "next page")],
            Tab::Output => &[("Tab", "next")],
        }
    };
    let mut all = vec![("q", "quit")];
    all.extend(own);
    if model.shown.playing.is_some() {
        all.extend(REPLAY);
    }
    all.extend(ALWAYS);
    all
}
