//! Between the engine and the live screen: moments go one way, commands the other, and nothing is shared
//! but what is immutable. The engine never waits for the screen.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, watch};
use tracer_core::snapshot::Snapshot;

use crate::trace::playback::{Control, Playing};

/// A snapshot may take this part of the engine's time at most: one that takes longer comes less often.
const SHARE: u32 = 50;

/// Time between two readings of the kernel's counters.
const COUNTERS: Duration = Duration::from_secs(1);

/// Time that the screen may take to give the terminal back.
const CLOSES: Duration = Duration::from_secs(2);

/// Command of a person at the screen to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Write the export now.
    Export,
    /// Forget all figures; open connections stay.
    Reset,
    /// Record from now on; when that is being done, end the recording.
    Record,
    /// Steer the recording that is replayed.
    Play(Control),
    /// End the trace; the second time without waiting for the command.
    Quit,
    /// The screen is gone: end the trace, and give the command its time.
    Gone,
}

/// Progress of the trace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Stage {
    /// Under way.
    #[default]
    Tracing,
    /// The last records in the kernel are being fetched, or the command has been told to end.
    Ending,
    /// The target has ended by itself: how.
    Over(String),
}

/// Answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Counts up.
    pub(crate) number: u64,
    /// Text of the answer, one line.
    pub(crate) text: String,
    /// True if the command failed.
    pub(crate) failed: bool,
}

/// The latest value of a channel, unless it was taken before. The last value of a sender that is gone is
/// still given, where `Receiver::has_changed` only says that the sender is gone.
pub(crate) fn take_latest<T>(channel: &mut watch::Receiver<Arc<T>>) -> Option<Arc<T>> {
    let latest = channel.borrow_and_update();
    latest.has_changed().then(|| Arc::clone(&latest))
}

/// The state of a trace, as published.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moment {
    /// Counts up.
    pub(crate) number: u64,
    /// The figures.
    pub(crate) snapshot: Snapshot,
    /// Since the trace began or was reset, ns.
    pub(crate) elapsed_ns: u64,
    /// Progress of the trace.
    pub(crate) stage: Stage,
    /// The last answer to a command.
    pub(crate) notice: Option<Notice>,
    /// State of the replay; None for a trace.
    pub(crate) playing: Option<Playing>,
}

/// The screen's end.
#[derive(Debug)]
pub(crate) struct Wires {
    /// Moments, the last one at any time.
    pub(crate) moments: watch::Receiver<Arc<Moment>>,
    /// Commands.
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

/// The engine's end.
#[derive(Debug)]
pub(crate) struct Live {
    moments: watch::Sender<Arc<Moment>>,
    commands: mpsc::UnboundedReceiver<Command>,
    refresh: Duration,
    due: Instant,
    counters: Option<Instant>,
    number: u64,
    /// The screen is gone, and that was said.
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

    /// Tells when the thread that draws has ended; waited for by [`Self::close`].
    pub(crate) fn belongs_to(&mut self, screen: Receiver<std::io::Result<()>>) {
        self.screen = Some(screen);
    }

    /// The kernel's counters are due, which cost system calls: once a second at most.
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

    /// The next command. A screen that is gone says so once.
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

    /// Publishes what `make` makes, and says when the next one is due.
    pub(crate) fn publish(&mut self, elapsed_ns: u64, make: impl FnOnce() -> Snapshot) {
        let begun = Instant::now();
        self.number += 1;
        let moment = Moment {
            number: self.number,
            snapshot: make(),
            elapsed_ns,
            stage: self.stage.clone(),
            notice: self.notice.clone(),
            playing: self.playing,
        };
        // The old one is dropped here or in the screen's thread, whoever is last.
        self.moments.send_replace(Arc::new(moment));
        let cost = begun.elapsed();
        self.due = Instant::now() + self.refresh.max(cost * SHARE);
    }

    /// Closes the screen and waits until the terminal is as it was, but not for ever.
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
    fn a_screen_that_ends_without_a_word_is_reported() {
        let (mut live, _wires) = Live::new(Duration::ZERO);
        let (said, ended) = std::sync::mpsc::channel();
        live.belongs_to(ended);
        drop(said);
        assert!(live.close().is_err());
    }
}
