//! Places of the names of the screens.

use unicode_width::UnicodeWidthStr;

use super::{Tab, layout::Area};

/// Length of the tab names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Long,
    Short,
    /// Only the name of the open tab.
    One,
}

fn label(tab: Tab, form: Form) -> String {
    let number = tab as usize + 1;
    match form {
        Form::Long => format!(" {number} {} ", tab.name()),
        Form::Short => format!(" {number} {} ", short(tab)),
        Form::One => format!(" {number}/{} {} ", Tab::ALL.len(), tab.name()),
    }
}

fn short(tab: Tab) -> &'static str {
    match tab {
        Tab::Overview => "All",
        Tab::Processes => "Procs",
        Tab::Connections => "Conns",
        Tab::Findings => "Find",
        Tab::Output => "Out",
        Tab::Help => "?",
        other => other.name(),
    }
}

/// Tabs that are shown, each with its place and text.
pub(in super::super) fn places(open: Tab, area: Area) -> Vec<(Tab, Area, String)> {
    let width = |form| -> usize { Tab::ALL.iter().map(|&tab| label(tab, form).width()).sum() };
    let room = usize::from(area.width);
    let form = [Form::Long, Form::Short]
        .into_iter()
        .find(|&form| width(form) <= room)
        .unwrap_or(Form::One);
    let mut rest = area;
    let shown = Tab::ALL
        .into_iter()
        .filter(|&tab| form != Form::One || tab == open);
    let place = |tab| {
        let text = label(tab, form);
        let here = rest.left(text.width() as u16);
        rest = rest.right_of(here.width);
        (tab, here, text)
    };
    shown.map(place).collect()
}

/// Tab at a column of the terminal.
pub(in super::super) fn at(open: Tab, area: Area, x: u16) -> Option<Tab> {
    let places = places(open, area);
    let hit = places
        .iter()
        .find(|(_, here, _)| (here.x..here.x + here.width).contains(&x))?;
    // With a single name shown, a click opens the next tab.
    let next = Tab::ALL[(hit.0 as usize + 1) % Tab::ALL.len()];
    Some(if places.len() == 1 { next } else { hit.0 })
}
