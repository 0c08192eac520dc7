//! Takes what the engine and the command have published into the model.

use std::sync::Arc;

use tokio::sync::watch;

use super::model::{Input, Model};
use crate::trace::{
    capture::Scrollback,
    live::{Moment, take_latest},
};

/// The channels that are looked at before each frame.
pub(super) struct News {
    pub(super) moments: watch::Receiver<Arc<Moment>>,
    /// Output of the command, when it is shown here.
    pub(super) output: Option<watch::Receiver<Arc<Scrollback>>>,
}

impl News {
    /// Gives the model what has been published since the last time; false when nothing more will be.
    pub(super) fn take(&mut self, model: &mut Model) -> bool {
        // Asked before anything is taken: of a sender that was gone by then everything is taken now.
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
