//! The engine: one select loop that takes records and publishes snapshots until the target or the user ends the trace.

mod hangup;
mod last_words;
pub(crate) mod reload;
mod report;
mod screen;
mod served;
mod windows;

use std::{cell::OnceCell, future::pending, io::IsTerminal, sync::Arc, time::Duration};

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep, sleep_until};

use tracer_export::Verdict;

use self::{
    hangup::Hangup, last_words::last_words, reload::Reload, served::Service, windows::Windows,
};
use crate::{
    cli::settings::OutputSettings,
    exit_code,
    failure::Failure,
    say::{note, say},
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
        notify::Notifier,
    },
    tui::{self, About},
};

/// Time limit for the command to end after a signal was passed on. Most programs, `tracer crawl` among them, give up
/// pending work within ten seconds; this is longer.
const GRACE: Duration = Duration::from_secs(15);

/// Least time between two signals for the second one to mean "end at once". Two signals in a shorter time count as one.
const AGAIN: Duration = Duration::from_millis(100);

/// Interval of the checks whether a command that got SIGTERM has ended.
const LOOKS: Duration = Duration::from_millis(50);

/// A running trace.
pub(crate) struct Engine {
    /// Source of inputs.
    source: Source,
    /// State of the trace.
    tracker: Intake,
    /// Outputs asked for.
    output: OutputSettings,
    /// Description of the trace.
    description: Description,
    /// The live screen, when there is one.
    live: Option<Live>,
    /// The server of results, when there is one.
    service: Option<Service>,
    /// The command's output, when the live screen shows it.
    captured: Option<Captured>,
    /// Signs that the terminal of the live screen was closed.
    hangup: Hangup,
    /// True once the source has ended and no more records are counted.
    over: bool,
    /// Recording that was ended at the screen, while its rest is being written.
    ending: Option<Ending>,
    /// Windows, when each has an export of its own.
    windows: Option<Windows>,
    timers: Timers,
    /// Settings that may change while tracing.
    reload: Option<Reload>,
    notifier: Notifier,
    /// True if the last export made while tracing could not be written.
    exports_fail: bool,
    /// True if the last report could not be made.
    reports_fail: bool,
    /// Number of samples for traces that were dropped.
    samples_dropped: u64,
    /// Verdicts at the end of the trace.
    verdicts: OnceCell<Arc<Vec<Verdict>>>,
    /// Remarks to print at the end.
    remarks: Vec<String>,
    /// Outputs that could not be written.
    failures: Vec<Failure>,
}

/// Times at which results are written.
#[derive(Debug, Default)]
struct Timers {
    /// Next export of an interval.
    export: Option<Instant>,
    /// End of the window under way.
    window: Option<Instant>,
}

impl Engine {
    /// Makes an engine and starts the thread of the live screen, if there is to be one.
    pub(crate) fn new(
        source: Source,
        tracker: Intake,
        mut output: OutputSettings,
        description: Description,
        captured: Option<Captured>,
    ) -> Result<Self, Failure> {
        let start = |serving| {
            let first = Results::new(tracker.snapshot(), &description, &output.allowed);
            Service::start(serving, first)
        };
        let service = output.serving.take().map(start).transpose()?;
        let live = match output.screen {
            None => None,
            Some(settings) => {
                let (mut live, wires) = Live::new(settings.refresh);
                live.allow(&output.allowed);
                let printed = captured.as_ref().map(|captured| captured.lines.clone());
                let about = About::of(&description);
                let screen = tui::open(settings, about, wires, printed);
                live.belongs_to(screen.map_err(Failure::internal("opening the live screen"))?);
                Some(live)
            }
        };
        let begin = |period| Windows::begin(period, &description);
        Ok(Self {
            windows: output.rotate.map(begin),
            timers: Timers::default(),
            reload: None,
            notifier: Notifier::default(),
            source,
            tracker,
            output,
            description,
            live,
            service,
            captured,
            hangup: Hangup::default(),
            over: false,
            ending: None,
            exports_fail: false,
            reports_fail: false,
            samples_dropped: 0,
            verdicts: OnceCell::new(),
            remarks: Vec::new(),
            failures: Vec::new(),
        })
    }

    /// Makes the trace a service: its settings may change, and the service manager hears of it.
    pub(crate) fn run_as_service(&mut self, reload: Option<Reload>, notifier: Notifier) {
        self.reload = reload;
        self.notifier = notifier;
    }

    /// Sets the times at which results are written, from now on.
    fn set_timers(&mut self) {
        self.timers = Timers {
            export: self.output.interval.map(|_| Instant::now()),
            window: self.window_ends_at(),
        };
    }

    /// Runs the trace to its end and writes the results. Returns the exit code. The status of a command that has ended
    /// is passed on even when an output could not be written; a failed gate shows only when the command has succeeded.
    pub(crate) async fn run(mut self, mut signals: Signals) -> Result<u8, Failure> {
        self.notifier.ready();
        let end = self.trace(&mut signals).await;
        let gate = self.gate();
        // Restores the terminal and prints the results, whatever happened before.
        let mut failures = self.close(end.as_ref().ok());
        let code = match end {
            Ok(End::Command(status)) if status.success() => Ok(gate),
            Ok(End::Command(status)) => Ok(exit_code::passed_on(status)),
            Ok(End::Stopped | End::Replayed) if failures.is_empty() => Ok(gate),
            Ok(End::Stopped | End::Replayed) => Err(failures.remove(0)),
            Err(failure) => Err(failure),
        };
        failures.iter().for_each(say);
        code
    }

    /// Traces to the end and writes the results. After a failure it ends the command and writes the results so far, as
    /// far as possible.
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

    /// Sends SIGTERM to the command, waits for its end within [`GRACE`], then stops the source. False when there is no
    /// command.
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

    /// Closes the live screen, then prints summary, remarks and last words. Returns the outputs that could not be
    /// written.
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

    /// The select loop. The flag is true if the end came without a request of the user.
    async fn follow(&mut self, signals: &mut Signals) -> Result<(End, bool), Failure> {
        self.set_timers();
        let mut live_at = self.notifier.live();
        let mut report_at = self.output.report.map(|interval| Instant::now() + interval);
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
                () = changed(&mut self.reload) => self.reload(),
                () = until(live_at) => live_at = self.notifier.live(),
                () = until(self.timers.window) => self.timers.window = self.rotate()?,
                () = until(self.timers.export) => self.timers.export = self.export()?,
                () = until(report_at) => report_at = self.report()?,
                () = until(due) => self.publish()?,
                () = served::asked(self.service.as_ref()) => self.serve()?,
                wake = self.source.ready() => self.take(wake?)?,
            }
            if let Some(end) = self.source.ended()? {
                let by_itself = told.is_none() && !self.hangup.has_lost_screen();
                return Ok((end, by_itself));
            }
        }
    }

    /// Passes a signal on to the command. True when tracer is to end at once: there is no command, or it was asked to
    /// end before. `told` is the time of that request.
    fn hear(&mut self, heard: Heard, told: &mut Option<Instant>) -> bool {
        if heard.is_of_child() {
            return false;
        }
        if heard.is_hangup() && !heard.from_kernel && self.reload.is_some() {
            self.reload();
            return false;
        }
        if heard.is_hangup() && !self.hangup.hear(Instant::now()) {
            return false;
        }
        if !heard.asks_to_end() {
            return !self.source.pass_on(heard);
        }
        if let Some(at) = *told {
            // timeout(1) sends its signal to the process and then to its group: these two count as one.
            return heard.can_mean_at_once() && at.elapsed() >= AGAIN;
        }
        *told = Some(Instant::now());
        if heard.is_key() && self.live.is_none() {
            end_line_of_key();
        }
        !self.source.pass_on(heard)
    }

    /// Sends SIGHUP to the command after the terminal of the screen was closed. True when there is no command to wait
    /// for.
    fn hang_up(&mut self) -> bool {
        if self.hangup.lose_screen(Instant::now()) {
            return !self.source.pass_on(Heard::own(Signal::SIGHUP));
        }
        !self.source.has_command()
    }

    /// Asks the command to end. True when tracer is to end at once: there is no command, or it was asked before
    /// (`told`).
    fn is_to_stop(&mut self, told: &mut Option<Instant>) -> bool {
        if told.is_some() {
            return true;
        }
        *told = Some(Instant::now());
        !self.source.pass_on(Heard::own(Signal::SIGTERM))
    }

    /// Takes the records that are ready, at most a batch.
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

    /// Shows a message at once: on the live screen, or on standard error without one.
    fn tell(&mut self, text: String) {
        match &mut self.live {
            Some(live) => live.answer(Err(text)),
            None => say(text),
        }
    }

    /// Ends the trace now.
    fn stop(&mut self) -> Result<(End, bool), Failure> {
        self.set_stage(Stage::Ending);
        Ok((self.source.stop()?, false))
    }

    /// Takes the remaining records and writes the results, each as far as possible.
    async fn finish(&mut self) {
        self.notifier.stopping();
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
        let results = self.last_results();
        for failure in self.output.sinks.take(Occasion::Over, &results) {
            self.fail(failure.into());
        }
        let snapshot = self.tracker.snapshot();
        self.take_window(Occasion::LastWindow, &snapshot);
        self.serve_last();
    }

    /// Notes a failure for the end and shows it on the live screen now.
    fn fail(&mut self, failure: Failure) {
        if let Some(live) = &mut self.live {
            live.answer(Err(failure.to_string()));
        }
        self.failures.push(failure);
    }

    /// Ends the recording: its rest is written to the disk while tracing goes on.
    fn end_recording(&mut self) -> Option<Ending> {
        let recorder = self.tracker.recorder.take()?;
        recorder.end(recording::end(&self.description))
    }

    /// Checks whether a recording that was ended at the screen is on the disk, and reports the result.
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

    /// Reads the counters that the kernel programs keep beside the records.
    fn read_counters(&mut self) -> Result<(), Failure> {
        if !self.over {
            self.source.read_counters(&mut self.tracker)?;
            self.note_moment();
        }
        Ok(())
    }

    /// Brings the figures up to date for an export made while tracing: reported records, and the state of open
    /// connections.
    fn look_again(&mut self) -> Result<(), Failure> {
        if !self.over {
            self.source.look_again(&mut self.tracker)?;
        }
        self.read_counters()
    }

    /// Results as of the last noted moment. At the end they are judged once.
    fn results(&self) -> Results {
        let (about, output) = (&self.description, &self.output);
        let results = Results::new(self.tracker.snapshot(), about, &output.allowed);
        let judge = || results.judge(&output.gates);
        let verdicts = match self.over {
            true => self.verdicts.get_or_init(judge).clone(),
            false => judge(),
        };
        Results {
            verdicts,
            ..results
        }
    }

    /// Exit code of the gates. Without a summary, which lists the verdicts, those that fail are said here.
    fn gate(&mut self) -> u8 {
        let gates = &self.output.gates;
        if !self.over || gates.is_empty() {
            return exit_code::OK;
        }
        let verdicts = self.results().verdicts;
        let failed = verdicts.iter().filter(|verdict| gates.fails(verdict));
        let failed: Vec<String> = failed.map(tracer_gate::words).collect();
        if failed.is_empty() {
            return exit_code::OK;
        }
        if self.output.quiet {
            self.remarks.extend(failed);
        }
        exit_code::GATE
    }

    /// Notes the current moment as the one for which all figures are valid.
    fn note_moment(&mut self) {
        self.description.as_of_ns = self.source.now_ns();
        self.description.command_cpu = self.source.command_cpu();
    }

    /// Writes the export while tracing goes on; a failed write does not end the trace. Returns when the next export is
    /// due, so that exports take a fifth of the time at most.
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
        if self.windows.is_some() {
            let snapshot = self.tracker.snapshot();
            self.take_window(Occasion::WindowUnderWay, &snapshot);
        }
        let interval = self.output.interval;
        let earliest = Instant::now() + 4 * begun.elapsed();
        Ok(interval.map(|interval| (begun + interval).max(earliest)))
    }
}

/// Remark on a recording that has ended, if it lacks anything.
fn remark_on(ended: &Written) -> Option<String> {
    match ended {
        Ok((_, 0)) => None,
        Ok((_, lost)) => Some(format!(
            "the recording lacks {lost} entries that could not be written fast enough"
        )),
        Err(failure) => Some(format!("the recording is cut off: {failure}")),
    }
}

/// Begins a new line behind the `^C` that the terminal has shown for the key, so that the summary begins at the left.
fn end_line_of_key() {
    if std::io::stderr().is_terminal() {
        note(format_args!("\n"));
    }
}

async fn next_command(live: &mut Option<Live>) -> Command {
    match live {
        Some(live) => live.command().await,
        None => pending().await,
    }
}

async fn changed(reload: &mut Option<Reload>) {
    match reload {
        Some(reload) => reload.changed().await,
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
