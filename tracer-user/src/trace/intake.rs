//! The only way into the tracker: what it takes is also recorded, so that the recording cannot lack anything.

use std::ops::Deref;

use tracer_core::{input::Input, process::Process, tracker::Tracker};

use crate::source::record::Recorder;

/// A tracker, read freely, fed by [`Intake::input`] alone.
#[derive(Debug)]
pub(crate) struct Intake {
    tracker: Tracker,
    /// Recorder of the inputs, when they are recorded.
    pub(crate) recorder: Option<Recorder>,
}

impl Deref for Intake {
    type Target = Tracker;

    fn deref(&self) -> &Tracker {
        &self.tracker
    }
}

impl Intake {
    /// Feeds `tracker`.
    pub(crate) fn new(tracker: Tracker, recorder: Option<Recorder>) -> Self {
        Self { tracker, recorder }
    }

    /// Feeds a tracker that knows nothing from now on, and records its inputs from the first one on.
    pub(crate) fn begin_again(&mut self, tracker: Tracker, recorder: Recorder) {
        self.tracker = tracker;
        self.recorder = Some(recorder);
    }

    /// Takes one input.
    pub(crate) fn input(&mut self, input: &Input<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.input(input);
        }
        self.tracker.input(input);
    }

    /// Tells the recorder that what follows came at `now_ns` or later.
    pub(crate) fn clock(&mut self, now_ns: u64) {
        if let Some(recorder) = &mut self.recorder {
            recorder.clock(now_ns);
        }
    }

    /// Namespaces that connections were made in; each is given once.
    pub(crate) fn take_namespaces(&mut self) -> Vec<u32> {
        self.tracker.take_namespaces()
    }

    /// Processes that nobody has looked up in /proc yet; each is given once.
    pub(crate) fn take_unresolved(&mut self) -> Vec<(u32, Process)> {
        self.tracker.processes.take_unresolved()
    }
}
