//! Work of the engine for the live screen.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use tracer_core::{input::Input, tracker::Tracker};

use super::Engine;
use crate::{
    failure::Failure,
    files::output::OutputPath,
    signals::Signals,
    sink::json,
    source::{End, record::Recorder, recording},
    trace::{
        clock,
        live::{Command, Live, Stage},
    },
};

impl Engine {
    /// Publishes the state of the trace.
    pub(super) fn publish(&mut self) -> Result<(), Failure> {
        if self.live.is_none() {
            return Ok(());
        }
        if self.live.as_mut().is_some_and(Live::counters_due) {
            self.read_counters()?;
        }
        let elapsed_ns = self.description.elapsed_ns();
        let playing = self.source.playing();
        if let Some(live) = &mut self.live {
            live.set_playing(playing);
            live.publish(elapsed_ns, || self.tracker.snapshot());
        }
        Ok(())
    }

    pub(super) fn set_stage(&mut self, stage: Stage) {
        if let Some(live) = &mut self.live {
            live.set_stage(stage);
        }
    }

    /// Executes a command that was given at the screen; false when the trace is to end.
    pub(super) fn obey(&mut self, command: Command) -> bool {
        let answer = match command {
            Command::Export => self.export_now(),
            Command::Reset => self.reset(),
            Command::Record => self.record(),
            Command::Play(control) => self.source.control(control),
            Command::Quit | Command::Gone => {
                self.set_stage(Stage::Ending);
                return false;
            }
        };
        if let Some(live) = &mut self.live {
            live.answer(answer);
        }
        true
    }

    fn reset(&mut self) -> Result<String, String> {
        if self.over {
            return Err("the trace is over; there is nothing to count any more".into());
        }
        self.read_counters().map_err(|error| error.to_string())?;
        let now_ns = self.source.now_ns();
        // The description's clock, not the time of day now: a replayed recording has a time of its own.
        self.description.as_of_ns = now_ns;
        let at_ns = self.description.as_of_at_ns();
        self.end_window();
        self.tracker.input(&Input::Reset { now_ns, at_ns });
        self.description.restart(now_ns, at_ns);
        self.restart_windows();
        Ok("figures are counted from now".into())
    }

    /// Starts a recording, or ends the one under way. A recording starts with empty figures, so the figures on the
    /// screen restart too: both then show the same.
    fn record(&mut self) -> Result<String, String> {
        if self.over {
            return Err("the trace is over; there is nothing to record any more".into());
        }
        if self.tracker.recorder.is_some() {
            self.description.as_of_ns = self.source.now_ns();
            self.ending = self.end_recording();
            return match self.ending {
                Some(_) => Ok("the recording ends here; its rest is being written".into()),
                None => Err("the recording had ended already".into()),
            };
        }
        if self.ending.is_some() {
            return Err("the recording before is still being written".into());
        }
        let path = file_of_now("trace")?;
        self.record_to(&path).map_err(|error| error.to_string())?;
        Ok(format!(
            "recording to {}; figures are counted from now",
            path.display()
        ))
    }

    fn record_to(&mut self, path: &Path) -> Result<(), Failure> {
        if !self.source.can_begin_again() {
            let text = "this is a recording already".to_owned();
            return Err(Failure::Usage(text));
        }
        let output = OutputPath::open(path, self.output.invoker.as_ref())?;
        let file = output.begin()?.commit_open()?;
        let before_ns = self.source.drain(&mut self.tracker)?;
        let now_ns = self.source.now_ns();
        self.description.as_of_ns = now_ns;
        let at_ns = self.description.as_of_at_ns();
        self.end_window();
        self.description.restart(now_ns, at_ns);
        self.restart_windows();
        let options = self.tracker.options().clone();
        let mut recorder = Recorder::new(file, recording::start(&self.description, &options));
        let started = recorder.start();
        started.map_err(Failure::internal("starting the thread that records"))?;
        self.tracker.begin_again(Tracker::new(options), recorder);
        // Counts of the kernel programs up to now belong to the time before the recording.
        self.source.read_counters(&mut self.tracker)?;
        self.tracker.input(&Input::Reset { now_ns, at_ns });
        Ok(self.source.prime(before_ns, &mut self.tracker)?)
    }

    /// Writes the export to a file named by the time of day, in the directory where tracer was started.
    fn export_now(&mut self) -> Result<String, String> {
        self.look_again().map_err(|error| error.to_string())?;
        let text = json::document(&self.results());
        let text = text.map_err(|error| error.to_string())?;
        let path = file_of_now("json")?;
        let file = OutputPath::open(&path, self.output.invoker.as_ref());
        file.and_then(|file| file.replace(text.as_bytes()))
            .map_err(|error| error.to_string())?;
        Ok(format!("wrote {}", path.display()))
    }

    /// Keeps the results on the screen after the target has ended by itself, until the user closes the screen.
    pub(super) async fn linger(&mut self, end: &End, signals: &mut Signals) -> Result<(), Failure> {
        self.set_stage(Stage::Over(match end {
            End::Stopped => "the traced processes have ended".into(),
            End::Replayed => "the recording ends here".into(),
            End::Command(status) => format!("the command has ended: {status}"),
        }));
        self.publish()?;
        while self.live.is_some() {
            tokio::select! {
                heard = signals.next() => {
                    let heard = heard.map_err(Failure::internal("reading signals"))?;
                    if !heard.is_of_child() {
                        return Ok(());
                    }
                }
                command = super::next_command(&mut self.live) => {
                    if matches!(command, Command::Quit | Command::Gone) {
                        return Ok(());
                    }
                    self.obey(command);
                    self.publish()?;
                }
            }
        }
        Ok(())
    }
}

/// Path of a file that does not exist yet, in the directory where tracer was started.
fn file_of_now(extension: &str) -> Result<PathBuf, String> {
    let directory = std::env::current_dir().map_err(|error| error.to_string())?;
    Ok(free_path(
        &directory,
        &clock::file_name(SystemTime::now()),
        extension,
    ))
}

/// Path named by the time of day and the process id, so that two traces that write in the same second use different
/// files. A number is added when this trace has written a file in this second already.
fn free_path(directory: &Path, time: &str, extension: &str) -> PathBuf {
    let stem = format!("tracer-{time}-{}", std::process::id());
    let mut path = directory.join(format!("{stem}.{extension}"));
    let mut number = 1;
    while path.symlink_metadata().is_ok() {
        number += 1;
        path = directory.join(format!("{stem}-{number}.{extension}"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_same_second_do_not_replace_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| free_path(directory.path(), "20261121T093015Z", "json"))
            .inspect(|path| std::fs::write(path, "").unwrap())
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        let stem = format!("tracer-20261121T093015Z-{}", std::process::id());
        let expected = [
            format!("{stem}.json"),
            format!("{stem}-2.json"),
            format!("{stem}-3.json"),
        ];
        assert_eq!(names, expected);
    }
}
