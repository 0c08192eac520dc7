//! Requests over HTTP/2 by the lengths and times of TLS records alone, where no frames can be read.
//!
//! The number of requests is exact as long as one is in flight at a time, of a client that is known to send each in a record of
//! its own; otherwise it is a lower bound. Times are claimed
//! for requests that were alone in flight, and for no others. Whatever proves an overlap ends all claims until both sides
//! were silent for long: that requests and answers alternate proves nothing.

use std::collections::VecDeque;

use super::{
    lengths::{self, Circumstances, Event, Lengths, Sent},
    news::{Ended, News, Outcome},
};
use crate::{elapsed::elapsed, tls::Side};

/// Silence after which nothing is in flight any more, ns, unless a longer wait was seen.
const SILENCE_NS: u64 = 1_000_000_000;
/// TLS records of a connection before it is decided whose lengths they have.
pub(super) const FIRST: usize = 32;
/// TLS records that are kept of a connection that may yet turn out to speak HTTP/2.
const MOST_FIRST: usize = 2 * FIRST;
/// Limit of the requests that are kept to count those within a round trip.
const MOST_RECENT: usize = 4096;

/// Request that is alone in flight.
#[derive(Debug, Clone, Copy)]
struct Alone {
    begin_ns: u64,
    first_ns: Option<u64>,
    last_ns: u64,
    idle_ns: Option<u64>,
    is_first: bool,
}

/// Requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Inferred {
    circumstances: Circumstances,
    /// First records, until there are enough to tell the lengths.
    first: Vec<Event>,
    lengths: Option<Lengths>,
    requests: u64,
    alone: Option<Alone>,
    /// True while more than one request may be in flight.
    overlaps: bool,
    /// True once requests have overlapped.
    is_at_least: bool,
    /// True while a record of the server comes in, and if the last one was as long as records can be.
    is_incoming: bool,
    was_full: bool,
    /// Time of the last record in either direction, and the longest wait for an answer, ns.
    active_ns: u64,
    longest_ns: u64,
    /// Time of the last byte of the last answer to a request that was alone, ns.
    ended_ns: Option<u64>,
    /// Times of the requests within the last round trip, ns.
    recent: VecDeque<u64>,
    most_recent: usize,
}

impl Inferred {
    /// Sets what is known of the connection, until the first records are used.
    pub(super) fn set_circumstances(&mut self, circumstances: Circumstances) {
        if !self.is_out() {
            let is_middle = self.circumstances.is_middle || circumstances.is_middle;
            self.circumstances = Circumstances {
                is_middle,
                ..circumstances
            };
        }
    }

    /// Number of requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// True if a request is in flight that has no answer yet.
    pub(super) fn is_awaiting(&self) -> bool {
        self.alone.is_some_and(|alone| alone.first_ns.is_none())
    }

    /// True once the first records were used, so that what they tell is out.
    pub(super) fn is_out(&self) -> bool {
        self.lengths.is_some()
    }

    /// Keeps a record of a connection that may speak HTTP/2.
    pub(super) fn keep(&mut self, event: Event) {
        if self.first.len() == MOST_FIRST {
            self.first.clear();
            self.circumstances.is_middle = true;
        }
        self.first.push(event);
    }

    /// Takes a record of a connection that speaks HTTP/2.
    pub(super) fn take(&mut self, event: Event, news: &mut Vec<News>) {
        if self.is_out() {
            return self.follow(event, news);
        }
        self.keep(event);
        if self.first.len() >= FIRST {
            self.tell_first(news);
        }
    }

    /// Uses the first records.
    pub(super) fn tell_first(&mut self, news: &mut Vec<News>) {
        if self.is_out() {
            return;
        }
        let first = std::mem::take(&mut self.first);
        self.lengths = Some(Lengths::of(&first, self.circumstances));
        for event in first {
            self.follow(event, news);
        }
    }

    fn follow(&mut self, event: Event, news: &mut Vec<News>) {
        let Some(lengths) = &mut self.lengths else {
            return;
        };
        match event.side {
            Side::Client if event.begins => {
                let sent = lengths.sent(event.length, event.at_ns);
                self.note_silence(event.at_ns);
                match sent {
                    Sent::Request => self.request(event.at_ns, news),
                    Sent::Late => self.count(news),
                    Sent::Other => {}
                }
            }
            Side::Client => {}
            Side::Server => self.received(event, news),
        }
    }

    /// After a long silence nothing is in flight.
    fn note_silence(&mut self, at_ns: u64) {
        let silence_ns = SILENCE_NS.max(self.longest_ns.saturating_mul(2));
        if self.overlaps && elapsed(at_ns, self.active_ns).is_some_and(|ns| ns >= silence_ns) {
            self.overlaps = false;
            (self.is_incoming, self.was_full) = (false, false);
        }
        self.active_ns = at_ns;
    }

    fn request(&mut self, at_ns: u64, news: &mut Vec<News>) {
        self.note_recent(at_ns, news);
        if !self.circumstances.is_apart {
            self.note_at_least(news);
        }
        let is_behind = self.is_incoming || self.was_full || self.is_awaiting();
        if is_behind {
            self.overlap(news);
        }
        if self.overlaps {
            return self.count(news);
        }
        self.end_alone(Outcome::Answered, 0, news);
        self.alone = Some(Alone {
            begin_ns: at_ns,
            first_ns: None,
            last_ns: 0,
            idle_ns: self.ended_ns.and_then(|ended_ns| elapsed(at_ns, ended_ns)),
            is_first: self.requests == 0,
        });
        self.requests += 1;
    }

    /// Counts a request that shares the connection with others. Requests with bodies cannot be counted then.
    fn count(&mut self, news: &mut Vec<News>) {
        let has_bodies = self.lengths.as_ref().is_some_and(Lengths::has_bodies);
        if has_bodies && self.overlaps {
            return;
        }
        news.push(News::Inferred(Ended::untimed(self.requests == 0)));
        self.requests += 1;
    }

    fn overlap(&mut self, news: &mut Vec<News>) {
        if let Some(alone) = self.alone.take() {
            news.push(News::Inferred(Ended::untimed(alone.is_first)));
        }
        self.overlaps = true;
        self.ended_ns = None;
        self.note_at_least(news);
    }

    fn note_at_least(&mut self, news: &mut Vec<News>) {
        if !std::mem::replace(&mut self.is_at_least, true) {
            news.push(News::AtLeast);
        }
    }

    fn received(&mut self, event: Event, news: &mut Vec<News>) {
        let Some(lengths) = &self.lengths else { return };
        let control = lengths.is_control(event.length);
        self.active_ns = event.at_ns;
        if event.begins {
            self.is_incoming = true;
            self.was_full = lengths::is_full(event.length);
        }
        if event.ends {
            self.is_incoming = false;
        }
        let is_first = self.alone.is_some_and(|alone| alone.is_first);
        if event.begins && event.unacknowledged && self.is_awaiting() {
            // The server has not seen the request yet. Before its first one it sends SETTINGS and tickets.
            if !is_first {
                self.overlap(news);
            }
            return;
        }
        if control {
            return;
        }
        if let Some(alone) = &mut self.alone {
            if event.begins && alone.first_ns.is_none() {
                alone.first_ns = Some(event.at_ns);
                let waited_ns = elapsed(event.at_ns, alone.begin_ns).unwrap_or(0);
                self.longest_ns = self.longest_ns.max(waited_ns);
            }
            if alone.first_ns.is_some() {
                alone.last_ns = event.at_ns;
            }
        }
    }

    /// Ends the request that was alone.
    fn end_alone(&mut self, outcome: Outcome, at_ns: u64, news: &mut Vec<News>) {
        let Some(alone) = self.alone.take() else {
            return;
        };
        self.ended_ns = (alone.last_ns != 0).then_some(alone.last_ns);
        let is_claimed = !alone.is_first && !self.circumstances.is_near_proxy;
        let ended = match is_claimed {
            true => Ended {
                begin_ns: alone.begin_ns,
                first_ns: alone.first_ns,
                last_ns: match alone.first_ns {
                    Some(_) => alone.last_ns,
                    None => at_ns,
                },
                idle_ns: alone.idle_ns,
                pickup_ns: None,
                is_first: alone.is_first,
                outcome,
            },
            false => Ended::untimed(alone.is_first),
        };
        news.push(News::Inferred(ended));
    }

    /// Ends the connection.
    pub(super) fn close(&mut self, at_ns: u64, outcome: Outcome, news: &mut Vec<News>) {
        self.tell_first(news);
        if self.is_awaiting() && outcome == Outcome::Closed {
            // A last record without an answer is a request that failed, or frames of a length that no rule knows.
            self.alone = None;
            self.requests = self.requests.saturating_sub(1);
            self.note_at_least(news);
        }
        self.end_alone(outcome, at_ns, news);
        let tells = self.lengths.as_mut().is_some_and(Lengths::close);
        if tells && self.requests == 0 {
            self.count(news);
        }
    }

    fn note_recent(&mut self, at_ns: u64, news: &mut Vec<News>) {
        let Some(round_trip_ns) = self.circumstances.round_trip_ns else {
            return;
        };
        while self
            .recent
            .front()
            .is_some_and(|&sent_ns| elapsed(at_ns, sent_ns).is_some_and(|ns| ns > round_trip_ns))
        {
            self.recent.pop_front();
        }
        if self.recent.len() < MOST_RECENT {
            self.recent.push_back(at_ns);
        }
        if self.recent.len() > self.most_recent {
            self.most_recent = self.recent.len();
            news.push(News::AtOnce(self.most_recent as u64));
        }
    }
}
