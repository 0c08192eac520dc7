//! Frames of every screen, and effects of keys on a model.

mod choosing;
mod cost;
mod fixture;
mod frames;
mod help;
mod news;
mod scenarios;
mod scripts;
mod windows;

use std::sync::Arc;

use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};

use super::{
    model::{Ask, Input, Key, Model},
    theme::Theme,
    view,
};
use crate::{trace::live::Moment, tui::settings::Colors};

/// A model with a screen of this size that has taken `moment`.
fn model(size: (u16, u16), moment: Moment) -> Model {
    let mut model = Model::new(fixture::about(), size, true);
    model.take(Input::Moment(Arc::new(moment)));
    model.take(Input::Output(Arc::new(fixture::output())));
    model.arrange();
    model
}

/// Presses the keys of a script: a letter is itself, `<Name>` a key with a name.
fn press(model: &mut Model, script: &str) -> Vec<Ask> {
    let mut asks = Vec::new();
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let key = match named {
            Some((name, after)) => {
                rest = after;
                named_key(name)
            }
            None => {
                rest = &rest[c.len_utf8()..];
                Key::Char(c)
            }
        };
        asks.extend(model.take(Input::Key(key)));
        model.arrange();
    }
    asks
}

fn named_key(name: &str) -> Key {
    match name {
        "Enter" => Key::Enter,
        "Esc" => Key::Escape,
        "Tab" => Key::Tab,
        "BackTab" => Key::BackTab,
        "Back" => Key::Backspace,
        "Up" => Key::Up,
        "Down" => Key::Down,
        "Left" => Key::Left,
        "Right" => Key::Right,
        "PageUp" => Key::PageUp,
        "PageDown" => Key::PageDown,
        "Home" => Key::Home,
        "End" => Key::End,
        "gt" => Key::Char('>'),
        other => match other.strip_prefix("C-") {
            Some(letter) => Key::Control(letter.chars().next().unwrap()),
            None => panic!("no key {other}"),
        },
    }
}

fn draw(model: &Model, theme: &Theme) -> Buffer {
    let size = size(model);
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal
        .draw(|frame| view::draw(frame, model, theme))
        .unwrap();
    terminal.backend().buffer().clone()
}

fn size(model: &Model) -> (u16, u16) {
    model.size()
}

/// The frame as text.
fn frame(model: &Model) -> String {
    text(&draw(model, &Theme::new(Colors::Many, true)))
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let mut lines = String::new();
    for row in buffer.content().chunks(width) {
        let mut skip = 0;
        let mut line = String::new();
        for cell in row {
            if skip == 0 {
                line.push_str(cell.symbol());
                skip = unicode_width::UnicodeWidthStr::width(cell.symbol()).max(1);
            }
            skip -= 1;
        }
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}
