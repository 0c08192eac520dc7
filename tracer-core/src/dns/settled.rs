//! Lookups answered a moment ago. A resolver that asks several servers at once (musl) sends the same message to each. A
//! message sent after the first server has already answered is one more copy, neither a retry nor a new lookup.
//!
//! A client that begins a new lookup uses another id or another socket. Therefore a copy has the socket, id and
//! question of the answered lookup, and another server than its last query.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::message::Question;
use super::query::{Asked, Query};

/// Time after the answer in which copies are recognised. It is long because the resolver may lose its CPU between two
/// of them.
pub const COPIES_NS: u64 = 1_000_000_000;

#[derive(Debug)]
struct Answered {
    time_ns: u64,
    question: Arc<Question>,
    ids: Vec<u16>,
    server: [u8; 16],
}

/// Table of lookups answered a moment ago.
#[derive(Debug)]
pub struct Settled {
    by_socket: HashMap<u64, Vec<Answered>>,
    order: VecDeque<(u64, u64)>,
    limit: usize,
}

impl Settled {
    /// Makes a table for `limit` lookups; a further one displaces the oldest.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            by_socket: HashMap::new(),
            order: VecDeque::new(),
            limit,
        }
    }

    /// Adds the answered lookup of this query, with all its ids.
    pub fn settle(&mut self, time_ns: u64, query: &Query, ids: Vec<u16>) {
        if self.order.len() >= self.limit {
            self.forget_first();
        }
        self.order.push_back((time_ns, query.cookie));
        self.by_socket
            .entry(query.cookie)
            .or_default()
            .push(Answered {
                time_ns,
                question: Arc::clone(&query.question),
                ids,
                server: query.server,
            });
    }

    /// Relation of a query to an answered lookup of its socket, id and question. A query that is no copy begins another
    /// lookup, and the answered one is dropped.
    pub fn takes(&mut self, query: &Query) -> Option<Asked> {
        let answered = self.by_socket.get_mut(&query.cookie)?;
        let at = answered
            .iter()
            .position(|one| one.ids.contains(&query.id) && one.question == query.question)?;
        let one = answered.get_mut(at)?;
        let asked = copy(query, one.time_ns, one.server);
        if asked.is_some() {
            one.server = query.server;
        } else {
            answered.remove(at);
        }
        asked
    }

    /// Drops the lookups of a closed socket, through which no more copies can be sent.
    pub fn released(&mut self, cookie: u64) {
        self.by_socket.remove(&cookie);
    }

    /// Drops lookups that were answered too long before `time_ns`.
    pub fn expire(&mut self, time_ns: u64) {
        while let Some(&(answered_ns, _)) = self.order.front()
            && answered_ns.saturating_add(COPIES_NS) < time_ns
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some((time_ns, cookie)) = self.order.pop_front() else {
            return;
        };
        if let Some(answered) = self.by_socket.get_mut(&cookie) {
            answered.retain(|one| one.time_ns > time_ns);
            if answered.is_empty() {
                self.by_socket.remove(&cookie);
            }
        }
    }
}

/// Relation of a query to the lookup of its socket, id and question that was last sent to `server` and answered at
/// `answered_ns`: a copy, a retry that is read late, or `None`.
pub fn copy(query: &Query, answered_ns: u64, server: [u8; 16]) -> Option<Asked> {
    let soon = query.time_ns <= answered_ns.saturating_add(COPIES_NS);
    if query.tcp || query.server == server || !soon {
        return None;
    }
    Some(if query.time_ns < answered_ns {
        Asked::Again
    } else {
        Asked::Copy
    })
}
