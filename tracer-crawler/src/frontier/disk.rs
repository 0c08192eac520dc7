//! Queue on disk: the journal, the batch being collected, the batch being written, and the thread that writes batches.

use std::collections::HashSet;
use std::fs::File;
use std::ops::Bound::{Excluded, Included};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::journal::{self, Journal};
use super::names::HostId;
use super::store::{Batch, Meta, Store};
use super::{DiskOptions, Entry, FrontierError, Row};
use crate::dedup::Fingerprint;

/// Limit of done rows, and of new fingerprints, in one batch.
const BATCH_ITEMS: usize = 128 << 10;

struct Job {
    batch: Arc<Batch>,
    meta: Meta,
    durable: bool,
}

pub(super) struct Disk {
    directory: PathBuf,
    options: DiskOptions,
    seed: u64,
    journal: Journal,
    store: Arc<Store>,
    /// Changes since the last batch; `pending_bytes` is the memory of its rows.
    pending: Batch,
    pending_bytes: usize,
    /// Batch that the thread is writing.
    folding: Option<Arc<Batch>>,
    /// New URLs that are not yet in the journal's file.
    unwritten: HashSet<Fingerprint>,
    jobs: Option<SyncSender<Job>>,
    results: Receiver<Result<(), FrontierError>>,
    thread: Option<JoinHandle<()>>,
    last_fold: Instant,
    last_durable: Instant,
    /// Lock file, kept open to keep its lock.
    _lock: File,
}

impl Disk {
    pub(super) fn start(
        directory: PathBuf,
        options: DiskOptions,
        store: Store,
        meta: Meta,
        lock: File,
    ) -> Result<Self, FrontierError> {
        let journal = Journal::create(&directory, meta.journal + 1, &options.files)?;
        let store = Arc::new(store);
        // The channel holds one job, and a new batch begins only after the previous one is written.
        let (jobs, inbox) = sync_channel::<Job>(1);
        let (outbox, results) = sync_channel(1);
        let (writer, place) = (Arc::clone(&store), directory.clone());
        let files = options.files.clone();
        let work = move || {
            for job in inbox {
                let result =
                    writer
                        .apply(&job.batch, job.meta, job.durable)
                        .and_then(|()| match job.durable {
                            true => journal::delete(&place, job.meta.journal, &files),
                            false => Ok(()),
                        });
                drop(job);
                if outbox.send(result).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("frontier".into())
            .spawn(work);
        let thread = thread.map_err(|source| FrontierError::Io {
            doing: "start a thread for",
            path: directory.display().to_string(),
            source,
        })?;
        let now = Instant::now();
        Ok(Self {
            directory,
            options,
            seed: meta.seed,
            journal,
            store,
            pending: Batch::default(),
            pending_bytes: 0,
            folding: None,
            unwritten: HashSet::new(),
            jobs: Some(jobs),
            results,
            thread: Some(thread),
            last_fold: now,
            last_durable: now,
            _lock: lock,
        })
    }

    pub(super) fn set_snapshot_interval(&mut self, interval: Duration) {
        self.options.snapshot_interval = interval;
    }

    pub(super) fn is_unwritten(&self, fingerprint: Fingerprint) -> bool {
        !self.unwritten.is_empty() && self.unwritten.contains(&fingerprint)
    }

    pub(super) fn note_seen(&mut self, fingerprint: Fingerprint) {
        self.unwritten.insert(fingerprint);
        self.pending.seen.push(fingerprint.raw());
    }

    pub(super) fn note_host(&mut self, id: HostId, name: &str) {
        self.journal.host(id, name);
        self.pending.hosts.push((id, name.into()));
    }

    pub(super) fn note_add(&mut self, host: HostId, entry: &Entry, accepted: u64) {
        self.journal.add(host, entry);
        self.pending_bytes += super::schedule::bytes_of(entry);
        self.pending
            .rows
            .insert((host, entry.seq), Arc::clone(&entry.row));
        self.pending.accepted.insert(host, accepted);
    }

    pub(super) fn note_done(&mut self, host: HostId, seq: u64) {
        self.journal.done(host, seq);
        match self.pending.rows.remove(&(host, seq)) {
            Some(row) => {
                self.pending_bytes = self
                    .pending_bytes
                    .saturating_sub(super::schedule::row_bytes(&row))
            }
            None => self.pending.done.push((host, seq)),
        }
    }

    pub(super) fn write_journal(&mut self) -> Result<(), FrontierError> {
        self.unwritten.clear();
        self.journal.write()
    }

    /// Rows of a host after a given one: first those in the database, then those of batches not yet written.
    pub(super) fn read(
        &mut self,
        host: HostId,
        after: u64,
        room: usize,
    ) -> Result<Vec<Entry>, FrontierError> {
        let mut rows = self.store.rows(host, after, room)?;
        for batch in self.folding.as_deref().into_iter().chain([&self.pending]) {
            let after = rows.last().map_or(after, |row| row.seq);
            let range = (Excluded((host, after)), Included((host, u64::MAX)));
            let more = batch.rows.range(range).take(room - rows.len());
            rows.extend(more.map(|((_, seq), row)| Entry {
                seq: *seq,
                attempt: 0,
                spared: 0,
                row: Arc::clone(row),
            }));
        }
        Ok(rows)
    }

    /// Content of one row that is not done.
    pub(super) fn read_one(&mut self, host: HostId, seq: u64) -> Result<Arc<Row>, FrontierError> {
        let rows = self.read(host, seq.saturating_sub(1), 1)?;
        Ok(rows
            .into_iter()
            .next()
            .map(|entry| entry.row)
            .unwrap_or_default())
    }

    /// Starts a batch when the pending changes use too much memory. Waits for the batch under way only when they exceed
    /// twice the limit.
    pub(super) fn fold_if_full(&mut self, next_seq: u64, done: u64) -> Result<(), FrontierError> {
        let limit = self.options.memory_bytes / 8;
        let items = self.pending.done.len().max(self.pending.seen.len());
        let (bytes, full) = (
            self.pending_bytes,
            self.pending_bytes > limit || items > BATCH_ITEMS,
        );
        if !full {
            return Ok(());
        }
        self.poll()?;
        if self.folding.is_some() && (bytes > 2 * limit || items > 2 * BATCH_ITEMS) {
            self.wait()?;
        }
        if self.folding.is_none() {
            let durable = self.last_durable.elapsed() >= self.options.snapshot_interval;
            self.fold(durable, Instant::now(), next_seq, done)?;
        }
        Ok(())
    }

    /// Starts a durable batch when the snapshot interval has passed.
    pub(super) fn fold_if_due(
        &mut self,
        now: Instant,
        next_seq: u64,
        done: u64,
    ) -> Result<(), FrontierError> {
        if now.saturating_duration_since(self.last_fold) < self.options.snapshot_interval {
            return Ok(());
        }
        self.poll()?;
        if self.folding.is_none() {
            self.fold(true, now, next_seq, done)?;
        }
        Ok(())
    }

    /// Writes all changes durably and waits until they are written.
    pub(super) fn fold_now(&mut self, next_seq: u64, done: u64) -> Result<(), FrontierError> {
        self.wait()?;
        self.fold(true, Instant::now(), next_seq, done)?;
        self.wait()
    }

    fn fold(
        &mut self,
        durable: bool,
        now: Instant,
        next_seq: u64,
        done: u64,
    ) -> Result<(), FrontierError> {
        self.journal.write()?;
        let next = Journal::create(
            &self.directory,
            self.journal.number() + 1,
            &self.options.files,
        )?;
        let finished = std::mem::replace(&mut self.journal, next);
        let batch = Arc::new(std::mem::take(&mut self.pending));
        self.pending_bytes = 0;
        self.last_fold = now;
        self.last_durable = if durable { now } else { self.last_durable };
        self.folding = Some(Arc::clone(&batch));
        let meta = Meta {
            seed: self.seed,
            journal: finished.number(),
            next_seq,
            done,
        };
        let jobs = self.jobs.as_ref().ok_or(FrontierError::WriterGone)?;
        jobs.send(Job {
            batch,
            meta,
            durable,
        })
        .map_err(|_| FrontierError::WriterGone)
    }

    /// Checks, without waiting, whether the batch under way has been written.
    fn poll(&mut self) -> Result<(), FrontierError> {
        match self.results.try_recv() {
            Ok(result) => self.folded(result),
            Err(TryRecvError::Empty) => Ok(()),
            Err(TryRecvError::Disconnected) => Err(FrontierError::WriterGone),
        }
    }

    fn wait(&mut self) -> Result<(), FrontierError> {
        if self.folding.is_none() {
            return Ok(());
        }
        let result = self.results.recv().map_err(|_| FrontierError::WriterGone)?;
        self.folded(result)
    }

    fn folded(&mut self, result: Result<(), FrontierError>) -> Result<(), FrontierError> {
        result?;
        self.folding = None;
        Ok(())
    }

    pub(super) fn close(mut self, next_seq: u64, done: u64) -> Result<(), FrontierError> {
        self.fold_now(next_seq, done)
    }
}

impl Drop for Disk {
    /// Ends the thread by closing its channel, after a batch under way is finished.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread returns nothing, and the panic hook has already reported a panic in it.
            let _ = thread.join();
        }
    }
}
