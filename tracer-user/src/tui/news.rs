//! Passes what the engine and the command have published to the model.

use std::sync::Arc;

use tokio::sync::watch;

use super::model::{Input, Model};
use crate::trace::{
    capture::Scrollback,
    live::{Moment, take_latest},
};

/// Channels that are read before each frame.
pub(super) struct News {
    pub(super) moments: watch::Receiver<Arc<Moment>>,
    /// Output of the command, when the screen shows it.
    pub(super) output: Option<watch::Receiver<Arc<Scrollback>>>,
}

impl News {
    /// Passes what was published since the last call to the model; false when nothing more will come.
    pub(super) fn take(&mut self, model: &mut Model) -> bool {
        // Checked before reading: if the sender is gone already, everything it sent is read below.
        let goes_on = self.moments.has_changed().is_ok();
        if let Some(lines) = self.output.as_mut().and_then(take_latest) {
            model.take(Input::Output(lines));
        }
        if let Some(moment) = take_latest(&mut self.moments) {
            model.take(Input::Moment(moment));
        }
        goes_on
    }
}
