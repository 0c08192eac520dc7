//! Screens of text: the command's output, and help.

use tracer_text::printable::without_colors;

use super::canvas::Canvas;
use crate::{
    trace::capture::Stream,
    tui::{
        model::{
            Model,
            help::{help_lines, pages},
            layout::Area,
        },
        theme::Role,
    },
};

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

pub(super) fn help(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let lines = help_lines(model);
    let pages = pages(&lines, usize::from(area.height));
    let at = model.scrolled.min(pages.len().saturating_sub(1));
    let shown = pages.get(at).cloned().unwrap_or_default();
    let begins_part = lines
        .get(shown.start)
        .is_some_and(|(key, _)| key.is_empty());
    for (row, (key, what)) in lines[shown].iter().enumerate() {
        let line = area.below(row as u16).top(1);
        if key.is_empty() {
            canvas.heading(line, what);
        } else {
            canvas.put(line.left(13).right_of(1), key, Role::Key);
            canvas.put(line.right_of(14), what, Role::Text);
        }
    }
    if begins_part && pages.len() > 1 {
        let text = format!(" page {} of {} ", at + 1, pages.len());
        canvas.put_right(area.top(1), &text, Role::Dim);
    }
}
