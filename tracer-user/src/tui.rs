//! The live screen: a thread that draws the latest moment and reads keys. The only data it shares with the engine is
//! what the engine publishes. Drawing changes neither model nor snapshot.

mod clipboard;
mod filter;
mod input;
mod model;
mod news;
mod outbox;
pub(crate) mod settings;
mod signals;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod view;

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use tokio::sync::{mpsc::UnboundedSender, watch};

use self::{
    input::Decoder,
    model::{Ask, Input, Model},
    news::News,
    settings::ScreenSettings,
    signals::JobControl,
    terminal::Screen,
    theme::Theme,
};
use crate::trace::{
    capture::Scrollback,
    description::Description,
    live::{Command, Wires},
};

/// Interval of the checks for new moments; keys are answered at once.
const TICK: Duration = Duration::from_millis(40);

/// Texts about the trace that the screen shows besides figures.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    /// Target of the trace, in words.
    pub(crate) target: String,
    /// Kernel release.
    pub(crate) kernel: String,
    /// Way in which HTTP/2 is read, and why; None in a replay.
    pub(crate) http2: Option<String>,
}

impl About {
    /// Texts of a description.
    pub(crate) fn of(description: &Description) -> Self {
        Self {
            target: description.target(),
            kernel: description.machine.kernel.clone(),
            http2: description.http2.clone(),
        }
    }
}

/// Restores the terminal as far as possible without writing to it.
pub(crate) fn abandon() {
    terminal::abandon();
}

/// Takes the terminal and starts the thread that draws on it. The thread ends when `wires` close, and restores the
/// terminal. Its result then comes from the receiver; if the thread panicked, the receiver's channel is closed without
/// one.
pub(crate) fn open(
    settings: ScreenSettings,
    about: About,
    wires: Wires,
    output: Option<watch::Receiver<Arc<Scrollback>>>,
) -> io::Result<Receiver<io::Result<()>>> {
    let (said, ended) = channel();
    let signals = JobControl::listen()?;
    let screen = Screen::enter()?;
    let size = screen.size()?;
    let session = ScreenThread {
        screen,
        size,
        decoder: Decoder::default(),
        signals,
        model: Model::new(about, size, output.is_some()),
        theme: Theme::new(settings.colors, settings.unicode),
        news: News {
            moments: wires.moments,
            output,
        },
        commands: wires.commands,
    };
    std::thread::Builder::new()
        .name("tracer-screen".into())
        .spawn(move || {
            // An engine that has given up does not receive any more.
            let _ = said.send(session.run());
        })?;
    Ok(ended)
}

struct ScreenThread {
    screen: Screen,
    size: (u16, u16),
    decoder: Decoder,
    signals: JobControl,
    model: Model,
    theme: Theme,
    news: News,
    commands: UnboundedSender<Command>,
}

impl ScreenThread {
    fn run(mut self) -> io::Result<()> {
        while self.news.take(&mut self.model) {
            if self.signals.take_stop() {
                self.suspend()?;
            }
            if self.signals.take_continued() {
                self.screen.resume()?;
                self.model.take(Input::Redraw);
            }
            self.draw()?;
            self.take_events()?;
        }
        // Draws the last news too. The screen ends here, so a terminal that does not take them is no failure.
        let _ = self.draw();
        Ok(())
    }

    /// Draws the changes. A slow terminal gets the latest frame only after it has taken the previous one.
    fn draw(&mut self) -> io::Result<()> {
        if self.screen.is_free()? && self.model.arrange() {
            let (model, theme) = (&self.model, &self.theme);
            self.screen.draw(|frame| view::draw(frame, model, theme))?;
        }
        Ok(())
    }

    /// Waits a tick for keys, clicks and changes of size, and handles all that have come.
    fn take_events(&mut self) -> io::Result<()> {
        let inputs = match self.screen.read(TICK)? {
            None => self.decoder.settle().into_iter().collect(),
            Some(bytes) => self.decoder.take(bytes),
        };
        for input in inputs {
            match self.model.take(input) {
                Some(Ask::Engine(command)) => self.send(command),
                Some(Ask::Suspend) => self.suspend()?,
                Some(Ask::Copy(text)) => self.screen.copy(&text)?,
                None => {}
            }
        }
        let size = self.screen.size()?;
        if size != self.size {
            self.size = size;
            self.model.take(Input::Resize(size.0, size.1));
        }
        Ok(())
    }

    fn send(&self, command: Command) {
        // If the engine is gone, the channel of moments is closed too, which ends the loop.
        let _ = self.commands.send(command);
    }

    /// Restores the terminal and stops tracer, as Ctrl-Z stops other programs, until SIGCONT comes.
    fn suspend(&mut self) -> io::Result<()> {
        self.screen.leave();
        signals::stop();
        self.screen.resume()?;
        self.model.take(Input::Redraw);
        Ok(())
    }
}
