//! The thread: makes messages of results as they come, and sends them one after the other.

use std::{sync::Arc, time::Instant};

use tokio::{
    sync::mpsc::Receiver,
    time::{sleep_until, timeout_at},
};
use tracer_otlp::{
    metrics::{Metrics, Moment},
    resource::{Facts, resource},
    spans::{Anchor, Spans},
};

use super::{
    News, client::Client, connection::Outcome, message::Message, queue::Queue, retry::Backoff,
    settings::OtlpSettings, tally::Tally,
};
use crate::trace::description::Description;

/// State of the thread.
pub(super) struct Worker {
    settings: Arc<OtlpSettings>,
    tally: Arc<Tally>,
    queue: Queue,
    backoff: Backoff,
    makers: Option<(Metrics, Spans)>,
    /// Time until which everything has to be sent, once the trace is over.
    last: Option<Instant>,
    /// True once a failure after the end of the trace was followed by a further attempt.
    has_tried_again: bool,
}

impl Worker {
    /// Makes the state.
    pub(super) fn new(settings: Arc<OtlpSettings>, tally: Arc<Tally>) -> Self {
        Self {
            settings,
            tally,
            queue: Queue::default(),
            backoff: Backoff::default(),
            makers: None,
            last: None,
            has_tried_again: false,
        }
    }

    /// Runs until the trace is over and everything is sent or given up.
    pub(super) fn run(mut self, mut inbox: Receiver<News>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => {
                runtime.block_on(self.work(&mut inbox));
                // A lookup of the collector's name may still be under way.
                runtime.shutdown_background();
            }
            Err(error) => self.tally.give_up(1, &error.to_string()),
        }
        let left = self.queue.clear();
        self.tally.give_up(left, "no time was left");
    }

    async fn work(&mut self, inbox: &mut Receiver<News>) {
        let mut client = Client::new(Arc::clone(&self.settings));
        loop {
            let Some(message) = self.queue.pop() else {
                match inbox.recv().await {
                    Some(news) => self.take(news),
                    None => return,
                }
                continue;
            };
            let limit = self.settings.timeout;
            let sending = client.send(&message, limit);
            let Some(outcome) = self.meanwhile(inbox, sending).await else {
                self.tally.give_up(1, "no answer in the time that was left");
                return;
            };
            let Some(pause) = self.settle(message, outcome) else {
                continue;
            };
            if !self.pause(inbox, pause).await {
                return;
            }
        }
    }

    /// Waits for the end of an attempt and takes results meanwhile. None if the time after the trace is over.
    async fn meanwhile(
        &mut self,
        inbox: &mut Receiver<News>,
        sending: impl Future<Output = Outcome>,
    ) -> Option<Outcome> {
        let mut sending = std::pin::pin!(sending);
        loop {
            let last = self.last;
            tokio::select! {
                biased;
                outcome = &mut sending => return Some(outcome),
                Some(news) = inbox.recv() => self.take(news),
                () = until(last) => return None,
            }
        }
    }

    /// Counts the outcome of an attempt. Returns the pause before the next one, if it failed.
    fn settle(&mut self, message: Message, outcome: Outcome) -> Option<Pause> {
        match outcome {
            Outcome::Accepted(accepted) => {
                self.backoff.reset();
                self.tally.deliver(accepted.rejected, &accepted.why);
                None
            }
            Outcome::Refused(why) => {
                self.tally.fail(&why);
                self.tally.give_up(1, &why);
                None
            }
            Outcome::Retry(why, asked) => {
                self.tally.fail(&why);
                let length = self.backoff.pause(asked, rand::random());
                if !self.queue.put_back(message) {
                    self.tally.give_up(1, &why);
                }
                Some(Pause {
                    until: Instant::now() + length,
                    is_asked: asked.is_some(),
                    why,
                })
            }
        }
    }

    /// Pauses after a failure. The end of the trace ends the pause, for a last attempt. False if that has failed too: then all
    /// that waits is given up.
    async fn pause(&mut self, inbox: &mut Receiver<News>, pause: Pause) -> bool {
        if let Some(last) = self.last {
            if pause.is_asked && pause.until < last {
                sleep_until(pause.until.into()).await;
                return true;
            }
            // The failed attempt may have begun before the end, or on a connection that was closed meanwhile.
            if std::mem::replace(&mut self.has_tried_again, true) {
                let left = self.queue.clear();
                self.tally.give_up(left, &pause.why);
                return false;
            }
            return true;
        }
        loop {
            match timeout_at(pause.until.into(), inbox.recv()).await {
                Err(_) => return true,
                Ok(Some(news)) => self.take(news),
                // The sender is gone without a word: nothing more comes.
                Ok(None) => self.last = Some(Instant::now() + super::LAST),
            }
            if self.last.is_some() {
                return true;
            }
        }
    }

    /// Makes messages of results.
    fn take(&mut self, news: News) {
        self.last = news.last;
        let given_up = self.tally.given_up();
        let results = &news.results;
        let settings = &self.settings;
        let (metrics, spans) = self.makers.get_or_insert_with(|| {
            let resource = resource(&facts(&results.description), &settings.given);
            let metrics = Metrics::new(resource.clone(), settings.hosts);
            (metrics, Spans::new(resource))
        });
        let about = &results.description;
        let anchor = Anchor {
            monotonic_ns: about.started_ns,
            since_1970_ns: about.started_at_ns(),
        };
        let traces = spans.requests(&results.samples, anchor, &mut rand::random);
        let moment = Moment {
            snapshot: &results.snapshot,
            findings: &results.findings,
            start_ns: about.started_at_ns(),
            now_ns: about.as_of_at_ns(),
            given_up,
        };
        let metrics = metrics.requests(&moment).into_iter().map(Message::Metrics);
        let all = metrics.chain(traces.into_iter().map(Message::Traces));
        let dropped = all.map(|message| self.queue.push(message)).sum();
        self.tally.give_up(dropped, "the collector is too slow");
    }
}

/// Pause after a failure.
struct Pause {
    until: Instant,
    /// True if the collector has asked for it.
    is_asked: bool,
    /// Reason of the failure.
    why: String,
}

async fn until(last: Option<Instant>) {
    match last {
        Some(last) => sleep_until(last.into()).await,
        None => std::future::pending().await,
    }
}

fn facts(about: &Description) -> Facts {
    let command = about.command.as_ref();
    Facts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: format!("{:032x}", rand::random::<u128>()),
        host: about.machine.hostname.clone(),
        arch: about.machine.arch.clone(),
        program: command.and_then(|words| words.first().cloned()),
    }
}
