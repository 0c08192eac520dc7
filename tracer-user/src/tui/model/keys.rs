//! Effects of keys and clicks.

use tracer_core::phase::Phase;

use super::{
    Ask, Detail, Key, Model, Tab,
    help::{help_lines, pages},
    look::Subject,
    phases::costliest,
    plot::Plot,
    tabs,
};
use crate::{
    trace::{live::Command, playback::Control},
    tui::filter::completed,
};

/// Longest filter that can be typed.
const MAX_FILTER: usize = 200;
/// Rows that the wheel scrolls.
const WHEEL: isize = 3;

/// Control of the replay that a key stands for.
fn control(key: char) -> Option<Control> {
    match key {
        'p' | ' ' => Some(Control::Pause),
        '.' => Some(Control::Step),
        ']' => Some(Control::Faster),
        '[' => Some(Control::Slower),
        _ => None,
    }
}

impl Model {
    pub(super) fn key(&mut self, key: Key) -> Option<Ask> {
        if key == Key::Control('c') {
            return Some(Ask::Engine(Command::Quit));
        }
        if key == Key::Control('z') {
            return Some(Ask::Suspend);
        }
        if self.prompt.is_some() {
            self.type_filter(key);
            return None;
        }
        if self.chooser.is_some() {
            self.choose(key);
            return None;
        }
        let leaving = std::mem::take(&mut self.leaving);
        self.message = None;
        match key {
            Key::Char('q') => return self.quit(leaving),
            Key::Char('y') => return self.copy(),
            Key::Char('e') => return Some(Ask::Engine(Command::Export)),
            Key::Char('r') => return Some(Ask::Engine(Command::Reset)),
            Key::Char('w') => return Some(Ask::Engine(Command::Record)),
            Key::Char(key) if self.latest.playing.is_some() && control(key).is_some() => {
                return control(key).map(|control| Ask::Engine(Command::Play(control)));
            }
            Key::Char('p' | ' ') => self.pause(),
            Key::Char('m') => self.change_mark(),
            Key::Char('t') => self.change_window(),
            Key::Char('?') => self.open_tab(Tab::Help),
            Key::Char(digit @ '1'..='9') => {
                let at = digit as usize - '1' as usize;
                if let Some(&tab) = Tab::ALL.get(at) {
                    self.open_tab(tab);
                }
            }
            Key::Tab => self.open_tab(self.tab.next(1)),
            Key::BackTab => self.open_tab(self.tab.next(Tab::ALL.len() - 1)),
            Key::Escape | Key::Backspace => self.back(),
            key => self.inner_key(key),
        }
        None
    }

    /// Quits; a running command is ended only by a second key.
    fn quit(&mut self, again: bool) -> Option<Ask> {
        if !self.has_command || !self.is_tracing() || again {
            return Some(Ask::Engine(Command::Quit));
        }
        self.leaving = true;
        self.message = Some((
            "the command is still running; q again ends it too".into(),
            false,
        ));
        None
    }

    fn pause(&mut self) {
        self.paused = !self.paused;
        if !self.paused {
            self.show_latest();
        }
    }

    fn open_tab(&mut self, tab: Tab) {
        if tab != self.tab {
            self.with_table(|table, _| table.forget());
        }
        self.tab = tab;
        self.detail = None;
        self.plot = None;
        self.finding_open = false;
        self.scrolled = 0;
    }

    fn back(&mut self) {
        if std::mem::take(&mut self.finding_open) {
            self.scrolled = 0;
            return;
        }
        if self.plot.take().is_some() || self.detail.take().is_some() {
            return;
        }
        if self
            .table()
            .is_some_and(|table| !table.filter_text.is_empty())
        {
            self.with_table(|table, _| table.set_filter(String::new()));
        } else {
            self.open_tab(Tab::Overview);
        }
    }

    /// Handles a key of the view that is open within the screen.
    fn inner_key(&mut self, key: Key) {
        let page = self.page() as isize;
        let all = isize::MAX / 2;
        match key {
            Key::Down | Key::Char('j') => self.go(1),
            Key::Up | Key::Char('k') => self.go(-1),
            Key::PageDown | Key::Control('d' | 'f') => self.go(page),
            Key::PageUp | Key::Control('u' | 'b') => self.go(-page),
            Key::Home | Key::Char('g') => self.go(-all),
            Key::End | Key::Char('G') => self.go(all),
            Key::Left | Key::Char('h') => self.sideways(-1),
            Key::Right | Key::Char('l') => self.sideways(1),
            Key::Enter => self.open(),
            Key::Char('c') => {
                let marked = self.look().compares();
                if let Some(plot) = &mut self.plot {
                    plot.compare(marked);
                }
            }
            key if self.table().is_some() && self.detail.is_none() => self.table_key(key),
            _ => {}
        }
    }

    fn table_key(&mut self, key: Key) {
        match key {
            Key::Char('/') => {
                self.prompt = self.table().map(|table| table.filter_text.clone());
            }
            Key::Char('s') => self.open_chooser(),
            Key::Char('S') => self.with_table(|table, _| table.reverse()),
            Key::Char('x') if self.tab == Tab::Hosts => self.lists_proxies = !self.lists_proxies,
            _ => {}
        }
    }

    /// Moves the cursor by rows, phases or bins.
    fn go(&mut self, by: isize) {
        if let Some(plot) = &mut self.plot {
            plot.step(by);
        } else if let Some(detail) = &mut self.detail {
            detail.cursor = moved(detail.cursor, by, Phase::ON_SCREEN.len());
        } else if self.table().is_some() {
            self.with_table(|table, look| {
                let at = moved(table.cursor, by, table.order.len());
                table.go_to(look, at);
            });
        } else if self.tab == Tab::Overview {
            let chosen = self.chosen_phase();
            self.phase = Some(moved(chosen, by, Phase::ON_SCREEN.len()));
        } else if self.tab == Tab::Findings && !self.finding_open {
            self.finding = moved(self.finding, by, self.shown.findings.len());
        } else {
            self.scroll_text(by);
        }
    }

    /// Scrolls text: the output from its end, the help by pages, other text from its beginning.
    fn scroll_text(&mut self, by: isize) {
        if self.tab == Tab::Help {
            return self.turn_page(by);
        }
        let by = if self.tab == Tab::Output { -by } else { by };
        let lines = match self.tab {
            Tab::Output => self.output.lines.len(),
            Tab::Findings => self.finding_lines().len(),
            _ => 0,
        };
        self.scrolled = self
            .scrolled
            .saturating_add_signed(by)
            .min(lines.saturating_sub(self.page()));
    }

    /// Goes to the next or previous page of the help, or to the last or first one.
    fn turn_page(&mut self, by: isize) {
        let count = pages(&help_lines(self), self.page()).len();
        let is_page = by.unsigned_abs() <= self.page();
        let by = if is_page { by.signum() } else { by };
        self.scrolled = moved(self.scrolled.min(count.saturating_sub(1)), by, count);
    }

    fn sideways(&mut self, by: isize) {
        if let Some(plot) = &mut self.plot {
            plot.step(by);
        } else if self.detail.is_none() {
            self.with_table(|table, _| {
                table.shift = moved(table.shift, by, table.table.columns.len() - 1);
            });
        }
    }

    fn open(&mut self) {
        if self.plot.is_some() {
            return;
        }
        if let Some(detail) = &self.detail {
            self.plot = Some(Plot::new(
                detail.subject.clone(),
                Phase::ON_SCREEN[detail.cursor],
            ));
        } else if self.tab == Tab::Findings {
            self.finding_open = !self.shown.findings.is_empty();
        } else if self.tab == Tab::Overview {
            self.plot = Some(Plot::new(
                Subject::All,
                Phase::ON_SCREEN[self.chosen_phase()],
            ));
        } else if let Some(table) = self.table() {
            let snapshot = &self.shown.snapshot;
            let subject = table
                .chosen()
                .and_then(|row| table.table.subject(snapshot, row));
            self.detail = subject.map(|subject| Detail {
                cursor: self.costliest_of(&subject),
                subject,
            });
        }
    }

    /// Place of the phase in which a request of a subject spends the longest time.
    fn costliest_of(&self, subject: &Subject) -> usize {
        let pair = self.look().subject(subject);
        pair.map_or(0, |pair| costliest(&pair, pair.cost(0, 0).as_ref()))
    }

    /// Edits the filter; it takes effect while it is typed.
    fn type_filter(&mut self, key: Key) {
        let Some(mut text) = self.prompt.take() else {
            return;
        };
        match key {
            Key::Enter => return,
            Key::Escape => text.clear(),
            Key::Backspace => {
                text.pop();
            }
            Key::Control('u') => text.clear(),
            Key::Tab => {
                let keys = self.table().map(|table| table.table.keys());
                text = completed(&text, &keys.unwrap_or_default()).unwrap_or(text);
            }
            Key::Char(c) if text.chars().count() < MAX_FILTER => text.push(c),
            _ => {}
        }
        self.with_table(|table, _| table.set_filter(text.clone()));
        if key != Key::Escape {
            self.prompt = Some(text);
        }
    }

    pub(super) fn scroll(&mut self, up: bool) {
        if self.chooser.is_some() {
            self.choose(if up { Key::Up } else { Key::Down });
        } else {
            self.go(if up { -WHEEL } else { WHEEL });
        }
    }

    /// Handles a click on a tab, on the head of a column, or on a row; a click on the chosen row opens it.
    pub(super) fn click(&mut self, x: u16, y: u16) {
        if self.chooser.is_some() {
            self.click_chooser(x, y);
            return;
        }
        let layout = self.layout();
        if y == layout.tabs.y {
            if let Some(tab) = tabs::at(self.tab, layout.tabs, x) {
                self.open_tab(tab);
            }
            return;
        }
        if layout.is_tiny() || y < layout.body.y || y >= layout.footer.y {
            return;
        }
        let row = usize::from(y - layout.body.y);
        if let Some(plot) = &mut self.plot {
            let column = isize::from(x.saturating_sub(layout.body.x + 1) as i16);
            plot.step(column / plot.bar as isize - plot.cursor as isize);
        } else if self.tab == Tab::Findings {
            self.click_finding(row);
        } else if self.detail.is_none() && self.table().is_some() {
            self.click_table(x, row);
        } else {
            self.click_phase(row);
        }
    }

    /// Chooses the finding at a row; a click on the chosen one opens it.
    fn click_finding(&mut self, row: usize) {
        if self.finding_open {
            return;
        }
        let (first, chosen) = self.findings_shown();
        let line = self.finding_lines().into_iter().nth(first + row);
        if let Some(line) = line {
            self.finding_open = chosen == Some(line.finding);
            self.finding = line.finding;
        }
    }

    fn click_table(&mut self, x: u16, row: usize) {
        let (width, marked) = (self.layout().body.width, self.look().compares());
        let mut opens = false;
        self.with_table(|table, look| {
            let Some(row) = row.checked_sub(1) else {
                let shown = table.layout(width, marked);
                let hit = shown
                    .iter()
                    .find(|&&(_, from, wide)| (from..=from + wide).contains(&x));
                if let Some(&(column, ..)) = hit {
                    table.sort_by(column);
                }
                return;
            };
            let at = table.offset + row;
            if at < table.order.len() {
                opens = at == table.cursor;
                table.go_to(look, at);
            }
        });
        if opens {
            self.open();
        }
    }

    fn click_phase(&mut self, row: usize) {
        let hit = self.phase_at(row).filter(|&at| at < Phase::ON_SCREEN.len());
        let Some(at) = hit else { return };
        let opens = match (&mut self.detail, self.tab) {
            (Some(detail), _) => std::mem::replace(&mut detail.cursor, at) == at,
            (None, Tab::Overview) => {
                let before = self.chosen_phase();
                self.phase = Some(at);
                before == at
            }
            _ => return,
        };
        if opens {
            self.open();
        }
    }
}

/// Place `by` rows further, within `of` rows.
pub(super) fn moved(at: usize, by: isize, of: usize) -> usize {
    at.saturating_add_signed(by).min(of.saturating_sub(1))
}
