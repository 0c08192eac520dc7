//! Opens a state directory and repairs it after a process that did not close it.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use super::disk::Disk;
use super::journal::{self, Event};
use super::names::HostId;
use super::schedule::Schedule;
use super::store::{Batch, Meta, Store, VERSION};
use super::{DiskOptions, Frontier, FrontierError, Politeness};
use crate::dedup::{Dedup, Fingerprint, Found, HashKey};
use crate::files::{Files, Mode};

pub(super) fn open(
    directory: &Path,
    politeness: Politeness,
    options: DiskOptions,
) -> Result<Frontier, FrontierError> {
    let files = &options.files;
    files
        .create_dir_all(directory)
        .map_err(failed("create", directory))?;
    let lock = lock(directory, files)?;
    let path = directory.join("frontier.redb");
    if !path.exists() {
        begin(directory, &path, files)?;
    }
    let (store, meta) = Store::open(&path, options.memory_bytes / 2, files)?;
    let meta = meta.ok_or_else(|| FrontierError::Version {
        path: path.display().to_string(),
        got: 0,
        expected: VERSION,
    })?;
    let (meta, replayed) = bring_up_to_date(directory, &store, meta, files)?;
    let dedup = open_dedup(directory, &store, HashKey(meta.seed), replayed, files)?;
    let mut schedule = Schedule::new(politeness, options.memory_bytes / 4);
    for (name, accepted, rows) in store.hosts()? {
        let id = schedule.insert(&name);
        schedule.restore(id, accepted, rows);
    }
    let disk = Disk::start(directory.to_owned(), options, store, meta, lock)?;
    let mut frontier = Frontier::of(dedup, schedule, Some(disk));
    frontier.next_seq = meta.next_seq;
    frontier.done = meta.done;
    Ok(frontier)
}

/// Makes a new database under a temporary name and renames it when complete, so that a kill in between leaves no
/// half-made database. Journals without a database are deleted.
fn begin(directory: &Path, path: &Path, files: &Files) -> Result<(), FrontierError> {
    let journal = journal::numbers(directory)?.last().copied().unwrap_or(0);
    journal::delete(directory, journal, files)?;
    let new = path.with_extension("new");
    if new.exists() {
        files.remove_file(&new).map_err(failed("delete", &new))?;
    }
    let meta = Meta {
        seed: HashKey::random().0,
        journal,
        next_seq: 1,
        done: 0,
    };
    let (store, _) = Store::open(&new, 0, files)?;
    store.apply(&Batch::default(), meta, true)?;
    drop(store);
    files.rename(&new, path).map_err(failed("rename", &new))
}

/// Writes journals newer than the last durable batch into the database, then deletes them. Returns the fingerprints of
/// their URLs.
fn bring_up_to_date(
    directory: &Path,
    store: &Store,
    mut meta: Meta,
    files: &Files,
) -> Result<(Meta, Vec<u64>), FrontierError> {
    let mut batch = Batch::default();
    let mut accepted: HashMap<HostId, u64> = (0..)
        .map(HostId)
        .zip(store.hosts()?)
        .map(|(id, host)| (id, host.1))
        .collect();
    let hash_key = HashKey(meta.seed);
    let numbers = journal::numbers(directory)?;
    for &number in numbers.iter().filter(|&&number| number > meta.journal) {
        journal::replay(directory, number, files, |event| match event {
            Event::Host { id, name } => batch.hosts.push((id, name)),
            Event::Add { host, seq, row } => {
                batch.seen.push(hash_key.fingerprint(&row.url).raw());
                batch.rows.insert((host, seq), Arc::new(row));
                let count = accepted.entry(host).or_default();
                *count += 1;
                batch.accepted.insert(host, *count);
                meta.next_seq = meta.next_seq.max(seq + 1);
            }
            Event::Done { host, seq } => {
                meta.done += 1;
                if batch.rows.remove(&(host, seq)).is_none() {
                    batch.done.push((host, seq));
                }
            }
        })?;
    }
    meta.journal = numbers.last().copied().unwrap_or(0).max(meta.journal);
    store.apply(&batch, meta, true)?;
    journal::delete(directory, meta.journal, files)?;
    Ok((meta, batch.seen))
}

/// Opens the table of seen URLs and completes it from the database or the replayed journals.
fn open_dedup(
    directory: &Path,
    store: &Store,
    hash_key: HashKey,
    replayed: Vec<u64>,
    files: &Files,
) -> Result<Dedup, FrontierError> {
    let (mut dedup, found) = Dedup::open(&directory.join("seen.dedup"), hash_key, files)?;
    match found {
        Found::Nothing | Found::Lost { .. } => {
            if let Found::Lost { reason } = found {
                tracing::warn!(
                    reason,
                    "the table of seen URLs is made anew from the queue's database"
                );
            }
            store.each_seen(|raw| {
                dedup.insert(Fingerprint::from_raw(raw))?;
                Ok(())
            })?;
        }
        Found::Closed | Found::Killed => {
            for raw in replayed {
                dedup.insert(Fingerprint::from_raw(raw))?;
            }
        }
    }
    Ok(dedup)
}

fn lock(directory: &Path, files: &Files) -> Result<File, FrontierError> {
    let path = directory.join("lock");
    let file = files
        .open(&path, Mode::Empty)
        .map_err(failed("create", &path))?;
    match crate::lock::lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FrontierError::InUse {
            path: directory.display().to_string(),
        }),
        Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
    }
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> FrontierError {
    move |source| FrontierError::Io {
        doing,
        path: path.display().to_string(),
        source,
    }
}
