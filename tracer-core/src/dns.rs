//! DNS: lookups with their times, and the names that answers give to addresses.
//!
//! Names are kept per process, for that is how a crawler learns them. The latest answer wins. An
//! address keeps its name beyond the answer's TTL: clients go on using what they once looked up. A
//! forked child knows what its parent has looked up.

mod bounded;
pub mod figures;
pub mod lookup;
pub mod message;
pub mod packet;
pub mod settled;
pub mod stream;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use self::{
    bounded::Bounded,
    figures::{Change, NameFigures, NameTable},
    lookup::{Asked, Ended, Lookups, Query},
    message::{Message, Question, parse, rcode},
    packet::Packet,
    stream::Stream,
};
use crate::glob::host_matches;

/// Lookups under way at most.
const MAX_LOOKUPS: usize = 65_536;
/// Addresses with a name at most, over all processes.
const MAX_NAMED: usize = 262_144;
/// Answers whose TTL is watched at most, over all processes.
const MAX_FRESH: usize = 65_536;
/// Parents remembered.
const MAX_PARENTS: usize = 65_536;
/// Ancestors asked for a name.
const MAX_ANCESTORS: usize = 8;
/// DNS connections over TCP followed at once.
const MAX_STREAMS: usize = 4096;

/// What happens to the figures of a process.
pub type ProcessChange = (u32, Change);

/// Both directions of a connection: sent, received.
type Streams = [Stream; 2];

/// Everything known of DNS.
#[derive(Debug)]
pub struct DnsTracker {
    lookups: Lookups,
    /// (process, address) -> name.
    named: Bounded<(u32, IpAddr), Arc<str>>,
    /// (process, question) -> until when the answer holds, ns.
    fresh: Bounded<(u32, Arc<Question>), u64>,
    parents: Bounded<u32, u32>,
    streams: HashMap<u64, Streams>,
    streams_evicted: u64,
    /// Answers that found the ring full, and whose query has not been read yet: (socket, id) -> (when, ns;
    /// flags).
    lost_answers: HashMap<(u64, u16), (u64, u16)>,
    names: NameTable,
    globs: Vec<String>,
    changes: Vec<ProcessChange>,
}

impl DnsTracker {
    /// Counts lookups of names that match one of `globs`, or all when there are none.
    pub fn new(globs: Vec<String>) -> Self {
        Self {
            lookups: Lookups::with_limit(MAX_LOOKUPS),
            named: Bounded::with_limit(MAX_NAMED),
            fresh: Bounded::with_limit(MAX_FRESH),
            parents: Bounded::with_limit(MAX_PARENTS),
            streams: HashMap::new(),
            streams_evicted: 0,
            lost_answers: HashMap::new(),
            names: NameTable::default(),
            globs,
            changes: Vec::new(),
        }
    }

    /// Takes payload to or from port 53 by the process at index `process`.
    pub fn take(&mut self, packet: &Packet<'_>, process: u32) {
        self.expire(packet.time_ns);
        if !packet.tcp {
            self.message(packet, process, packet.bytes, packet.time_ns);
            return;
        }
        if self.streams.len() >= MAX_STREAMS && !self.streams.contains_key(&packet.cookie) {
            self.streams_evicted += self.streams.len() as u64;
            self.streams.clear();
        }
        let streams = self.streams.entry(packet.cookie).or_default();
        let stream = &mut streams[usize::from(!packet.egress)];
        let was_lost = stream.is_lost();
        let messages = stream.push(packet);
        self.streams_evicted += u64::from(stream.is_lost() && !was_lost);
        for framed in messages {
            let time_ns = if packet.egress {
                framed.first_ns
            } else {
                framed.last_ns
            };
            self.message(packet, process, &framed.bytes, time_ns);
        }
    }

    fn message(&mut self, packet: &Packet<'_>, process: u32, bytes: &[u8], time_ns: u64) {
        match parse(bytes) {
            Some(message) if packet.egress && !message.response => {
                self.asked(packet, process, message, time_ns);
            }
            Some(message) if !packet.egress && message.response => {
                let ended = self
                    .lookups
                    .answer(time_ns, packet.cookie, packet.tcp, &message);
                if let Some(ended) = ended {
                    self.learn(&ended, &message, time_ns);
                    self.ended(ended);
                }
            }
            _ => {}
        }
    }

    fn asked(&mut self, packet: &Packet<'_>, process: u32, message: Message, time_ns: u64) {
        let Some(question) = message.question.map(Arc::new) else {
            return;
        };
        let tgid = packet.endpoint.tgid;
        let key = (tgid, Arc::clone(&question));
        let repeated = self
            .fresh
            .get(&key)
            .is_some_and(|&until_ns| time_ns < until_ns);
        let query = Query {
            time_ns,
            cookie: packet.cookie,
            server: packet.endpoint.remote,
            tgid,
            process,
            id: message.id,
            counted: self.admits(&question.name),
            question: Arc::clone(&question),
            tcp: packet.tcp,
        };
        let (counted, cookie) = (query.counted, packet.cookie);
        let change = match self.lookups.ask(query) {
            Asked::New => Some(Change::Asked { repeated }),
            Asked::Again => Some(Change::Again),
            Asked::OverTcp => Some(Change::OverTcp),
            Asked::Copy => None,
        };
        if let Some(change) = change
            && counted
        {
            self.changed(process, &question.name, change);
        }
        match self.lost_answers.remove(&(cookie, message.id)) {
            Some((at_ns, flags)) if at_ns >= time_ns => {
                self.answer_lost(at_ns, cookie, message.id, flags);
            }
            _ => {}
        }
    }

    /// The query with this id was answered, but the answer found the ring full: what is in it is not known.
    pub fn answer_lost(&mut self, time_ns: u64, cookie: u64, id: u16, flags: u16) {
        let message = Message::bare(id, flags);
        if let Some(ended) = self.lookups.answer(time_ns, cookie, false, &message) {
            self.ended(ended);
        } else if self.lost_answers.len() < MAX_LOOKUPS {
            self.lost_answers.insert((cookie, id), (time_ns, flags));
        }
    }

    fn admits(&self, name: &str) -> bool {
        self.globs.is_empty() || self.globs.iter().any(|glob| host_matches(glob, name))
    }

    /// Takes in what an answer says.
    fn learn(&mut self, ended: &Ended, message: &Message, time_ns: u64) {
        let query = &ended.query;
        if let Some(ttl_s) = message.ttl_s
            && matches!(message.rcode, rcode::NOERROR | rcode::NXDOMAIN)
        {
            let until_ns = time_ns.saturating_add(u64::from(ttl_s) * 1_000_000_000);
            let key = (query.tgid, Arc::clone(&query.question));
            self.fresh.insert(key, until_ns);
        }
        if message.addresses.is_empty() || query.question.name.is_empty() {
            return;
        }
        let name: Arc<str> = query.question.name.as_str().into();
        for &address in &message.addresses {
            self.named.insert((query.tgid, address), Arc::clone(&name));
        }
    }

    fn ended(&mut self, ended: Ended) {
        if ended.query.counted {
            let change = Change::Ended {
                end: ended.end,
                took: ended.took,
            };
            self.changed(ended.query.process, &ended.query.question.name, change);
        }
    }

    fn changed(&mut self, process: u32, name: &str, change: Change) {
        self.names.look_up(name, change);
        self.changes.push((process, change));
    }

    /// A socket that asked port 53 was closed.
    pub fn released(&mut self, time_ns: u64, cookie: u64) {
        self.streams.remove(&cookie);
        self.lookups.released(time_ns, cookie);
    }

    /// A child knows what its parent has looked up.
    pub fn forked(&mut self, parent: u32, child: u32) {
        self.parents.insert(child, parent);
    }

    /// It is `time_ns`: what has not been answered by now will not be.
    pub fn expire(&mut self, time_ns: u64) {
        while let Some(ended) = self.lookups.expire(time_ns) {
            self.ended(ended);
        }
    }

    /// The trace ends.
    pub fn finish(&mut self, time_ns: u64) {
        for ended in self.lookups.finish(time_ns) {
            self.ended(ended);
        }
    }

    /// What happened to the figures since the last call.
    pub fn take_changes(&mut self) -> Vec<ProcessChange> {
        std::mem::take(&mut self.changes)
    }

    /// The name by which a process, or one it comes from, looked an address up last.
    pub fn name(&self, tgid: u32, address: IpAddr) -> Option<&Arc<str>> {
        let mut tgid = tgid;
        for _ in 0..MAX_ANCESTORS {
            if let Some(name) = self.named.get(&(tgid, address)) {
                return Some(name);
            }
            tgid = *self.parents.get(&tgid)?;
        }
        None
    }

    /// Lookups, names and streams forgotten to keep memory bounded.
    pub fn evicted(&self) -> u64 {
        self.lookups.evicted() + self.named.evicted() + self.fresh.evicted() + self.streams_evicted
    }

    /// Forgets all figures. Names, answers and lookups under way stay known.
    pub fn reset(&mut self) {
        self.names = NameTable::default();
    }

    /// Figures by name, those asked most.
    pub fn names(&self) -> Vec<NameFigures> {
        self.names.views()
    }

    /// Lookups of names without figures of their own.
    pub fn names_folded(&self) -> u64 {
        self.names.folded()
    }
}
