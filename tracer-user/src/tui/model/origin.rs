//! Origin of the figures on the screen: the beginning, the user's mark, or the beginning of a window.

use std::sync::Arc;

use super::{
    Model,
    mark::Mark,
    window::{MOST, Steps, Window},
};
use crate::trace::live::Moment;

/// Origin from which figures are counted.
#[derive(Debug, Default)]
pub(in super::super) struct Origin {
    /// The user's mark.
    mark: Option<Mark>,
    window: Window,
    /// Beginning of the window; None as long as the whole time is no longer.
    begin: Option<Mark>,
    /// Steps up to the latest moment.
    latest: Steps,
    /// Steps up to the shown moment: while the screen is paused, the latest ones go on.
    shown: Steps,
}

impl Origin {
    /// The mark that figures are counted from; None for the beginning.
    pub(in super::super) fn mark(&self) -> Option<&Mark> {
        match self.window {
            Window::Whole => self.mark.as_ref(),
            _ => self.begin.as_ref(),
        }
    }

    /// True if the figures are those of a window, not of the whole time.
    pub(in super::super) fn is_window(&self) -> bool {
        self.window != Window::Whole
    }

    /// Takes a moment that is not shown yet.
    pub(super) fn take(&mut self, moment: &Arc<Moment>) {
        self.latest.take(moment);
    }

    /// Forgets the user's mark, because the figures have begun anew.
    pub(super) fn forget_mark(&mut self) {
        self.mark = None;
    }

    /// Follows the shown moment, which is the latest one.
    pub(super) fn show_latest(&mut self, moment: &Moment) {
        self.shown = self.latest.clone();
        self.find_begin(moment);
    }

    /// Sets the user's mark at a moment, or takes it away. Either way the figures are not those of a window any more.
    fn change_mark(&mut self, moment: &Moment) {
        self.window = Window::Whole;
        self.mark = match self.mark.take() {
            None => Some(Mark::of(moment)),
            Some(_) => None,
        };
    }

    fn change_window(&mut self, moment: &Moment) {
        self.window = self.window.next();
        self.find_begin(moment);
    }

    fn find_begin(&mut self, moment: &Moment) {
        let number = self.shown.begin(self.window, moment.elapsed_ns);
        if self.begin.as_ref().map(|begin| begin.number) != number {
            self.begin = number.and_then(|number| self.shown.mark(number));
        }
    }
}

impl Model {
    /// Marks the shown moment as the baseline; called again, it removes the mark.
    pub(super) fn change_mark(&mut self) {
        self.origin.change_mark(&self.shown);
        let text = match self.origin.mark() {
            Some(_) => {
                "marked: figures are since now, with their change against before; m again ends it"
            }
            None => "mark taken away: figures are since the beginning",
        };
        self.message = Some((text.into(), false));
    }

    /// Goes on to the next window: the whole time, the last ten seconds, the last minute.
    pub(super) fn change_window(&mut self) {
        self.origin.change_window(&self.shown);
        let mark = self.origin.mark();
        let mut text = match (self.origin.window, mark) {
            (Window::Whole, None) => "figures are since the beginning".to_owned(),
            (Window::Whole, Some(_)) => "figures are since the mark".to_owned(),
            (Window::Seconds, _) => "figures are of the last 10 to 15 seconds".to_owned(),
            (Window::Minute, _) => "figures are of the last 60 to 65 seconds".to_owned(),
        };
        if mark.is_some_and(Mark::is_cut) {
            text.push_str(&format!("; only the {MOST} busiest rows have some"));
        }
        self.message = Some((text, false));
    }
}
