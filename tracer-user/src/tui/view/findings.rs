//! Screen of the findings: the list, or the page of one.

use super::canvas::Canvas;
use crate::tui::{
    model::{
        Model,
        findings::{Tone, top},
        layout::Area,
    },
    theme::Role,
};

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let lines = model.finding_lines();
    if lines.is_empty() {
        canvas.put(area.right_of(1), "no figures yet", Role::Dim);
        return;
    }
    let (first, chosen) = model.findings_shown();
    let page = usize::from(area.height);
    for (row, line) in lines.iter().skip(first).take(page).enumerate() {
        let place = area.below(row as u16).top(1);
        canvas.put(place, &line.text, role(line.tone));
        if chosen == Some(line.finding) {
            canvas.select(place);
        }
    }
}

/// Draws the line of the overview about the fault to change first.
pub(super) fn draw_top(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    if let Some((tone, text)) = top(&model.shown.findings) {
        canvas.put(area, &text, role(tone));
    }
}

fn role(tone: Tone) -> Role {
    match tone {
        Tone::Critical => Role::Alarm,
        Tone::Warning => Role::Worse,
        Tone::Title => Role::Title,
        Tone::Text => Role::Text,
        Tone::Code => Role::Key,
        Tone::Dim => Role::Dim,
    }
}
