//! Frontier of the crawl: the URLs still to be fetched. Each host has a queue, first in, first out, so that the crawl
//! goes breadth-first. A schedule hands out only pages of hosts that may be asked now, and the table of seen URLs
//! ([`crate::dedup`]) decides which links are new.
//!
//! # On disk
//!
//! A state directory holds three things:
//!
//! - `journal.N`: everything added and done, appended by one `write` before the call returns. Data that a process has
//!   written survives a kill of the process.
//! - `frontier.redb`: the queue. A thread moves the journal into it in batches. One batch every few seconds is made
//!   durable (fsync), and the journals it covers are deleted.
//! - `seen.dedup`: the table of seen URLs ([`crate::dedup`]).
//!
//! A page leaves the queue when it is [done](Frontier::done), not when it is handed out. If callers add a page's links
//! before they report it as done, a kill loses nothing, and only pages that were in flight are fetched twice.
//!
//! Repair: a URL is written to the journal before the table learns of it, so a table that survived a kill holds nothing
//! that the queue does not know. After a failure of the machine itself the table is built anew from the fingerprints in
//! the database and the journal.

mod disk;
mod error;
mod host;
mod journal;
mod limits;
mod names;
mod page;
mod recover;
mod schedule;
mod store;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use crate::dedup::{Dedup, Fingerprint, HashKey};
use disk::Disk;
pub use error::FrontierError;
pub use limits::{DiskOptions, Figures, Politeness};
use names::HostId;
pub use page::{Added, Candidate, Kind, Next, Page, Ticket};
use page::{Entry, LazyReferrer, Row};
use schedule::Schedule;

/// Frontier of a crawl. All calls are short, except when the disk cannot keep up and a call has to wait for it.
pub struct Frontier {
    dedup: Dedup,
    schedule: Schedule,
    in_flight: HashMap<u64, (HostId, Entry)>,
    disk: Option<Disk>,
    next_seq: u64,
    done: u64,
    /// Reused for each call of [`Frontier::add`].
    fresh: Vec<Fingerprint>,
}

impl Frontier {
    /// Creates a frontier that ends with the process.
    pub fn in_memory(politeness: Politeness) -> Self {
        Self::of(
            Dedup::in_memory(HashKey::random()),
            Schedule::new(politeness, usize::MAX),
            None,
        )
    }

    /// Opens or makes the state directory. Pages that an earlier process left unfinished are queued again.
    pub fn open(
        directory: &Path,
        politeness: Politeness,
        options: DiskOptions,
    ) -> Result<Self, FrontierError> {
        recover::open(directory, politeness, options)
    }

    fn of(dedup: Dedup, schedule: Schedule, disk: Option<Disk>) -> Self {
        Self {
            dedup,
            schedule,
            in_flight: HashMap::new(),
            disk,
            next_seq: 1,
            done: 0,
            fresh: Vec::new(),
        }
    }

    /// Hash key under which the fingerprints of candidates have to be made.
    pub fn hash_key(&self) -> HashKey {
        self.dedup.hash_key()
    }

    /// True if the URL was ever added.
    pub fn has_seen(&self, fingerprint: Fingerprint) -> bool {
        self.dedup.contains(fingerprint)
    }

    /// Queues the new links among those of one page. On disk they are safe against a kill when this returns.
    pub fn add(
        &mut self,
        candidates: &[Candidate<'_>],
        referrer: Option<&str>,
    ) -> Result<Added, FrontierError> {
        let mut added = Added::default();
        let mut referrer = LazyReferrer {
            text: referrer,
            shared: None,
        };
        self.fresh.clear();
        for candidate in candidates {
            if self.is_old(candidate.fingerprint)? {
                added.seen += 1;
                continue;
            }
            self.fresh.push(candidate.fingerprint);
            if self.enqueue(candidate, &mut referrer) {
                added.new += 1;
            } else {
                added.host_full += 1;
            }
        }
        self.commit_fresh()?;
        Ok(added)
    }

    /// Checks whether a URL was seen before. In memory the table learns of the URL at once; on disk only after the
    /// journal has it.
    fn is_old(&mut self, fingerprint: Fingerprint) -> Result<bool, FrontierError> {
        match &self.disk {
            None => Ok(!self.dedup.insert(fingerprint)?),
            Some(disk) => Ok(self.dedup.contains(fingerprint) || disk.is_unwritten(fingerprint)),
        }
    }

    /// Queues a candidate; false if its host has reached its page limit.
    fn enqueue(&mut self, candidate: &Candidate<'_>, referrer: &mut LazyReferrer<'_>) -> bool {
        let (host, is_new) = self.schedule.host_of(candidate.url);
        let accepted = self.schedule.accept(host);
        if let Some(disk) = &mut self.disk {
            disk.note_seen(candidate.fingerprint);
            if is_new {
                disk.note_host(host, self.schedule.name(host));
            }
        }
        if !accepted {
            return false;
        }
        let row = Row {
            depth: candidate.depth,
            kind: candidate.kind,
            url: candidate.url.as_str().into(),
            referrer: referrer.get(),
        };
        let entry = Entry {
            seq: self.next_seq,
            attempt: 0,
            spared: 0,
            row: Arc::new(row),
        };
        self.next_seq += 1;
        if let Some(disk) = &mut self.disk {
            disk.note_add(host, &entry, self.schedule.accepted(host));
        }
        self.schedule.push(host, entry);
        true
    }

    fn commit_fresh(&mut self) -> Result<(), FrontierError> {
        let Some(disk) = &mut self.disk else {
            return Ok(());
        };
        disk.write_journal()?;
        for &fingerprint in &self.fresh {
            self.dedup.insert(fingerprint)?;
        }
        disk.fold_if_full(self.next_seq, self.done)
    }

    /// Next page that may be fetched at `now`.
    pub fn next(&mut self, now: Instant) -> Result<Next, FrontierError> {
        if let Some(disk) = &mut self.disk {
            disk.fold_if_due(now, self.next_seq, self.done)?;
        }
        while let Some(host) = self.schedule.pop_ready(now) {
            let Some(entry) = self.take(host, now)? else {
                continue;
            };
            if let Some(page) = self.hand_out(host, entry)? {
                return Ok(Next::Page(page));
            }
        }
        Ok(self.none_until(self.schedule.next_time()))
    }

    /// Next page, like [`Frontier::next`], but only among pages that were handed out before and wait for another try.
    pub fn next_again(&mut self, now: Instant) -> Result<Next, FrontierError> {
        while let Some((host, mut entry)) = self.schedule.take_again(now) {
            self.complete(host, &mut entry)?;
            if let Some(page) = self.hand_out(host, entry)? {
                return Ok(Next::Page(page));
            }
        }
        Ok(self.none_until(self.schedule.next_time_again()))
    }

    fn none_until(&self, time: Option<Instant>) -> Next {
        match time {
            Some(time) => Next::Wait(time),
            None if self.in_flight.is_empty() => Next::Empty,
            None => Next::Busy,
        }
    }

    /// Turns a row into a page and marks it as in flight; `None` when the row is damaged.
    fn hand_out(&mut self, host: HostId, entry: Entry) -> Result<Option<Box<Page>>, FrontierError> {
        let Ok(url) = Url::parse(&entry.row.url) else {
            // Only valid URLs are queued, so the data has changed on disk.
            tracing::error!(url = ?entry.row.url, "a queued URL is damaged; it is left out");
            self.forget(host, entry.seq)?;
            return Ok(None);
        };
        let page = Page {
            ticket: Ticket(entry.seq),
            url,
            depth: entry.row.depth,
            kind: entry.row.kind,
            attempt: entry.attempt,
            spared: entry.spared,
            delay: self.schedule.delay_of(host),
            referrer: entry.row.referrer.clone(),
        };
        self.in_flight.insert(entry.seq, (host, entry));
        Ok(Some(Box::new(page)))
    }

    fn take(&mut self, host: HostId, now: Instant) -> Result<Option<Entry>, FrontierError> {
        if let Some(disk) = &mut self.disk
            && self.schedule.needs_refill(host)
        {
            let (after, room) = self.schedule.refill_from(host);
            let rows = disk.read(host, after, room)?;
            self.schedule.refill(host, rows);
        }
        let Some(mut entry) = self.schedule.take(host, now) else {
            return Ok(None);
        };
        self.complete(host, &mut entry)?;
        Ok(Some(entry))
    }

    /// Reads the content of a row if memory holds only its place on disk.
    fn complete(&mut self, host: HostId, entry: &mut Entry) -> Result<(), FrontierError> {
        if let Some(disk) = &mut self.disk
            && entry.row.url.is_empty()
        {
            entry.row = disk.read_one(host, entry.seq)?;
        }
        Ok(())
    }

    fn forget(&mut self, host: HostId, seq: u64) -> Result<(), FrontierError> {
        self.schedule.release(host);
        if let Some(disk) = &mut self.disk {
            disk.note_done(host, seq);
            disk.write_journal()?;
        }
        Ok(())
    }

    /// Ends the work on a page, whatever its result. To be called after its links are added and its output is written.
    /// On disk the end is safe against a kill when this returns.
    pub fn done(&mut self, ticket: Ticket) -> Result<(), FrontierError> {
        let Some((host, entry)) = self.in_flight.remove(&ticket.0) else {
            return Ok(());
        };
        self.done += 1;
        self.forget(host, entry.seq)?;
        match &mut self.disk {
            Some(disk) => disk.fold_if_full(self.next_seq, self.done),
            None => Ok(()),
        }
    }

    /// Queues a page for another try, not before `at`. Its next [`Page::attempt`] is one more.
    pub fn retry(&mut self, ticket: Ticket, at: Instant) {
        if let Some((host, mut entry)) = self.in_flight.remove(&ticket.0) {
            entry.attempt += 1;
            self.schedule.release(host);
            self.schedule.delay(host, entry, at);
        }
    }

    /// Queues a page like [`Frontier::retry`], but without counting the try that has ended, because its failure was no
    /// fault of the page or its host.
    pub fn postpone(&mut self, ticket: Ticket, at: Instant) {
        if let Some((_, entry)) = self.in_flight.get_mut(&ticket.0) {
            entry.spared += 1;
        }
        self.retry(ticket, at);
    }

    /// Puts a page back at the head of its queue as if it had not been handed out.
    pub fn put_back(&mut self, ticket: Ticket) {
        if let Some((host, entry)) = self.in_flight.remove(&ticket.0) {
            self.schedule.release(host);
            self.schedule.put_back(host, entry);
        }
    }

    /// Hands out no page of this URL's host before `until` (Retry-After, errors).
    pub fn hold_host(&mut self, url: &Url, until: Instant) {
        let (host, _) = self.known_host(url);
        self.schedule.hold(host, until);
    }

    /// Sets the delay between pages of this URL's host (robots.txt); `None` leaves only the general one.
    pub fn set_host_delay(&mut self, url: &Url, delay: Option<Duration>) {
        let (host, _) = self.known_host(url);
        self.schedule.set_delay(host, delay);
    }

    /// Current delay between pages of this URL's host, the general one included.
    pub fn host_delay(&mut self, url: &Url) -> Duration {
        let (host, _) = self.known_host(url);
        self.schedule.delay_of(host)
    }

    fn known_host(&mut self, url: &Url) -> (HostId, bool) {
        let (host, is_new) = self.schedule.host_of(url.into());
        if let (Some(disk), true) = (&mut self.disk, is_new) {
            disk.note_host(host, self.schedule.name(host));
        }
        (host, is_new)
    }

    /// Changes the limits of a running crawl.
    pub fn set_politeness(&mut self, politeness: Politeness) {
        self.schedule.set_politeness(politeness);
    }

    /// Changes the time between two durable snapshots of a running crawl.
    pub fn set_snapshot_interval(&mut self, interval: Duration) {
        if let Some(disk) = &mut self.disk {
            disk.set_snapshot_interval(interval);
        }
    }

    /// Hosts that are due next, as `host:port`, so that their names can be looked up ahead.
    pub fn upcoming_hosts(&self, count: usize) -> Vec<Arc<str>> {
        self.schedule.upcoming().take(count).collect()
    }

    /// Current figures.
    pub fn figures(&self) -> Figures {
        Figures {
            queued: self.schedule.queued(),
            in_flight: self.in_flight.len() as u64,
            done: self.done,
            seen: self.dedup.len(),
            hosts: self.schedule.hosts(),
            dedup_bytes: self.dedup.bytes(),
        }
    }

    /// Makes the whole state durable: nothing is lost even if the machine goes down after this returns.
    pub fn snapshot(&mut self) -> Result<(), FrontierError> {
        if let Some(disk) = &mut self.disk {
            disk.fold_now(self.next_seq, self.done)?;
            self.dedup.snapshot()?;
        }
        Ok(())
    }

    /// Closes the frontier. Pages in flight are queued again at the next start.
    pub fn close(mut self) -> Result<(), FrontierError> {
        if let Some(disk) = self.disk.take() {
            disk.close(self.next_seq, self.done)?;
        }
        Ok(self.dedup.close()?)
    }
}

#[cfg(test)]
mod tests;
