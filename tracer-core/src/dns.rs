//! DNS lookups with their times, and the names that answers give to addresses.
//!
//! Names are kept per process, because a crawler learns them in that way. The latest answer is used. An address keeps
//! its name beyond the answer's TTL, since clients go on using addresses that they once looked up. A forked child
//! inherits the names that its parent has looked up.

mod bounded;
pub mod counts;
pub mod figures;
pub mod lookup;
pub mod message;
pub mod packet;
pub mod query;
pub mod settled;
pub mod stream;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use self::{
    bounded::Bounded,
    figures::{Change, NameFigures, NameTable},
    lookup::{EndedLookup, Lookups},
    message::{Message, Question, parse, rcode},
    packet::Packet,
    query::{Asked, Query},
    stream::Stream,
};
use crate::host_filter::HostFilter;

/// Limit of lookups under way.
const MAX_LOOKUPS: usize = 65_536;
/// Limit of addresses with a name, over all processes.
const MAX_NAMED: usize = 262_144;
/// Limit of the lookups whose times are kept.
const MAX_TIMES: usize = 10_000;
/// Limit of answers with a TTL that has not expired, over all processes.
const MAX_FRESH: usize = 65_536;
/// Limit of parents remembered.
const MAX_PARENTS: usize = 65_536;
/// Limit of ancestors searched for a name.
const MAX_ANCESTORS: usize = 8;
/// Limit of DNS connections over TCP followed at the same time.
const MAX_STREAMS: usize = 4096;

/// Change to the figures of a process, with its index.
pub type ProcessChange = (u32, Change);

/// Streams of a connection's two directions: sent, received.
type Streams = [Stream; 2];

/// State of DNS tracking.
#[derive(Debug)]
pub struct DnsTracker {
    lookups: Lookups,
    /// Names: (process, address) -> name.
    named: Bounded<(u32, IpAddr), Arc<str>>,
    /// Answers that are still valid: (process, question) -> end of validity, ns.
    fresh: Bounded<(u32, Arc<Question>), u64>,
    parents: Bounded<u32, u32>,
    streams: HashMap<u64, Streams>,
    streams_evicted: u64,
    /// Answers that found the ring buffer full before their query was read: (socket, id) -> (time in ns, flags).
    lost_answers: HashMap<(u64, u16), (u64, u16)>,
    names: NameTable,
    hosts: HostFilter,
    changes: Vec<ProcessChange>,
    /// Beginning and end of the last lookup that gave an address to a process, if somebody asks for them.
    times: Option<Bounded<(u32, IpAddr), [u64; 2]>>,
}

impl DnsTracker {
    /// Sets another filter of names.
    pub fn set_hosts(&mut self, hosts: HostFilter) {
        self.hosts = hosts;
    }

    /// Makes a tracker that counts lookups of the names which the filter admits. It keeps the times of single lookups if it
    /// `keeps_times`.
    pub fn new(hosts: HostFilter, keeps_times: bool) -> Self {
        Self {
            lookups: Lookups::with_limit(MAX_LOOKUPS),
            named: Bounded::with_limit(MAX_NAMED),
            fresh: Bounded::with_limit(MAX_FRESH),
            parents: Bounded::with_limit(MAX_PARENTS),
            streams: HashMap::new(),
            streams_evicted: 0,
            lost_answers: HashMap::new(),
            names: NameTable::default(),
            hosts,
            changes: Vec::new(),
            times: keeps_times.then(|| Bounded::with_limit(MAX_TIMES)),
        }
    }

    /// Takes payload to or from port 53 of the process with the index `process`.
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

    /// Takes an answer to the query with this id that found the ring buffer full, so that its content is unknown.
    pub fn answer_lost(&mut self, time_ns: u64, cookie: u64, id: u16, flags: u16) {
        let message = Message::bare(id, flags);
        if let Some(ended) = self.lookups.answer(time_ns, cookie, false, &message) {
            self.ended(ended);
        } else if self.lost_answers.len() < MAX_LOOKUPS {
            self.lost_answers.insert((cookie, id), (time_ns, flags));
        }
    }

    fn admits(&self, name: &str) -> bool {
        self.hosts.admits(name)
    }

    /// Learns names and the TTL from an answer.
    fn learn(&mut self, ended: &EndedLookup, message: &Message, time_ns: u64) {
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
            if let (Some(times), Some(took_ns)) = (&mut self.times, ended.took.known_ns()) {
                times.insert(
                    (query.tgid, address),
                    [time_ns.saturating_sub(took_ns), time_ns],
                );
            }
        }
    }

    fn ended(&mut self, ended: EndedLookup) {
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

    /// Notes that a socket used for queries to port 53 was closed.
    pub fn released(&mut self, time_ns: u64, cookie: u64) {
        self.streams.remove(&cookie);
        self.lookups.released(time_ns, cookie);
    }

    /// Notes the parent of a forked child, which inherits its names.
    pub fn forked(&mut self, parent: u32, child: u32) {
        self.parents.insert(child, parent);
    }

    /// Ends lookups that have not been answered by `time_ns` and will not be.
    pub fn expire(&mut self, time_ns: u64) {
        while let Some(ended) = self.lookups.expire(time_ns) {
            self.ended(ended);
        }
    }

    /// Ends the lookups at the end of the trace.
    pub fn finish(&mut self, time_ns: u64) {
        for ended in self.lookups.finish(time_ns) {
            self.ended(ended);
        }
    }

    /// Changes to the figures since the last call.
    pub fn take_changes(&mut self) -> Vec<ProcessChange> {
        std::mem::take(&mut self.changes)
    }

    /// Name by which a process, or one of its ancestors, last looked an address up.
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

    /// Beginning and end of the lookup that gave this address to a process, ns; each is returned once.
    pub fn take_lookup(&mut self, tgid: u32, address: IpAddr) -> Option<[u64; 2]> {
        let times = self.times.as_mut()?;
        times
            .take(&(tgid, address))
            .filter(|[_, end_ns]| *end_ns != 0)
    }

    /// Number of lookups, names and streams dropped to limit memory.
    pub fn evicted(&self) -> u64 {
        self.lookups.evicted() + self.named.evicted() + self.fresh.evicted() + self.streams_evicted
    }

    /// Clears all figures. Names, answers and lookups under way stay known.
    pub fn reset(&mut self) {
        self.names = NameTable::default();
    }

    /// Figures by name, for the names looked up most.
    pub fn names(&self) -> Vec<NameFigures> {
        self.names.views()
    }

    /// Number of lookups of names without figures of their own.
    pub fn names_folded(&self) -> u64 {
        self.names.folded()
    }
}
