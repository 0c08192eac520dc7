//! Metrics for an OpenTelemetry collector as a sink. A thread of its own makes the messages and sends them, so that
//! tracing never waits for the collector. What cannot be delivered is counted and reported at the end; it is no failure
//! of the trace.

mod client;
mod connection;
mod environment;
mod grpc;
mod http;
mod message;
mod queue;
mod retry;
pub(crate) mod settings;
mod tally;
mod tls;
mod worker;

use std::{
    cell::RefCell,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{self, Sender};

use self::{settings::OtlpSettings, tally::Tally, worker::Worker};
use super::{Occasion, Results};
use crate::say::say;

/// Time after the end of the trace in which the last messages are sent.
const LAST: Duration = Duration::from_secs(5);
/// Limit of the moments that wait for the thread to take them.
const WAITING: usize = 4;

/// Reasons why metrics do not reach the collector.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OtlpError {
    /// The thread cannot be started.
    #[error("cannot start the thread of --otlp: {0}")]
    Thread(std::io::Error),
    /// The last attempt to send has failed.
    #[error("--otlp: {0}")]
    Send(String),
}

/// Results for the thread.
#[derive(Debug)]
struct News {
    results: Results,
    /// Time until which everything has to be sent, after the end of the trace.
    last: Option<Instant>,
}

/// Sink with its thread, which starts with the first results.
#[derive(Debug)]
pub(crate) struct Otlp {
    settings: Arc<OtlpSettings>,
    tally: Arc<Tally>,
    thread: RefCell<Option<Thread>>,
}

/// Link to the thread.
#[derive(Debug)]
struct Thread {
    news: Sender<News>,
    ended: Receiver<()>,
    /// Time until which the thread may go on after the end of the trace.
    until: Option<Instant>,
}

impl Otlp {
    /// Makes a sink; nothing is sent before the first results.
    pub(crate) fn new(settings: OtlpSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            tally: Arc::default(),
            thread: RefCell::default(),
        }
    }

    /// Hands results to the thread; after the trace, waits for it and reports what was not delivered.
    pub(super) fn take(&self, occasion: Occasion, results: &Results) -> Result<(), OtlpError> {
        match occasion {
            Occasion::UnderWay
            | Occasion::WindowUnderWay
            | Occasion::WindowOver
            | Occasion::LastWindow => Ok(()),
            Occasion::Report => {
                self.pass_on(results, None)?;
                self.tally
                    .trouble()
                    .map_or(Ok(()), |why| Err(OtlpError::Send(why)))
            }
            Occasion::Over => {
                let until = Instant::now() + LAST;
                self.pass_on(results, Some(until))?;
                if let Some(thread) = self.thread.borrow_mut().as_mut() {
                    thread.until = Some(until);
                }
                Ok(())
            }
            Occasion::TerminalFree => {
                self.end();
                Ok(())
            }
        }
    }

    /// Hands results to the thread. If the thread is behind, they are dropped and counted.
    fn pass_on(&self, results: &Results, last: Option<Instant>) -> Result<(), OtlpError> {
        let mut thread = self.thread.borrow_mut();
        let thread = match &mut *thread {
            Some(running) => running,
            none => none.insert(self.start()?),
        };
        let news = News {
            results: results.clone(),
            last,
        };
        if thread.news.try_send(news).is_err() {
            self.tally.give_up(1, "too many results at once");
        }
        Ok(())
    }

    fn start(&self) -> Result<Thread, OtlpError> {
        let (news, inbox) = mpsc::channel(WAITING);
        let (end, ended) = std::sync::mpsc::channel();
        let worker = Worker::new(Arc::clone(&self.settings), Arc::clone(&self.tally));
        let run = move || {
            worker.run(inbox);
            drop(end);
        };
        std::thread::Builder::new()
            .name("tracer-otlp".to_owned())
            .spawn(run)
            .map_err(OtlpError::Thread)?;
        Ok(Thread {
            news,
            ended,
            until: None,
        })
    }

    /// Waits for the thread, at most until its time is over, and says what was not delivered.
    fn end(&self) {
        let Some(thread) = self.thread.borrow_mut().take() else {
            return;
        };
        drop(thread.news);
        let until = thread.until.unwrap_or_else(Instant::now);
        let left = until.saturating_duration_since(Instant::now());
        // The thread keeps the time itself; a moment more is for what it does then.
        let waited = thread.ended.recv_timeout(left + Duration::from_millis(500));
        if waited == Err(RecvTimeoutError::Timeout) {
            self.tally.give_up(1, "no time was left");
        }
        if let Some(losses) = self.tally.losses() {
            say(format_args!("--otlp: {losses}"));
        }
    }
}

#[cfg(test)]
mod tests;
