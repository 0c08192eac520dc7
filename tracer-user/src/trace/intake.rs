//! The only way into the tracker: each input is also recorded, so that a recording lacks none.

use std::ops::Deref;

use tracer_core::{input::Input, process::Process, tracker::Tracker};

use crate::source::record::Recorder;

/// A tracker that can be read freely and gets inputs by [`Intake::input`] only.
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
    /// Makes an intake for `tracker`.
    pub(crate) fn new(tracker: Tracker, recorder: Option<Recorder>) -> Self {
        Self { tracker, recorder }
    }

    /// Continues with an empty tracker, and records its inputs from the first one on.
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

    /// Informs the recorder that the following inputs came at `now_ns` or later.
    pub(crate) fn clock(&mut self, now_ns: u64) {
        if let Some(recorder) = &mut self.recorder {
            recorder.clock(now_ns);
        }
    }

    /// Namespaces that traced connections were made in; each is returned once.
    pub(crate) fn take_namespaces(&mut self) -> Vec<u32> {
        self.tracker.take_namespaces()
    }

    /// Processes that have not been looked up in /proc yet; each is returned once.
    pub(crate) fn take_unresolved(&mut self) -> Vec<(u32, Process)> {
        self.tracker.processes.take_unresolved()
    }
}
