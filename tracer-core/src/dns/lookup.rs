//! Lookups under way: matches answers to queries, and recognises queries that repeat an earlier one.
//!
//! A lookup begins with a query and ends with its answer, which has the same socket, id and question. Until then a
//! query for the same question repeats the lookup, and does not begin another one, when
//! - it comes from the same process with the same id, through the same socket (c-ares, musl) or through another one
//!   (glibc, however short its timeout),
//! - it comes through the same socket with another id, after that socket has been silent for [`SILENCE_NS`],
//! - it comes from the same process through another socket and the first one was closed a moment ago (Go, hickory),
//! - it comes over TCP and the previous answer was truncated (RFC 7766 5), or another one on that socket was.
//!
//! A copy of the query that is sent to another server just after the answer is neither ([`settled`](super::settled)).
//!
//! Two workers of a process that look up the same name at the same time have a lookup each: their ids differ, and the
//! socket of the first is still open, or is one that both use.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use super::{
    message::{Message, Question, rcode},
    query::{Asked, Query},
    settled::{Settled, copy},
};
use crate::elapsed::{Timed, elapsed};

/// Time after which an answer is no longer awaited: the resolvers' own default.
pub const PATIENCE_NS: u64 = 5_000_000_000;
/// Time after its end in which an unanswered lookup may be repeated.
const GRACE_NS: u64 = 1_000_000_000;
/// Time without a packet on a socket after which a query with another id is taken for a repetition. No resolver has a
/// shorter timeout by default, and workers that share a socket rarely leave it silent for so long.
const SILENCE_NS: u64 = 1_000_000_000;
/// Limit of the ids kept per lookup.
const MAX_IDS: usize = 8;
/// Limit of the lookups of one question by one process that are examined.
const MAX_ALIKE: usize = 64;

/// Ways in which a lookup ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Answer with this response code.
    Answer(u16),
    /// No answer.
    Timeout,
}

/// Lookup that has ended.
#[derive(Debug)]
pub struct EndedLookup {
    /// Last query of the lookup.
    pub query: Query,
    /// Time from the first query to the end.
    pub took: Timed,
    /// Way in which the lookup ended.
    pub end: End,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Waiting,
    /// A truncated answer arrived at this time.
    Truncated(u64),
    /// The socket was closed at this time.
    Abandoned(u64),
}

#[derive(Debug)]
struct Lookup {
    query: Query,
    ids: Vec<u16>,
    first_ns: u64,
    state: State,
    deadline_ns: u64,
}

/// Socket with lookups under way.
#[derive(Debug, Clone, Default)]
struct Socket {
    lookups: Vec<u64>,
    /// Time of the last packet to or from port 53, ns.
    last_ns: u64,
}

type Alike = (u32, Arc<Question>);

/// Table of all lookups under way.
#[derive(Debug)]
pub struct Lookups {
    entries: HashMap<u64, Lookup>,
    by_socket: HashMap<u64, Socket>,
    alike: HashMap<Alike, Vec<u64>>,
    deadlines: BTreeSet<(u64, u64)>,
    settled: Settled,
    serial: u64,
    limit: usize,
    evicted: u64,
}

impl Lookups {
    /// Makes a table for `limit` lookups; a further one displaces the one that would end first.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            by_socket: HashMap::new(),
            alike: HashMap::new(),
            deadlines: BTreeSet::new(),
            settled: Settled::with_limit(limit),
            serial: 0,
            limit,
            evicted: 0,
        }
    }

    /// Number of lookups that were displaced.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Takes a query that was sent, and returns its relation to earlier ones.
    pub fn ask(&mut self, query: Query) -> Asked {
        if let Some(asked) = self.settled.takes(&query) {
            return asked;
        }
        let (at, asked) = match self.earlier(&query) {
            Some((at, asked)) => (Some(at), asked),
            None => (None, Asked::New),
        };
        if let Some(at) = at
            && asked != Asked::OverTcp
            && let Some(lookup) = self.entries.get_mut(&at)
            && let State::Truncated(_) = lookup.state
        {
            lookup.query.server = query.server;
            return asked;
        }
        let earlier = at.and_then(|at| self.remove(at));
        if self.entries.len() >= self.limit
            && let Some(&(_, first)) = self.deadlines.first()
        {
            self.remove(first);
            self.evicted += 1;
        }
        let (first_ns, mut ids) = earlier.map_or((query.time_ns, Vec::new()), |earlier| {
            (earlier.first_ns, earlier.ids)
        });
        ids.retain(|&id| id != query.id);
        if ids.len() >= MAX_IDS {
            ids.remove(0);
        }
        ids.push(query.id);
        self.insert(Lookup {
            deadline_ns: query.time_ns.saturating_add(PATIENCE_NS + GRACE_NS),
            query,
            ids,
            first_ns,
            state: State::Waiting,
        });
        asked
    }

    /// Earlier lookup that a query belongs to. A lookup with the same id comes before others, so that the repetitions of
    /// several workers are not taken for each other's.
    fn earlier(&self, query: &Query) -> Option<(u64, Asked)> {
        let key = (query.tgid, Arc::clone(&query.question));
        let alike = self.alike.get(&key)?.iter().take(MAX_ALIKE);
        let after_silence = self.is_silent(query);
        let alike = alike.filter_map(|&at| Some((at, self.entries.get(&at)?)));
        let takers = alike
            .filter_map(|(at, lookup)| Some((at, lookup, lookup.takes(query, after_silence)?)));
        let (at, _, asked) = takers.min_by_key(|(_, lookup, _)| !lookup.ids.contains(&query.id))?;
        Some((at, asked))
    }

    /// Tells whether no packet has passed through the query's socket for [`SILENCE_NS`].
    fn is_silent(&self, query: &Query) -> bool {
        let last_ns = self.by_socket.get(&query.cookie).map(|it| it.last_ns);
        let silent_ns = last_ns.and_then(|last_ns| elapsed(query.time_ns, last_ns));
        silent_ns.is_some_and(|silent_ns| silent_ns >= SILENCE_NS)
    }

    /// Takes an answer; returns the lookup that it ends.
    pub fn answer(
        &mut self,
        time_ns: u64,
        cookie: u64,
        tcp: bool,
        message: &Message,
    ) -> Option<EndedLookup> {
        let socket = self.by_socket.get_mut(&cookie)?;
        socket.last_ns = socket.last_ns.max(time_ns);
        let at = *socket.lookups.iter().find(|at| {
            self.entries
                .get(at)
                .is_some_and(|lookup| lookup.is_answered_by(message))
        })?;
        if message.truncated && !tcp && message.rcode == rcode::NOERROR {
            self.truncated(at, time_ns);
            return None;
        }
        let lookup = self.remove(at)?;
        if !tcp && matches!(message.rcode, rcode::NOERROR | rcode::NXDOMAIN) {
            self.settled
                .settle(time_ns, &lookup.query, lookup.ids.clone());
        }
        Some(lookup.ended(time_ns, End::Answer(message.rcode)))
    }

    fn truncated(&mut self, at: u64, time_ns: u64) {
        self.change(at, |lookup| {
            if let State::Waiting = lookup.state {
                lookup.state = State::Truncated(time_ns);
                lookup.deadline_ns = time_ns.saturating_add(PATIENCE_NS);
            }
        });
    }

    /// Notes that a socket was closed: lookups that wait on it stay unanswered, unless they are repeated.
    pub fn released(&mut self, time_ns: u64, cookie: u64) {
        self.settled.released(cookie);
        let socket = self.by_socket.get(&cookie).cloned().unwrap_or_default();
        for at in socket.lookups {
            self.change(at, |lookup| {
                if let State::Waiting = lookup.state {
                    lookup.state = State::Abandoned(time_ns);
                    lookup.deadline_ns = time_ns.saturating_add(GRACE_NS);
                }
            });
        }
    }

    /// Removes and returns one of the lookups that have ended by `time_ns` without a further packet.
    pub fn expire(&mut self, time_ns: u64) -> Option<EndedLookup> {
        self.settled.expire(time_ns);
        let &(deadline_ns, at) = self.deadlines.first()?;
        if deadline_ns > time_ns {
            return None;
        }
        self.remove(at).map(Lookup::unanswered)
    }

    /// Lookups that would have been given up by the end of the trace, whether they could still be repeated or not.
    pub fn finish(&mut self, time_ns: u64) -> Vec<EndedLookup> {
        let over = |lookup: &Lookup| {
            !matches!(lookup.state, State::Waiting)
                || lookup.query.time_ns.saturating_add(PATIENCE_NS) <= time_ns
        };
        let mut ended: Vec<u64> = self
            .entries
            .iter()
            .filter(|(_, l)| over(l))
            .map(|(&at, _)| at)
            .collect();
        ended.sort_unstable();
        let ended = ended.into_iter();
        ended
            .filter_map(|at| self.remove(at).map(Lookup::unanswered))
            .collect()
    }

    fn insert(&mut self, lookup: Lookup) {
        let at = self.serial;
        self.serial += 1;
        let socket = self.by_socket.entry(lookup.query.cookie).or_default();
        socket.lookups.push(at);
        socket.last_ns = socket.last_ns.max(lookup.query.time_ns);
        self.alike.entry(lookup.alike()).or_default().push(at);
        self.deadlines.insert((lookup.deadline_ns, at));
        self.entries.insert(at, lookup);
    }

    fn remove(&mut self, at: u64) -> Option<Lookup> {
        let lookup = self.entries.remove(&at)?;
        self.deadlines.remove(&(lookup.deadline_ns, at));
        self.forget_indices(&lookup, at);
        Some(lookup)
    }

    /// Takes a lookup out of the indices by socket and by question.
    fn forget_indices(&mut self, lookup: &Lookup, at: u64) {
        if let Entry::Occupied(mut socket) = self.by_socket.entry(lookup.query.cookie) {
            socket.get_mut().lookups.retain(|&other| other != at);
            if socket.get().lookups.is_empty() {
                socket.remove();
            }
        }
        if let Entry::Occupied(mut alike) = self.alike.entry(lookup.alike()) {
            alike.get_mut().retain(|&other| other != at);
            if alike.get().is_empty() {
                alike.remove();
            }
        }
    }

    fn change(&mut self, at: u64, change: impl FnOnce(&mut Lookup)) {
        if let Some(lookup) = self.entries.get_mut(&at) {
            self.deadlines.remove(&(lookup.deadline_ns, at));
            change(lookup);
            self.deadlines.insert((lookup.deadline_ns, at));
        }
    }
}

impl Lookup {
    fn alike(&self) -> Alike {
        (self.query.tgid, Arc::clone(&self.query.question))
    }

    /// Relation to this lookup of a query by the same process for the same question; `None` if it does not belong to
    /// it. `after_silence`: the query's socket has been silent for [`SILENCE_NS`].
    fn takes(&self, query: &Query, after_silence: bool) -> Option<Asked> {
        let same_id = self.ids.contains(&query.id);
        let to_tcp = query.tcp && !self.query.tcp;
        match self.state {
            State::Truncated(_) if to_tcp => Some(Asked::OverTcp),
            State::Truncated(time_ns) => {
                let same = same_id && self.query.cookie == query.cookie;
                copy(query, time_ns, self.query.server).filter(|_| same)
            }
            // After one truncated answer glibc repeats the queries for both address types over TCP, even while the
            // other is unanswered.
            State::Abandoned(_) if to_tcp => Some(Asked::OverTcp),
            State::Waiting if to_tcp => same_id.then_some(Asked::OverTcp),
            State::Abandoned(_) => Some(Asked::Again),
            State::Waiting => {
                let on_same_socket = self.query.cookie == query.cookie;
                (same_id || (on_same_socket && after_silence)).then_some(Asked::Again)
            }
        }
    }

    fn is_answered_by(&self, message: &Message) -> bool {
        let same = |question: &Question| *question == *self.query.question;
        self.ids.contains(&message.id) && message.question.as_ref().is_none_or(same)
    }

    fn ended(self, time_ns: u64, end: End) -> EndedLookup {
        EndedLookup {
            took: elapsed(time_ns, self.first_ns).into(),
            query: self.query,
            end,
        }
    }

    /// Ends the lookup without a further packet. A truncated answer that was enough for the client counts as an answer.
    fn unanswered(self) -> EndedLookup {
        let given_up_ns = self.query.time_ns.saturating_add(PATIENCE_NS);
        match self.state {
            State::Truncated(time_ns) => self.ended(time_ns, End::Answer(rcode::NOERROR)),
            State::Abandoned(time_ns) => self.ended(time_ns.min(given_up_ns), End::Timeout),
            State::Waiting => self.ended(given_up_ns, End::Timeout),
        }
    }
}
