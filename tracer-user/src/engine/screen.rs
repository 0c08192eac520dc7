//! What the engine does for the live screen.

use std::time::SystemTime;

use tracer_core::input::Input;

use super::{Engine, Signals};
use crate::{
    clock,
    failure::Failure,
    live::{Command, Live, Stage},
    sink::output::OutputPath,
    source::End,
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
        let elapsed_ns = self.sinks.elapsed_ns();
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

    /// Does what the person at the screen asks for; false when the trace is to end.
    pub(super) fn obey(&mut self, command: Command) -> bool {
        let answer = match command {
            Command::Export => self.export_now(),
            Command::Reset => self.reset(),
            Command::Play(control) => self.source.control(control),
            Command::Quit => {
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
        // Not the time of day now: that of a recording is another one.
        self.sinks.description.as_of_ns = now_ns;
        let at_ns = self.sinks.description.started_at_ns() + self.sinks.elapsed_ns();
        self.tracker.input(&Input::Reset { now_ns, at_ns });
        self.sinks.description.restart(now_ns, at_ns);
        Ok("figures are counted from now".into())
    }

    /// Writes a file named by the time of day, beside where tracer was started.
    fn export_now(&mut self) -> Result<String, String> {
        self.read_counters().map_err(|error| error.to_string())?;
        let text = self.sinks.document(&self.tracker.snapshot());
        let text = text.map_err(|error| error.to_string())?;
        let name = format!("tracer-{}.json", clock::file_name(SystemTime::now()));
        let directory = std::env::current_dir().map_err(|error| error.to_string())?;
        let path = directory.join(name);
        let file = OutputPath::open(&path, crate::privilege::sudo_user());
        file.and_then(|file| file.replace(text.as_bytes()))
            .map_err(|error| error.to_string())?;
        Ok(format!("wrote {}", path.display()))
    }

    /// The target has ended by itself: what was found stays on the screen until somebody has read it.
    pub(super) async fn linger(&mut self, end: &End, signals: &mut Signals) -> Result<(), Failure> {
        self.set_stage(Stage::Over(match end {
            End::Stopped => "the traced processes have ended".into(),
            End::Replayed => "the recording ends here".into(),
            End::Command(status) => format!("the command has ended: {status}"),
        }));
        self.publish()?;
        while self.live.is_some() {
            tokio::select! {
                signal = signals.next() => if signal.is_some() {
                    return Ok(());
                },
                command = super::next_command(&mut self.live) => {
                    if matches!(command, Command::Quit) {
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
