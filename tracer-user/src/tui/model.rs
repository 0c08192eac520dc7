//! State of the screen: which view of which moment it shows, and what each key does. It does not depend on terminals.

pub(super) mod chooser;
pub(super) mod columns;
mod copy;
pub(super) mod figure;
pub(super) mod findings;
pub(super) mod help;
pub(super) mod keys;
pub(super) mod layout;
pub(super) mod look;
mod mark;
mod origin;
pub(super) mod phases;
pub(super) mod plot;
pub(super) mod table;
mod tables;
pub(super) mod tabs;
pub(super) mod window;

use std::sync::Arc;

use self::{
    layout::Layout,
    look::{Look, Subject},
    origin::Origin,
    plot::Plot,
    table::Tabular,
};
use super::About;
use crate::trace::{
    capture::Scrollback,
    live::{Command, Moment, Stage},
};

/// The screens, in the order of their tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Hosts,
    Processes,
    Connections,
    Names,
    Ports,
    Findings,
    Output,
    Help,
}

impl Tab {
    pub(super) const ALL: [Self; 9] = [
        Self::Overview,
        Self::Hosts,
        Self::Processes,
        Self::Connections,
        Self::Names,
        Self::Ports,
        Self::Findings,
        Self::Output,
        Self::Help,
    ];

    /// Name on the tab.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Hosts => "Hosts",
            Self::Processes => "Processes",
            Self::Connections => "Connections",
            Self::Names => "DNS",
            Self::Ports => "Ports",
            Self::Findings => "Findings",
            Self::Output => "Output",
            Self::Help => "Help",
        }
    }

    fn next(self, step: usize) -> Self {
        Self::ALL[(self as usize + step) % Self::ALL.len()]
    }
}

/// A key, whatever terminal it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Control(char),
    Enter,
    Escape,
    Tab,
    BackTab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
}

/// Input of a model.
#[derive(Debug, Clone)]
pub(super) enum Input {
    Key(Key),
    Click { x: u16, y: u16 },
    Scroll { up: bool },
    Resize(u16, u16),
    Moment(Arc<Moment>),
    Output(Arc<Scrollback>),
    Redraw,
}

/// Request of a model to the thread that runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    Engine(Command),
    Suspend,
    /// Copy the text to the clipboard.
    Copy(String),
}

/// View of the figures of one host or process, opened from a table.
#[derive(Debug, Clone)]
pub(super) struct Detail {
    pub(super) subject: Subject,
    /// The chosen phase.
    pub(super) cursor: usize,
}

/// State of the screen.
pub(super) struct Model {
    pub(super) about: About,
    size: (u16, u16),
    latest: Arc<Moment>,
    pub(super) shown: Arc<Moment>,
    pub(super) paused: bool,
    /// Origin of the figures.
    pub(super) origin: Origin,
    pub(super) tab: Tab,
    pub(super) hosts: Tabular,
    pub(super) proxies: Tabular,
    /// True if the screen of hosts lists the proxies instead.
    pub(super) lists_proxies: bool,
    pub(super) processes: Tabular,
    pub(super) connections: Tabular,
    pub(super) names: Tabular,
    pub(super) ports: Tabular,
    /// The phase of the overview that the user has chosen.
    phase: Option<usize>,
    pub(super) detail: Option<Detail>,
    pub(super) plot: Option<Plot>,
    /// The chosen finding.
    pub(super) finding: usize,
    /// True if the page of the chosen finding is open.
    pub(super) finding_open: bool,
    /// The filter being typed.
    pub(super) prompt: Option<String>,
    /// The chosen column in the list of those to sort by, while that is open.
    pub(super) chooser: Option<usize>,
    /// True if the command's output is shown on the screen.
    pub(super) has_command: bool,
    pub(super) output: Arc<Scrollback>,
    /// Lines that the output is scrolled back from its end, the page of a finding from its beginning; index of the help's
    /// page.
    pub(super) scrolled: usize,
    /// Message on one line, shown until the next key; true: something failed.
    pub(super) message: Option<(String, bool)>,
    heard: u64,
    leaving: bool,
    dirty: bool,
}

impl Model {
    /// Makes a model without figures.
    pub(super) fn new(about: About, size: (u16, u16), has_command: bool) -> Self {
        Self {
            about,
            size,
            latest: Arc::default(),
            shown: Arc::default(),
            paused: false,
            origin: Origin::default(),
            tab: Tab::Overview,
            hosts: Tabular::new(&tables::HOSTS),
            proxies: Tabular::new(&tables::PROXIES),
            lists_proxies: false,
            processes: Tabular::new(&tables::PROCESSES),
            connections: Tabular::new(&tables::CONNECTIONS),
            names: Tabular::new(&tables::NAMES),
            ports: Tabular::new(&tables::PORTS),
            phase: None,
            detail: None,
            plot: None,
            finding: 0,
            finding_open: false,
            prompt: None,
            chooser: None,
            has_command,
            output: Arc::default(),
            scrolled: 0,
            message: None,
            heard: 0,
            leaving: false,
            dirty: true,
        }
    }

    /// Takes an input; returns the request that the model cannot fulfil itself.
    pub(super) fn take(&mut self, input: Input) -> Option<Ask> {
        self.dirty = true;
        if matches!(
            input,
            Input::Key(_) | Input::Click { .. } | Input::Scroll { .. }
        ) {
            // Several keys may come before the next frame: each one must find the rows already in order.
            self.order();
        }
        match input {
            Input::Key(key) => return self.key(key),
            Input::Click { x, y } => self.click(x, y),
            Input::Scroll { up } => self.scroll(up),
            Input::Resize(width, height) => self.size = (width, height),
            Input::Moment(moment) => self.news(moment),
            Input::Output(lines) => self.printed(lines),
            Input::Redraw => {}
        }
        None
    }

    fn news(&mut self, moment: Arc<Moment>) {
        if let Some(notice) = &moment.notice
            && notice.number > self.heard
        {
            self.heard = notice.number;
            self.message = Some((notice.text.clone(), notice.failed));
        }
        // The end of the trace matters more than an earlier message.
        let has_ended = matches!(moment.stage, Stage::Over(_)) && self.latest.stage != moment.stage;
        if has_ended && self.message.as_ref().is_some_and(|(_, failed)| !failed) {
            self.message = None;
        }
        let restarted = moment.elapsed_ns < self.latest.elapsed_ns;
        if restarted {
            self.origin.forget_mark();
            self.paused = false;
        }
        self.origin.take(&moment);
        self.latest = moment;
        if !self.paused {
            self.show_latest();
        }
    }

    fn show_latest(&mut self) {
        self.shown = Arc::clone(&self.latest);
        self.origin.show_latest(&self.shown);
    }

    fn printed(&mut self, lines: Arc<Scrollback>) {
        // A scrolled-back view keeps its lines in place while new ones come.
        if self.tab == Tab::Output && self.scrolled != 0 {
            let total = |of: &Scrollback| of.dropped as usize + of.lines.len();
            let added = total(&lines).saturating_sub(total(&self.output));
            self.scrolled = (self.scrolled + added).min(lines.lines.len());
        }
        self.output = lines;
    }

    /// Sorts and arranges what is shown; true when the screen must be drawn again.
    pub(super) fn arrange(&mut self) -> bool {
        self.order();
        std::mem::take(&mut self.dirty)
    }

    fn order(&mut self) {
        let page = self.page();
        let look = Look {
            moment: &self.shown,
            mark: self.origin.mark(),
        };
        let table = match self.tab {
            Tab::Hosts if self.lists_proxies => Some(&mut self.proxies),
            Tab::Hosts => Some(&mut self.hosts),
            Tab::Processes => Some(&mut self.processes),
            Tab::Connections => Some(&mut self.connections),
            Tab::Names => Some(&mut self.names),
            Tab::Ports => Some(&mut self.ports),
            _ => None,
        };
        if let Some(table) = table {
            table.arrange(&look, page);
        }
        if let Some(plot) = &mut self.plot {
            plot.arrange(&look, self.size.0);
        }
    }

    /// Moment shown, with the origin of its figures.
    pub(super) fn look(&self) -> Look<'_> {
        Look {
            moment: &self.shown,
            mark: self.origin.mark(),
        }
    }

    /// Columns and rows of the terminal.
    #[cfg(test)]
    pub(super) fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Layout of a screen of the model's size.
    pub(super) fn layout(&self) -> Layout {
        Layout::of(self.size)
    }

    /// The table on the screen.
    pub(super) fn table(&self) -> Option<&Tabular> {
        match self.tab {
            Tab::Hosts if self.lists_proxies => Some(&self.proxies),
            Tab::Hosts => Some(&self.hosts),
            Tab::Processes => Some(&self.processes),
            Tab::Connections => Some(&self.connections),
            Tab::Names => Some(&self.names),
            Tab::Ports => Some(&self.ports),
            _ => None,
        }
    }

    fn with_table(&mut self, change: impl FnOnce(&mut Tabular, &Look<'_>)) {
        let look = Look {
            moment: &self.shown,
            mark: self.origin.mark(),
        };
        match self.tab {
            Tab::Hosts if self.lists_proxies => change(&mut self.proxies, &look),
            Tab::Hosts => change(&mut self.hosts, &look),
            Tab::Processes => change(&mut self.processes, &look),
            Tab::Connections => change(&mut self.connections, &look),
            Tab::Names => change(&mut self.names, &look),
            Tab::Ports => change(&mut self.ports, &look),
            _ => {}
        }
    }

    /// Lines of the findings: the list, or the page of the chosen one.
    pub(super) fn finding_lines(&self) -> Vec<findings::Line> {
        let findings = &self.shown.findings;
        let width = usize::from(self.layout().body.width);
        match findings.get(self.finding).filter(|_| self.finding_open) {
            Some(finding) => findings::page(finding, self.finding, width),
            None => findings::list(findings, width),
        }
    }

    /// First line of the findings that is shown, and the chosen finding of the list.
    pub(super) fn findings_shown(&self) -> (usize, Option<usize>) {
        if self.finding_open {
            return (self.scrolled, None);
        }
        let lines = self.finding_lines();
        let last = lines.iter().rposition(|line| line.finding == self.finding);
        let below = last.map_or(0, |last| last + 1);
        (below.saturating_sub(self.page()), Some(self.finding))
    }

    /// True if the overview has a line about the fault to change first.
    pub(super) fn has_top_finding(&self) -> bool {
        findings::top(&self.shown.findings).is_some()
    }

    /// Number of rows on a page of the shown table or text.
    pub(super) fn page(&self) -> usize {
        let body = self.layout().body.height;
        let head = if self.table().is_some() { 1 } else { 0 };
        usize::from(body.saturating_sub(head)).max(1)
    }

    /// True while tracing goes on.
    fn is_tracing(&self) -> bool {
        self.latest.stage == Stage::Tracing
    }
}
