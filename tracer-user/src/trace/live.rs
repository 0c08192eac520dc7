//! Link between the engine and the live screen: moments go to the screen, commands go to the engine, and only immutable
//! data is shared. The engine never waits for the screen.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, watch};
use tracer_core::{
    finding::{
        self, Finding,
        allow::{Allow, allow},
    },
    snapshot::Snapshot,
};

use crate::trace::playback::{Control, Playing};

/// Least ratio of the time between two snapshots to the time that making one takes: slow snapshots are made less often.
const SHARE: u32 = 50;

/// Time between two readings of the kernel's counters.
const COUNTERS: Duration = Duration::from_secs(1);

/// Time between two evaluations of the rules for the screen.
const JUDGED: Duration = Duration::from_secs(1);

/// Time limit for the screen to restore the terminal.
const CLOSES: Duration = Duration::from_secs(2);

/// Command that the user gives at the screen, for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Write the export now.
    Export,
    /// Forget all figures; open connections stay.
    Reset,
    /// Start a recording, or end the one under way.
    Record,
    /// Steer the recording that is replayed.
    Play(Control),
    /// End the trace; given twice, without waiting for the command.
    Quit,
    /// The screen is gone: end the trace after the command has had its time to end.
    Gone,
}

/// Progress of the trace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Stage {
    /// Under way.
    #[default]
    Tracing,
    /// The last records in the kernel are being fetched, or the command has been asked to end.
    Ending,
    /// The target has ended by itself; the text is how.
    Over(String),
}

/// Answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Number of the answer; each answer has a higher one.
    pub(crate) number: u64,
    /// Text of the answer, one line.
    pub(crate) text: String,
    /// True if the command failed.
    pub(crate) failed: bool,
}

/// The latest value of a channel, unless it was taken before. Returns the last value also when the sender is gone;
/// `Receiver::has_changed` would return only an error then.
pub(crate) fn take_latest<T>(channel: &mut watch::Receiver<Arc<T>>) -> Option<Arc<T>> {
    let latest = channel.borrow_and_update();
    latest.has_changed().then(|| Arc::clone(&latest))
}

/// The state of a trace, as published.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moment {
    /// Number of the moment; each moment has a higher one.
    pub(crate) number: u64,
    /// The figures.
    pub(crate) snapshot: Snapshot,
    /// Result of every rule, a second old at most.
    pub(crate) findings: Arc<Vec<Finding>>,
    /// Since the trace began or was reset, ns.
    pub(crate) elapsed_ns: u64,
    /// Progress of the trace.
    pub(crate) stage: Stage,
    /// The last answer to a command.
    pub(crate) notice: Option<Notice>,
    /// State of the replay; None for a trace.
    pub(crate) playing: Option<Playing>,
}

/// The screen's ends of the channels.
#[derive(Debug)]
pub(crate) struct Wires {
    /// The latest moment.
    pub(crate) moments: watch::Receiver<Arc<Moment>>,
    /// Commands to the engine.
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

/// The engine's ends of the channels.
#[derive(Debug)]
pub(crate) struct Live {
    moments: watch::Sender<Arc<Moment>>,
    commands: mpsc::UnboundedReceiver<Command>,
    refresh: Duration,
    due: Instant,
    counters: Option<Instant>,
    findings: Arc<Vec<Finding>>,
    judged: Option<Instant>,
    allowed: Vec<Allow>,
    number: u64,
    /// True if the screen is gone and [`Command::Gone`] was returned.
    gone: bool,
    stage: Stage,
    notice: Option<Notice>,
    playing: Option<Playing>,
    screen: Option<Receiver<std::io::Result<()>>>,
}

impl Live {
    /// Makes both ends; a moment is due every `refresh`.
    pub(crate) fn new(refresh: Duration) -> (Self, Wires) {
        let (moments, receiver) = watch::channel(Arc::default());
        let (sender, commands) = mpsc::unbounded_channel();
        let live = Self {
            moments,
            commands,
            refresh,
            due: Instant::now(),
            counters: None,
            findings: Arc::default(),
            judged: None,
            allowed: Vec::new(),
            number: 0,
            gone: false,
            stage: Stage::Tracing,
            notice: None,
            playing: None,
            screen: None,
        };
        let wires = Wires {
            moments: receiver,
            commands: sender,
        };
        (live, wires)
    }

    /// Notes the channel by which the screen's thread reports its end; [`Self::close`] waits for it.
    pub(crate) fn belongs_to(&mut self, screen: Receiver<std::io::Result<()>>) {
        self.screen = Some(screen);
    }

    /// Sets the findings that are allowed.
    pub(crate) fn allow(&mut self, allowed: &[Allow]) {
        self.allowed = allowed.to_vec();
    }

    /// True if the kernel's counters are to be read again: once a second at most, because that costs system calls.
    pub(crate) fn counters_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.counters.is_none_or(|last| now - last >= COUNTERS);
        if due {
            self.counters = Some(now);
        }
        due
    }

    /// Time when the next moment is due.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// The next command. When the screen is gone, [`Command::Gone`] comes once.
    pub(crate) async fn command(&mut self) -> Command {
        match self.commands.recv().await {
            Some(command) => command,
            None if std::mem::replace(&mut self.gone, true) => std::future::pending().await,
            None => Command::Gone,
        }
    }

    /// Sets the progress of the trace, from the next moment on.
    pub(crate) fn set_stage(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// Sets the state of the replay, from the next moment on.
    pub(crate) fn set_playing(&mut self, playing: Option<Playing>) {
        self.playing = playing;
    }

    /// Answers a command, from the next moment on.
    pub(crate) fn answer(&mut self, result: Result<String, String>) {
        let number = self.notice.as_ref().map_or(0, |notice| notice.number) + 1;
        let failed = result.is_err();
        let text = result.unwrap_or_else(|text| text);
        self.notice = Some(Notice {
            number,
            text,
            failed,
        });
        self.due = Instant::now();
    }

    /// Publishes a moment with the snapshot that `make` returns, and sets when the next one is due.
    pub(crate) fn publish(&mut self, elapsed_ns: u64, make: impl FnOnce() -> Snapshot) {
        let begun = Instant::now();
        self.number += 1;
        let snapshot = make();
        // The last figures are judged at once, because no later moment would bring findings that fit them.
        let is_last = matches!(self.stage, Stage::Over(_));
        if is_last || self.judged.is_none_or(|last| begun - last >= JUDGED) {
            self.judged = Some(begun);
            let mut findings = finding::evaluate(&snapshot, elapsed_ns);
            allow(&mut findings, &self.allowed);
            self.findings = Arc::new(findings);
        }
        let moment = Moment {
            number: self.number,
            snapshot,
            findings: Arc::clone(&self.findings),
            elapsed_ns,
            stage: self.stage.clone(),
            notice: self.notice.clone(),
            playing: self.playing,
        };
        // The previous moment is dropped here or in the screen's thread, whichever holds it last.
        self.moments.send_replace(Arc::new(moment));
        let cost = begun.elapsed();
        self.due = Instant::now() + self.refresh.max(cost * SHARE);
    }

    /// Closes the screen and waits until the terminal is restored, [`CLOSES`] at most.
    pub(crate) fn close(self) -> std::io::Result<()> {
        drop((self.moments, self.commands));
        let Some(screen) = self.screen else {
            return Ok(());
        };
        let failed = match screen.recv_timeout(CLOSES) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => "failed",
            Err(RecvTimeoutError::Timeout) => "did not end",
        };
        Err(std::io::Error::other(format!(
            "the live screen {failed}; the trace went on, its results are complete"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_screen_that_is_gone_says_so() {
        let (mut live, wires) = Live::new(Duration::from_millis(250));
        wires.commands.send(Command::Export).unwrap();
        drop(wires);
        assert_eq!(live.command().await, Command::Export);
        assert_eq!(live.command().await, Command::Gone);
        let again = tokio::time::timeout(Duration::from_millis(1), live.command());
        assert!(again.await.is_err(), "once");
        live.publish(1, Snapshot::default);
        assert!(live.close().is_ok());
    }

    #[test]
    fn a_slow_screen_gets_the_last_moment_only() {
        let (mut live, mut wires) = Live::new(Duration::ZERO);
        for elapsed_ns in 1..=3 {
            live.publish(elapsed_ns, Snapshot::default);
        }
        let elapsed_ns = |moment: Option<Arc<Moment>>| moment.map(|moment| moment.elapsed_ns);
        assert_eq!(elapsed_ns(take_latest(&mut wires.moments)), Some(3));
        assert_eq!(elapsed_ns(take_latest(&mut wires.moments)), None);
        live.publish(4, Snapshot::default);
        drop(live);
        assert_eq!(elapsed_ns(take_latest(&mut wires.moments)), Some(4));
        assert_eq!(elapsed_ns(take_latest(&mut wires.moments)), None);
    }

    #[test]
    fn the_last_moment_has_findings_of_its_own_figures() {
        let (mut live, mut wires) = Live::new(Duration::ZERO);
        live.publish(1, Snapshot::default);
        let first = take_latest(&mut wires.moments).unwrap();
        live.publish(2, Snapshot::default);
        let second = take_latest(&mut wires.moments).unwrap();
        assert!(
            Arc::ptr_eq(&first.findings, &second.findings),
            "a second apart"
        );
        live.set_stage(Stage::Over("ended".into()));
        live.publish(3, Snapshot::default);
        let last = take_latest(&mut wires.moments).unwrap();
        assert!(!Arc::ptr_eq(&second.findings, &last.findings));
    }

    #[test]
    fn a_screen_that_ends_without_a_word_is_reported() {
        let (mut live, _wires) = Live::new(Duration::ZERO);
        let (said, ended) = std::sync::mpsc::channel();
        live.belongs_to(ended);
        drop(said);
        assert!(live.close().is_err());
    }
}
