//! A recording as a source: the same inputs in the same order, at a chosen speed.

use std::{
    fs::File,
    future::pending,
    io::{BufReader, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};
use tracer_core::input::Input;
use tracer_recording::{Ending, Entry, OpenError, Reader, Start};

use super::recording;
use crate::trace::{
    description::CpuTime,
    intake::Intake,
    playback::{Control, Playing, Speed},
};

/// Entries taken before other events are handled.
const BATCH: usize = 4096;
/// Length of one step, ns.
const STEP_NS: u64 = 250_000_000;
/// Wait for the next entry when the computed wait is too long to represent.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Reasons why a recording cannot be replayed.
#[derive(Debug, Error)]
pub(crate) enum ReplayError {
    /// The file cannot be opened.
    #[error("cannot open {path}: {source}; give the file that --record has written")]
    Open {
        /// Path as given.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The file is an export.
    #[error(
        "{path} is an export, which has no records to replay; `tracer diff {path} OTHER.json` compares it with another one"
    )]
    Export {
        /// Path as given.
        path: PathBuf,
    },
    /// The file is no recording that this version can read.
    #[error("cannot replay {path}: {source}")]
    Read {
        /// Path as given.
        path: PathBuf,
        /// Fault of the file.
        source: OpenError,
    },
}

/// Error for a file that is no recording: exports are easily given in place of one.
fn unreadable(path: &Path, source: OpenError) -> ReplayError {
    let mut head = [0; 512];
    let read = File::open(path).and_then(|mut file| file.read(&mut head));
    let head = String::from_utf8_lossy(&head[..read.unwrap_or(0)]);
    let path = path.into();
    match head.contains("\"tracer.export/") {
        true => ReplayError::Export { path },
        false => ReplayError::Read { path, source },
    }
}

/// Pace of a replay: decides when the next entry is due.
#[derive(Debug)]
struct Pace {
    speed: Speed,
    paused: bool,
    /// Moment up to which entries are due at once, ns.
    step_to_ns: u64,
    /// A moment of the recording and the time at which it was replayed.
    anchor: Option<(u64, Instant)>,
}

impl Pace {
    /// Time at which the entries at `clock_ns` are due; None while the replay is paused.
    fn due(&mut self, clock_ns: u64) -> Option<Instant> {
        if clock_ns <= self.step_to_ns {
            return Some(Instant::now());
        }
        if self.paused {
            return None;
        }
        let Speed::Times(times) = self.speed else {
            return Some(Instant::now());
        };
        let (from_ns, at) = *self
            .anchor
            .get_or_insert_with(|| (clock_ns, Instant::now()));
        let seconds = Duration::from_nanos(clock_ns.saturating_sub(from_ns)).as_secs_f64() / times;
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_WAIT);
        at.checked_add(wait)
    }

    /// Sets the moment that the following times count from: `at_ns` is replayed now.
    fn anchor(&mut self, at_ns: u64) {
        self.anchor = Some((at_ns, Instant::now()));
    }
}

/// A recording being replayed.
#[derive(Debug)]
pub(crate) struct Replay {
    path: PathBuf,
    bytes: u64,
    reader: Reader<BufReader<File>>,
    pace: Pace,
    /// Moment that the replay has reached, ns.
    at_ns: u64,
    /// Clock entry that has been read and is not due yet.
    next_ns: Option<u64>,
    /// Last moment to be replayed, ns.
    until_ns: u64,
    over: bool,
    /// True once the inputs have ended the trace.
    finished: bool,
    /// Number of steps that the user has asked for.
    steps: u32,
    restarted: Option<(u64, u64)>,
    command_cpu: Option<CpuTime>,
    missing: u64,
}

impl Replay {
    /// Opens a recording; returns the replay and the recording's beginning.
    pub(crate) fn open(path: &Path, speed: Speed) -> Result<(Self, Start), ReplayError> {
        let failed = |source| ReplayError::Open {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let (reader, start) =
            Reader::open(BufReader::new(file)).map_err(|source| unreadable(path, source))?;
        let replay = Self {
            path: path.into(),
            bytes,
            reader,
            pace: Pace {
                speed,
                paused: false,
                step_to_ns: 0,
                anchor: None,
            },
            at_ns: start.started_ns,
            next_ns: None,
            until_ns: u64::MAX,
            over: false,
            finished: false,
            steps: 0,
            restarted: None,
            command_cpu: None,
            missing: 0,
        };
        Ok((replay, start))
    }

    /// Ends the replay `after` the beginning of the recording.
    pub(crate) fn end_after(&mut self, after: Duration) {
        self.until_ns = self.at_ns.saturating_add(after.as_nanos() as u64);
    }

    /// Waits until the next inputs are due.
    pub(super) async fn ready(&mut self) {
        let Some(next_ns) = self.next_ns else {
            // The next inputs are due at once, but other events are handled first.
            return yield_now().await;
        };
        match self.pace.due(next_ns) {
            Some(due) => sleep_until(due).await,
            None => pending().await,
        }
    }

    /// Takes the entries that are due, at most a batch.
    pub(super) fn take(&mut self, intake: &mut Intake) {
        for _ in 0..BATCH {
            if self.over || !self.reach_next() {
                break;
            }
            match self.reader.next() {
                Some(Entry::Clock { now_ns }) => self.next_ns = Some(now_ns),
                Some(Entry::Input(input)) => {
                    match input {
                        Input::Finish { .. } => self.finished = true,
                        Input::Loss { inputs } => self.missing += inputs,
                        Input::Reset { now_ns, at_ns } => self.restarted = Some((now_ns, at_ns)),
                        _ => {}
                    }
                    intake.input(&input);
                }
                Some(Entry::End(end)) => {
                    self.at_ns = self.at_ns.max(end.ended_ns);
                    self.command_cpu = recording::command_cpu(&end);
                }
                Some(Entry::Start(_)) => {}
                None => self.over = true,
            }
        }
        // The answers to these lookups are in the recording.
        intake.take_namespaces();
        intake.take_unresolved();
    }

    /// Advances to the clock entry read last, if it is due.
    fn reach_next(&mut self) -> bool {
        let Some(next_ns) = self.next_ns else {
            return true;
        };
        if next_ns > self.until_ns {
            (self.at_ns, self.over) = (self.at_ns.max(self.until_ns), true);
            return false;
        }
        let due = self
            .pace
            .due(next_ns)
            .is_some_and(|due| due <= Instant::now());
        if due {
            self.at_ns = self.at_ns.max(next_ns);
            self.next_ns = None;
        }
        due
    }

    /// True when the replay has ended.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Ends the trace, unless the inputs have ended it already.
    pub(super) fn finish(&mut self, intake: &mut Intake) {
        if !self.finished {
            self.finished = true;
            intake.input(&Input::Finish { now_ns: self.at_ns });
        }
    }

    /// Moment that the replay has reached, ns.
    pub(super) fn now_ns(&self) -> u64 {
        self.at_ns
    }

    /// Moment at which the figures were reset: CLOCK_MONOTONIC and since 1970, ns. Returned once.
    pub(super) fn take_restart(&mut self) -> Option<(u64, u64)> {
        self.restarted.take()
    }

    /// Processor time that the command had used at its end.
    pub(super) fn command_cpu(&self) -> Option<CpuTime> {
        self.command_cpu
    }

    /// State of the replay.
    pub(super) fn playing(&self) -> Playing {
        Playing {
            speed: self.pace.speed,
            paused: self.pace.paused,
        }
    }

    /// Executes a request; returns the result as text.
    pub(super) fn control(&mut self, control: Control) -> String {
        let pace = &mut self.pace;
        match control {
            Control::Pause => pace.paused = !pace.paused,
            Control::Step => {
                pace.paused = true;
                self.steps += 1;
                let from_ns = self.next_ns.unwrap_or(self.at_ns).max(self.at_ns);
                pace.step_to_ns = from_ns.saturating_add(STEP_NS);
            }
            Control::Faster => pace.speed = pace.speed.times(2.0),
            Control::Slower => pace.speed = pace.speed.times(0.5),
        }
        pace.anchor(self.at_ns);
        match self.playing() {
            _ if control == Control::Step => format!("step {}: a quarter of a second", self.steps),
            Playing {
                speed,
                paused: true,
            } => {
                format!("replay paused, else {speed}; . steps, p goes on")
            }
            Playing { speed, .. } => format!("replay {speed}"),
        }
    }

    /// Remark for the user on the part of the recording that was not replayed.
    pub(crate) fn remark(&self) -> Option<String> {
        let path = self.path.display();
        let good = self.reader.good_bytes();
        let read = format!(
            "read up to byte {good} of {}; figures go up to there",
            self.bytes
        );
        match self.reader.ending() {
            Some(Ending::CutOff) => Some(format!("{path} is cut off: {read}")),
            Some(Ending::Damaged) => Some(format!("{path} is damaged: {read}")),
            Some(Ending::Failed(error)) => Some(format!("{path}: {error}: {read}")),
            Some(Ending::Whole) if self.missing != 0 => Some(format!(
                "{path} lacks {} entries that could not be written fast enough",
                self.missing
            )),
            Some(Ending::Whole) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn pace(speed: Speed) -> Pace {
        Pace {
            speed,
            paused: false,
            step_to_ns: 0,
            anchor: None,
        }
    }

    #[test]
    fn as_long_as_it_took_divided_by_the_speed() {
        let mut pace = pace(Speed::Times(2.0));
        let first = pace.due(5 * SECOND_NS).unwrap();
        let second = pace.due(15 * SECOND_NS).unwrap();
        assert_eq!(second - first, Duration::from_secs(5));
        // A clock that goes back is due at once; one that jumps ahead does not panic.
        assert_eq!(pace.due(1), Some(first));
        pace.due(u64::MAX);
    }

    #[test]
    fn a_step_goes_so_far_and_no_further() {
        let mut pace = pace(Speed::Times(1.0));
        pace.paused = true;
        assert_eq!(pace.due(SECOND_NS), None);
        pace.step_to_ns = SECOND_NS + STEP_NS;
        assert!(pace.due(SECOND_NS).is_some_and(|due| due <= Instant::now()));
        assert_eq!(pace.due(2 * SECOND_NS), None);
    }

    #[test]
    fn nothing_is_waited_for_at_the_highest_speed() {
        let mut pace = pace(Speed::Max);
        assert!(pace.due(u64::MAX).is_some_and(|due| due <= Instant::now()));
    }
}
