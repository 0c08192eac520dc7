//! The one select loop: records in, snapshots out, until the target or the user ends it.

mod hangup;
mod last_words;
mod screen;

use std::{future::pending, sync::Arc, time::Duration};

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep, sleep_until};

use self::{hangup::Hangup, last_words::last_words};
use crate::{
    cli::settings::OutputSettings,
    exit_code,
    failure::Failure,
    say::say,
    signals::{Heard, Signals},
    sink::{Occasion, Results},
    source::{
        End, Source, Wake,
        record::{Ending, Recorder, Written},
        recording,
    },
    trace::{
        capture::Captured,
        description::Description,
        intake::Intake,
        live::{Command, Live, Stage},
    },
    tui::{self, About},
};

/// Time that the command may take to end after a signal was passed on: longer than the ten seconds in which most
/// programs, `tracer crawl` among them, give up on what is under way.
const GRACE: Duration = Duration::from_secs(15);

/// A second signal means "at once" when it comes so long after the first: then somebody has meant it.
const AGAIN: Duration = Duration::from_millis(100);

/// Time between two looks whether a command that was told to end has ended.
const LOOKS: Duration = Duration::from_millis(50);

/// A running trace.
pub(crate) struct Engine {
    /// Source of inputs.
    source: Source,
    /// The state.
    tracker: Intake,
    /// Outputs asked for.
    output: OutputSettings,
    /// Description of the trace.
    description: Description,
    /// The live screen, when there is one.
    live: Option<Live>,
    /// The command's output, when the live screen shows it.
    captured: Option<Captured>,
    /// Signs that the terminal of the live screen was closed.
    hangup: Hangup,
    /// Counting is over.
    over: bool,
    /// A recording ended at the screen whose rest is being written.
    ending: Option<Ending>,
    /// The last export made while tracing could not be written.
    exports_fail: bool,
    /// Remarks to be said at the end.
    remarks: Vec<String>,
    /// Outputs that could not be written.
    failures: Vec<Failure>,
}

impl Engine {
    /// Opens the live screen, if there is to be one: a thread.
    pub(crate) fn new(
        source: Source,
        tracker: Intake,
        output: OutputSettings,
        description: Description,
        captured: Option<Captured>,
    ) -> Result<Self, Failure> {
        let live = match output.screen {
            None => None,
            Some(settings) => {
                let (mut live, wires) = Live::new(settings.refresh);
                let printed = captured.as_ref().map(|captured| captured.lines.clone());
                let about = About::of(&description);
                let screen = tui::open(settings, about, wires, printed);
                live.belongs_to(screen.map_err(Failure::internal("opening the live screen"))?);
                Some(live)
            }
        };
        Ok(Self {
            source,
            tracker,
            output,
            description,
            live,
            captured,
            hangup: Hangup::default(),
            over: false,
            ending: None,
            exports_fail: false,
            remarks: Vec::new(),
            failures: Vec::new(),
        })
    }

    /// Runs to the end and writes the results; the exit code. The status of a command that has ended comes through, whatever
    /// could not be written.
    pub(crate) async fn run(mut self, mut signals: Signals) -> Result<u8, Failure> {
        let end = self.trace(&mut signals).await;
        // Whatever happened, the terminal is given back, and what was found is said.
        let mut failures = self.close(end.as_ref().ok());
        let code = match end {
            Ok(End::Command(status)) => Ok(exit_code::passed_on(status)),
            Ok(End::Stopped | End::Replayed) if failures.is_empty() => Ok(exit_code::OK),
            Ok(End::Stopped | End::Replayed) => Err(failures.remove(0)),
            Err(failure) => Err(failure),
        };
        failures.iter().for_each(say);
        code
    }

    /// Traces to the end and writes the results. When something fails on the way, the command is ended and what was
    /// found so far is written, as far as that goes.
    async fn trace(&mut self, signals: &mut Signals) -> Result<End, Failure> {
        match self.follow(signals).await {
            Ok((end, by_itself)) => {
                self.finish().await;
                if by_itself && let Err(failure) = self.linger(&end, signals).await {
                    self.failures.push(failure);
                }
                Ok(end)
            }
            Err(failure) => {
                let had_command = self.end_target().await;
                self.finish().await;
                Err(match had_command {
                    true => Failure::Broken(Box::new(failure)),
                    false => failure,
                })
            }
        }
    }

    /// Tells the command to end, gives it time, and ends it; false when there is none.
    async fn end_target(&mut self) -> bool {
        let give_up_at = Instant::now() + GRACE;
        let has_command = self.source.pass_on(Heard::own(Signal::SIGTERM));
        let mut runs = has_command;
        while runs && Instant::now() < give_up_at {
            sleep(LOOKS).await;
            runs = matches!(self.source.ended(), Ok(None));
        }
        let _ = self.source.stop();
        has_command
    }

    /// Closes the live screen, then says what there is to say. Returns the outputs that could not be written.
    fn close(mut self, end: Option<&End>) -> Vec<Failure> {
        let (printed, logged) = self.captured.take().map(Captured::drain).unzip();
        let closed = self.live.take().map_or(Ok(()), Live::close);
        tui::abandon();
        let said = self
            .output
            .sinks
            .take(Occasion::TerminalFree, &self.results());
        for remark in self.remarks.iter().chain(&self.source.remark()) {
            say(remark);
        }
        if let (Some(End::Command(status)), Some(printed)) = (end, printed)
            && let Some(words) = last_words(*status, &printed)
        {
            say(&words);
        }
        self.failures.extend(said.into_iter().map(Failure::Sink));
        let rest = [
            logged.and_then(Result::err).map(Failure::ChildLog),
            closed.err().map(Failure::Screen),
        ];
        self.failures.extend(rest.into_iter().flatten());
        self.failures
    }

    /// The loop. Says whether the end came without anybody asking for it.
    async fn follow(&mut self, signals: &mut Signals) -> Result<(End, bool), Failure> {
        let mut export_at = self.output.interval.map(|_| Instant::now());
        let mut stop_at = self
            .output
            .duration
            .map(|duration| Instant::now() + duration);
        let mut told = None;
        loop {
            let due = self.live.as_ref().map(|live| live.due().into());
            let hung_up_at = self.hangup.deadline();
            tokio::select! {
                biased;
                heard = signals.next() => {
                    let heard = heard.map_err(Failure::internal("reading signals"))?;
                    if self.hear(heard, &mut told) {
                        return self.stop();
                    }
                }
                command = next_command(&mut self.live) => {
                    let is_to_end = !self.obey(command);
                    let at_once = match command {
                        Command::Gone => told.is_none() && self.hang_up(),
                        _ => is_to_end && self.is_to_stop(&mut told),
                    };
                    if at_once {
                        return self.stop();
                    }
                }
                () = until(stop_at) => {
                    stop_at = None;
                    if told.is_none() && self.is_to_stop(&mut told) {
                        return self.stop();
                    }
                }
                () = until(hung_up_at), if told.is_none() => {
                    if self.is_to_stop(&mut told) {
                        return self.stop();
                    }
                }
                () = until(told.map(|at| at + GRACE)) => return self.stop(),
                () = until(export_at) => export_at = self.export()?,
                () = until(due) => self.publish()?,
                wake = self.source.ready() => self.take(wake?)?,
            }
            if let Some(end) = self.source.ended()? {
                let by_itself = told.is_none() && !self.hangup.has_lost_screen();
                return Ok((end, by_itself));
            }
        }
    }

    /// Passes a signal on to the command; true when tracer is to end at once: there is no command, or it was told to end
    /// before. `told`: when that was.
    fn hear(&mut self, heard: Heard, told: &mut Option<Instant>) -> bool {
        if heard.is_of_child() {
            return false;
        }
        if heard.is_hangup() && !self.hangup.hear(Instant::now()) {
            return false;
        }
        if !heard.asks_to_end() {
            return !self.source.pass_on(heard);
        }
        if let Some(at) = *told {
            // timeout(1) sends its signal to the process and then to its group: that is one.
            return heard.can_mean_at_once() && at.elapsed() >= AGAIN;
        }
        *told = Some(Instant::now());
        !self.source.pass_on(heard)
    }

    /// The terminal of the screen was closed: the command gets SIGHUP and has its time; true when there is no command.
    fn hang_up(&mut self) -> bool {
        if self.hangup.lose_screen(Instant::now()) {
            return !self.source.pass_on(Heard::own(Signal::SIGHUP));
        }
        !self.source.has_command()
    }

    /// The trace is to end; true when that is at once, and not when the command has ended that is told to now.
    fn is_to_stop(&mut self, told: &mut Option<Instant>) -> bool {
        if told.is_some() {
            return true;
        }
        *told = Some(Instant::now());
        !self.source.pass_on(Heard::own(Signal::SIGTERM))
    }

    /// Takes what waits, at most a batch.
    fn take(&mut self, wake: Wake) -> Result<(), Failure> {
        self.source.take(wake, &mut self.tracker)?;
        self.look_for_ending();
        if let Some((now_ns, at_ns)) = self.source.take_restart() {
            self.description.restart(now_ns, at_ns);
        }
        let failure = self.tracker.recorder.as_mut().and_then(Recorder::failure);
        if let Some(failure) = failure {
            self.tell(format!(
                "the recording ends here: {failure}; tracing goes on"
            ));
        }
        Ok(())
    }

    /// Says something at once, where it can be read.
    fn tell(&mut self, text: String) {
        match &mut self.live {
            Some(live) => live.answer(Err(text)),
            None => say(text),
        }
    }

    /// Ends now.
    fn stop(&mut self) -> Result<(End, bool), Failure> {
        self.set_stage(Stage::Ending);
        Ok((self.source.stop()?, false))
    }

    /// Takes what is left and writes the results, as far as either goes.
    async fn finish(&mut self) {
        if let Err(failure) = self.source.finish(&mut self.tracker).await {
            self.fail(failure.into());
        }
        self.over = true;
        self.note_moment();
        if let Some(ending) = self.ending.take().or_else(|| self.end_recording()) {
            let remark = remark_on(&ending.wait());
            if let (Some(live), Some(remark)) = (&mut self.live, &remark) {
                live.answer(Err(remark.clone()));
            }
            self.remarks.extend(remark);
        }
        for failure in self.output.sinks.take(Occasion::Over, &self.results()) {
            self.fail(failure.into());
        }
    }

    /// Something that was wanted is not there: said at the screen now, and at the end.
    fn fail(&mut self, failure: Failure) {
        if let Some(live) = &mut self.live {
            live.answer(Err(failure.to_string()));
        }
        self.failures.push(failure);
    }

    /// Ends the recording: what is left of it goes to the disk, while everything goes on.
    fn end_recording(&mut self) -> Option<Ending> {
        let recorder = self.tracker.recorder.take()?;
        recorder.end(recording::end(&self.description))
    }

    /// A recording that was ended at the screen may be on the disk by now.
    fn look_for_ending(&mut self) {
        let Some(ended) = self.ending.as_ref().and_then(Ending::poll) else {
            return;
        };
        self.ending = None;
        let answer = match remark_on(&ended) {
            None => Ok("the recording is complete; the trace goes on".to_owned()),
            Some(remark) => Err(remark),
        };
        if let Some(live) = &mut self.live {
            live.answer(answer);
        }
    }

    /// Reads what the kernel counted beside the records.
    fn read_counters(&mut self) -> Result<(), Failure> {
        if !self.over {
            self.source.read_counters(&mut self.tracker)?;
            self.note_moment();
        }
        Ok(())
    }

    /// Everything as of now, for an export made while tracing: what has been reported, and what connections are doing.
    fn look_again(&mut self) -> Result<(), Failure> {
        if !self.over {
            self.source.look_again(&mut self.tracker)?;
        }
        self.read_counters()
    }

    /// Results as of the moment noted last.
    fn results(&self) -> Results {
        Results {
            snapshot: Arc::new(self.tracker.snapshot()),
            description: Arc::new(self.description.clone()),
        }
    }

    /// Notes the moment that everything said from now on is as of.
    fn note_moment(&mut self) {
        self.description.as_of_ns = self.source.now_ns();
        self.description.command_cpu = self.source.command_cpu();
    }

    /// Writes the export while tracing goes on, also when it cannot be written; when the next one is due. Exports take a
    /// fifth of the time at most.
    fn export(&mut self) -> Result<Option<Instant>, Failure> {
        let begun = Instant::now();
        self.look_again()?;
        let failures = self.output.sinks.take(Occasion::UnderWay, &self.results());
        if let Some(failure) = failures.first()
            && !self.exports_fail
        {
            self.tell(format!("{failure}; tracing goes on"));
        }
        self.exports_fail = !failures.is_empty();
        let interval = self.output.interval;
        let earliest = Instant::now() + 4 * begun.elapsed();
        Ok(interval.map(|interval| (begun + interval).max(earliest)))
    }
}

/// Remark on a recording that has ended, if there is something to say.
fn remark_on(ended: &Written) -> Option<String> {
    match ended {
        Ok((_, 0)) => None,
        Ok((_, lost)) => Some(format!(
            "the recording lacks {lost} entries that could not be written fast enough"
        )),
        Err(failure) => Some(format!("the recording is cut off: {failure}")),
    }
}

async fn next_command(live: &mut Option<Live>) -> Command {
    match live {
        Some(live) => live.command().await,
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
