//! Schedule of the hosts. Each host is idle, ready (in a queue) or waiting (in a set ordered by time), so that no call
//! has to look at all hosts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::host::{Host, Readiness};
use super::names::{HostId, Names};
use super::{Entry, Politeness, Row};
use crate::canonical::UrlText;

/// Limit of one host's rows in memory; the rest is on disk.
const HEAD_ROWS: usize = 64;
/// Limit of rows waiting for another try whose content stays in memory although it is on disk as well.
const DELAYED_ROWS: usize = 16 << 10;
/// Memory of a row besides its text, in bytes: the entry, the row itself and the allocator's overhead.
const ROW_BYTES: usize = 128;
/// Additional memory for the first row of a host: the queue in memory is allocated with room for a few rows.
const HEAD_BYTES: usize = 144;

/// Schedule of all hosts.
#[derive(Debug)]
pub(super) struct Schedule {
    politeness: Politeness,
    hosts: Vec<Host>,
    names: Names,
    ready: VecDeque<HostId>,
    waiting: BTreeSet<(Instant, HostId)>,
    /// Rows that wait for another try, by time.
    delayed: BTreeMap<(Instant, u64), (HostId, Entry)>,
    /// Number of rows in each host's head that are due for another try.
    again: BTreeMap<HostId, u32>,
    queued: u64,
    /// Memory of all heads, limited to `max_head_bytes`.
    head_bytes: usize,
    max_head_bytes: usize,
    /// Buffer reused to spell names.
    spelling: String,
}

impl Schedule {
    /// Creates a schedule. Rows beyond `max_head_bytes` in total, or beyond [`HEAD_ROWS`] of one host, are expected to
    /// be on disk; `usize::MAX` means that there is no disk.
    pub(super) fn new(politeness: Politeness, max_head_bytes: usize) -> Self {
        Self {
            politeness,
            hosts: Vec::new(),
            names: Names::default(),
            ready: VecDeque::new(),
            waiting: BTreeSet::new(),
            delayed: BTreeMap::new(),
            again: BTreeMap::new(),
            queued: 0,
            head_bytes: 0,
            max_head_bytes,
            spelling: String::new(),
        }
    }

    fn has_disk(&self) -> bool {
        self.max_head_bytes != usize::MAX
    }

    fn host(&self, id: HostId) -> &Host {
        &self.hosts[id.0 as usize]
    }

    fn host_mut(&mut self, id: HostId) -> &mut Host {
        &mut self.hosts[id.0 as usize]
    }

    pub(super) fn name(&self, id: HostId) -> &str {
        self.names.get(id)
    }

    pub(super) fn hosts(&self) -> u64 {
        self.hosts.len() as u64
    }

    pub(super) fn queued(&self) -> u64 {
        self.queued
    }

    /// Host of a URL; true if the host is new.
    pub(super) fn host_of(&mut self, url: UrlText<'_>) -> (HostId, bool) {
        self.spelling.clear();
        let (scheme, host) = url.scheme_and_host();
        self.spelling.push_str(host);
        // The brackets of an IPv6 address end before its port.
        let has_port = host.rfind(':') > host.rfind(']');
        match scheme {
            _ if has_port => {}
            "https" => self.spelling.push_str(":443"),
            _ => self.spelling.push_str(":80"),
        }
        if let Some(id) = self.names.find(&self.spelling) {
            return (id, false);
        }
        self.hosts.push(Host::default());
        (self.names.insert(&self.spelling), true)
    }

    /// Adds a new host.
    pub(super) fn insert(&mut self, name: &str) -> HostId {
        self.hosts.push(Host::default());
        self.names.insert(name)
    }

    /// Counts a page of the host; false if the host has reached its page limit.
    pub(super) fn accept(&mut self, id: HostId) -> bool {
        let limit = self.politeness.max_pages_per_host.unwrap_or(u64::MAX);
        let host = self.host_mut(id);
        let room = host.accepted < limit;
        host.accepted += u64::from(room);
        room
    }

    pub(super) fn accepted(&self, id: HostId) -> u64 {
        self.host(id).accepted
    }

    /// Restores a host from the state of an earlier process.
    pub(super) fn restore(&mut self, id: HostId, accepted: u64, rows: u32) {
        let host = self.host_mut(id);
        host.accepted = accepted;
        host.behind = rows;
        self.queued += u64::from(rows);
        self.offer(id);
    }

    /// Adds a new row behind all others of its host.
    pub(super) fn push(&mut self, id: HostId, entry: Entry) {
        self.queued += 1;
        let has_disk = self.has_disk();
        let is_full = self.head_bytes >= self.max_head_bytes;
        let host = self.host_mut(id);
        if has_disk && (host.behind > 0 || host.head_len() >= HEAD_ROWS || is_full) {
            host.behind += 1;
        } else {
            host.last_seq = entry.seq;
            self.extend_head(id, [entry]);
        }
        self.offer(id);
    }

    /// True if the host's next row is on disk only.
    pub(super) fn needs_refill(&self, id: HostId) -> bool {
        let host = self.host(id);
        host.head_len() == 0 && host.behind > 0
    }

    /// Row after which to read from disk, and the number of rows to read.
    pub(super) fn refill_from(&self, id: HostId) -> (u64, usize) {
        let room = if self.head_bytes >= self.max_head_bytes {
            4
        } else {
            HEAD_ROWS
        };
        (self.host(id).last_seq, room)
    }

    /// Adds the rows that were read from disk.
    pub(super) fn refill(&mut self, id: HostId, rows: Vec<Entry>) {
        let host = self.host_mut(id);
        let expected = std::mem::take(&mut host.behind);
        if let Some(last) = rows.last() {
            host.last_seq = last.seq;
            host.behind = expected.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        }
        self.extend_head(id, rows);
        // Without any row the count was wrong, and none of the expected rows exists.
        let missing = if self.host(id).head_len() == 0 {
            u64::from(expected)
        } else {
            0
        };
        self.queued = self.queued.saturating_sub(missing);
    }

    fn extend_head(&mut self, id: HostId, rows: impl IntoIterator<Item = Entry>) {
        for entry in rows {
            self.head_bytes += bytes_of(&entry);
            self.head_of(id).push_back(entry);
        }
    }

    /// Rows of a host in memory; allocates the queue if there is none.
    fn head_of(&mut self, id: HostId) -> &mut VecDeque<Entry> {
        let head = &mut self.hosts[id.0 as usize].head;
        if head.is_none() {
            self.head_bytes += HEAD_BYTES;
        }
        head.get_or_insert_default()
    }

    /// Takes a host that may be asked at `now` from the queue of ready hosts.
    pub(super) fn pop_ready(&mut self, now: Instant) -> Option<HostId> {
        self.wake(now);
        while let Some(id) = self.ready.pop_front() {
            self.host_mut(id).readiness = Readiness::Idle;
            if self.may_ask(id, now) {
                return Some(id);
            }
            self.offer(id);
        }
        None
    }

    fn has_room(&self, id: HostId) -> bool {
        self.host(id).in_flight < self.politeness.per_host.max(1)
    }

    fn may_ask(&self, id: HostId, now: Instant) -> bool {
        let not_before = self.host(id).times().not_before;
        self.has_room(id) && not_before.is_none_or(|time| time <= now)
    }

    /// Takes a row that was handed out before, of a host that may be asked at `now`. The host stays in its place in the
    /// schedule for its other rows.
    pub(super) fn take_again(&mut self, now: Instant) -> Option<(HostId, Entry)> {
        self.wake(now);
        let id = (self.again.keys().copied()).find(|&id| self.may_ask(id, now))?;
        let head = self.host_mut(id).head.as_mut()?;
        let at = head.iter().position(|entry| entry.attempt > 0)?;
        let entry = head.remove(at)?;
        head.push_front(entry);
        self.take(id, now).map(|entry| (id, entry))
    }

    /// Makes hosts ready when they have waited long enough, and queues delayed rows that are due.
    fn wake(&mut self, now: Instant) {
        while let Some(&(time, id)) = self.waiting.first().filter(|(time, _)| *time <= now) {
            self.waiting.remove(&(time, id));
            let host = self.host_mut(id);
            host.readiness = Readiness::Idle;
            host.set_times(|times| {
                times.waiting = None;
                times.not_before = times.not_before.filter(|&time| time > now);
            });
            self.offer(id);
        }
        while let Some(due) = self.delayed.first_entry().filter(|due| due.key().0 <= now) {
            let (id, entry) = due.remove();
            self.queued -= 1;
            self.put_back(id, entry);
        }
    }

    /// Takes the first row of a host that was ready. The host goes back into the schedule at once if it may.
    pub(super) fn take(&mut self, id: HostId, now: Instant) -> Option<Entry> {
        let delay = self.delay_of(id);
        let host = self.host_mut(id);
        let head = host.head.as_mut()?;
        let entry = head.pop_front()?;
        let is_empty = head.is_empty();
        if is_empty {
            host.head = None;
        }
        host.in_flight += 1;
        if host.times.is_some() || !delay.is_zero() {
            host.set_times(|times| times.not_before = (!delay.is_zero()).then(|| now + delay));
        }
        self.queued -= 1;
        let bytes = bytes_of(&entry) + if is_empty { HEAD_BYTES } else { 0 };
        self.head_bytes = self.head_bytes.saturating_sub(bytes);
        if entry.attempt > 0 {
            self.forget_again(id);
        }
        self.offer(id);
        Some(entry)
    }

    fn forget_again(&mut self, id: HostId) {
        if let Some(count) = self.again.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                self.again.remove(&id);
            }
        }
    }

    /// Delay between two pages of a host: its own or the general one, whichever is longer.
    pub(super) fn delay_of(&self, id: HostId) -> Duration {
        let own = self.host(id).times().delay.unwrap_or_default();
        own.max(self.politeness.delay)
    }

    /// Takes one page of the host out of the count of those in flight.
    pub(super) fn release(&mut self, id: HostId) {
        let host = self.host_mut(id);
        host.in_flight = host.in_flight.saturating_sub(1);
        self.offer(id);
    }

    /// Adds a row that is due again at a given time. If there are many such rows, only their places on disk are kept.
    pub(super) fn delay(&mut self, id: HostId, mut entry: Entry, at: Instant) {
        self.queued += 1;
        if self.has_disk() && self.delayed.len() >= DELAYED_ROWS {
            entry.row = Arc::default();
        }
        self.delayed.insert((at, entry.seq), (id, entry));
    }

    /// Puts a row before all others of its host.
    pub(super) fn put_back(&mut self, id: HostId, entry: Entry) {
        self.queued += 1;
        self.head_bytes += bytes_of(&entry);
        if entry.attempt > 0 {
            *self.again.entry(id).or_default() += 1;
        }
        self.head_of(id).push_front(entry);
        self.offer(id);
    }

    pub(super) fn hold(&mut self, id: HostId, until: Instant) {
        let host = self.host_mut(id);
        host.set_times(|times| times.not_before = times.not_before.max(Some(until)));
        self.rearrange(id);
    }

    pub(super) fn set_delay(&mut self, id: HostId, delay: Option<Duration>) {
        self.host_mut(id).set_times(|times| times.delay = delay);
    }

    pub(super) fn set_politeness(&mut self, politeness: Politeness) {
        self.politeness = politeness;
        for id in 0..u32::try_from(self.hosts.len()).unwrap_or(u32::MAX) {
            self.offer(HostId(id));
        }
    }

    /// Takes a waiting host out of the set and offers it again, so that a later time takes effect.
    fn rearrange(&mut self, id: HostId) {
        if let Some(time) = self.host(id).times().waiting {
            self.waiting.remove(&(time, id));
            let host = self.host_mut(id);
            host.readiness = Readiness::Idle;
            host.set_times(|times| times.waiting = None);
            self.offer(id);
        }
    }

    /// Puts an idle host into the schedule if it has rows and may have one more page in flight.
    fn offer(&mut self, id: HostId) {
        let has_room = self.has_room(id);
        let host = &mut self.hosts[id.0 as usize];
        let has_rows = host.behind > 0 || host.head.is_some();
        if host.readiness != Readiness::Idle || !has_rows || !has_room {
            return;
        }
        match host.times().not_before {
            Some(time) => {
                host.readiness = Readiness::Waiting;
                host.set_times(|times| times.waiting = Some(time));
                self.waiting.insert((time, id));
            }
            None => {
                host.readiness = Readiness::Ready;
                self.ready.push_back(id);
            }
        }
    }

    /// Time when the next host or delayed row is due, if no host is ready.
    pub(super) fn next_time(&self) -> Option<Instant> {
        let host = self.waiting.first().map(|(time, _)| *time);
        let row = self.delayed.first_key_value().map(|((time, _), _)| *time);
        [host, row].into_iter().flatten().min()
    }

    /// Time when the next row that was handed out before is due.
    pub(super) fn next_time_again(&self) -> Option<Instant> {
        let due = self.again.keys().filter(|&&id| self.has_room(id));
        let host = due.filter_map(|&id| self.host(id).times().not_before).min();
        let row = self.delayed.first_key_value().map(|((time, _), _)| *time);
        [host, row].into_iter().flatten().min()
    }

    /// Hosts in the order in which they are due.
    pub(super) fn upcoming(&self) -> impl Iterator<Item = Arc<str>> {
        let ids = self
            .ready
            .iter()
            .chain(self.waiting.iter().map(|(_, id)| id));
        ids.map(|&id| Arc::from(self.name(id)))
    }
}

/// Memory of an entry.
pub(super) fn bytes_of(entry: &Entry) -> usize {
    row_bytes(&entry.row)
}

pub(super) fn row_bytes(row: &Row) -> usize {
    ROW_BYTES + row.url.len()
}
