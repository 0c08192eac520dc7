//! Database of the queue.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use super::names::HostId;
use super::{Entry, FrontierError, Kind, Row};
use crate::files::{Files, Mode};

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const HOSTS: TableDefinition<u32, &str> = TableDefinition::new("hosts");
const ACCEPTED: TableDefinition<u32, u64> = TableDefinition::new("accepted");
/// Queued rows. Key: host and sequence number. Value: depth and kind (4 bytes), length of the referrer (4 bytes),
/// referrer, URL.
const QUEUE: TableDefinition<(u32, u64), &[u8]> = TableDefinition::new("queue");
/// Fingerprints of all URLs ever seen, eight bytes each, in one piece per batch.
const SEEN: TableDefinition<u64, &[u8]> = TableDefinition::new("seen");

pub(super) const VERSION: u64 = 1;

/// Changes that are written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// New rows that are not done.
    pub(super) rows: BTreeMap<(HostId, u64), Arc<Row>>,
    /// Rows of earlier batches that are done.
    pub(super) done: Vec<(HostId, u64)>,
    /// Fingerprints of new URLs.
    pub(super) seen: Vec<u64>,
    /// New hosts.
    pub(super) hosts: Vec<(HostId, Arc<str>)>,
    /// Number of pages accepted, for hosts where it changed.
    pub(super) accepted: HashMap<HostId, u64>,
}

/// Figures written with a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Meta {
    /// Hash key under which fingerprints are made.
    pub(super) seed: u64,
    /// Number of the last journal that the database contains.
    pub(super) journal: u64,
    /// Number of the next row.
    pub(super) next_seq: u64,
    /// Number of pages done.
    pub(super) done: u64,
}

pub(super) struct Store {
    database: Database,
}

fn store(error: impl Into<redb::Error>) -> FrontierError {
    FrontierError::Store(Box::new(error.into()))
}

impl Store {
    /// Opens or makes the database. The figures are `None` if it was just made.
    pub(super) fn open(
        path: &Path,
        cache_bytes: usize,
        files: &Files,
    ) -> Result<(Self, Option<Meta>), FrontierError> {
        let file = files
            .open(path, Mode::Keep)
            .map_err(|source| FrontierError::Io {
                doing: "open",
                path: path.display().to_string(),
                source,
            })?;
        let database = Database::builder()
            .set_cache_size(cache_bytes)
            .create_file(file)
            .map_err(store)?;
        let opened = Self { database };
        let meta = opened.meta(path)?;
        Ok((opened, meta))
    }

    fn meta(&self, path: &Path) -> Result<Option<Meta>, FrontierError> {
        let transaction = self.database.begin_read().map_err(store)?;
        let table = match transaction.open_table(META) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(store(error)),
        };
        let get = |name| {
            table
                .get(name)
                .map(|value| value.map_or(0, |value| value.value()))
                .map_err(store)
        };
        let got = get("version")?;
        if got != VERSION {
            return Err(FrontierError::Version {
                path: path.display().to_string(),
                got,
                expected: VERSION,
            });
        }
        Ok(Some(Meta {
            seed: get("seed")?,
            journal: get("journal")?,
            next_seq: get("next_seq")?,
            done: get("done")?,
        }))
    }

    /// Writes a batch. Only a durable one survives a kill.
    pub(super) fn apply(
        &self,
        batch: &Batch,
        meta: Meta,
        durable: bool,
    ) -> Result<(), FrontierError> {
        let mut transaction = self.database.begin_write().map_err(store)?;
        transaction
            .set_durability(if durable {
                Durability::Immediate
            } else {
                Durability::None
            })
            .map_err(store)?;
        // Quick repair saves walking through the whole file when it is opened after a kill.
        transaction.set_quick_repair(durable);
        {
            let mut table = transaction.open_table(META).map_err(store)?;
            let values = [
                ("version", VERSION),
                ("seed", meta.seed),
                ("journal", meta.journal),
                ("next_seq", meta.next_seq),
                ("done", meta.done),
            ];
            for (name, value) in values {
                table.insert(name, value).map_err(store)?;
            }
        }
        write_hosts(&transaction, batch).map_err(FrontierError::Store)?;
        write_queue(&transaction, batch).map_err(FrontierError::Store)?;
        write_seen(&transaction, &batch.seen).map_err(FrontierError::Store)?;
        transaction.commit().map_err(store)
    }

    /// Rows of a host after a given one, at most `room`.
    pub(super) fn rows(
        &self,
        host: HostId,
        after: u64,
        room: usize,
    ) -> Result<Vec<Entry>, FrontierError> {
        let transaction = self.database.begin_read().map_err(store)?;
        let table = transaction.open_table(QUEUE).map_err(store)?;
        let range = table
            .range((host.0, after.saturating_add(1))..=(host.0, u64::MAX))
            .map_err(store)?;
        range
            .take(room)
            .map(|item| {
                let (key, value) = item.map_err(store)?;
                Ok(Entry {
                    seq: key.value().1,
                    attempt: 0,
                    spared: 0,
                    row: Arc::new(decode(value.value())),
                })
            })
            .collect()
    }

    /// Name, accepted pages and queued rows of each host, in the order of their numbers.
    pub(super) fn hosts(&self) -> Result<Vec<(Arc<str>, u64, u32)>, FrontierError> {
        let transaction = self.database.begin_read().map_err(store)?;
        let mut hosts = Vec::new();
        for item in transaction
            .open_table(HOSTS)
            .map_err(store)?
            .iter()
            .map_err(store)?
        {
            hosts.push((Arc::from(item.map_err(store)?.1.value()), 0, 0));
        }
        for item in transaction
            .open_table(ACCEPTED)
            .map_err(store)?
            .iter()
            .map_err(store)?
        {
            let (id, accepted) = item.map_err(store)?;
            if let Some(host) = hosts.get_mut(id.value() as usize) {
                host.1 = accepted.value();
            }
        }
        for item in transaction
            .open_table(QUEUE)
            .map_err(store)?
            .iter()
            .map_err(store)?
        {
            if let Some(host) = hosts.get_mut(item.map_err(store)?.0.value().0 as usize) {
                host.2 += 1;
            }
        }
        Ok(hosts)
    }

    /// Visits every fingerprint ever seen.
    pub(super) fn each_seen(
        &self,
        mut visit: impl FnMut(u64) -> Result<(), FrontierError>,
    ) -> Result<(), FrontierError> {
        let transaction = self.database.begin_read().map_err(store)?;
        for item in transaction
            .open_table(SEEN)
            .map_err(store)?
            .iter()
            .map_err(store)?
        {
            let piece = item.map_err(store)?.1;
            for fingerprint in piece.value().as_chunks::<8>().0 {
                visit(u64::from_le_bytes(*fingerprint))?;
            }
        }
        Ok(())
    }
}

type Written = Result<(), Box<redb::Error>>;

fn boxed(error: impl Into<redb::Error>) -> Box<redb::Error> {
    Box::new(error.into())
}

fn write_hosts(transaction: &redb::WriteTransaction, batch: &Batch) -> Written {
    let mut names = transaction.open_table(HOSTS).map_err(boxed)?;
    for (id, name) in &batch.hosts {
        names.insert(id.0, &**name).map_err(boxed)?;
    }
    let mut accepted = transaction.open_table(ACCEPTED).map_err(boxed)?;
    for (id, count) in &batch.accepted {
        accepted.insert(id.0, *count).map_err(boxed)?;
    }
    Ok(())
}

fn write_queue(transaction: &redb::WriteTransaction, batch: &Batch) -> Written {
    let mut queue = transaction.open_table(QUEUE).map_err(boxed)?;
    for (host, seq) in &batch.done {
        queue.remove((host.0, *seq)).map_err(boxed)?;
    }
    let mut value = Vec::new();
    for ((host, seq), row) in &batch.rows {
        encode(row, &mut value);
        queue
            .insert((host.0, *seq), value.as_slice())
            .map_err(boxed)?;
    }
    Ok(())
}

fn write_seen(transaction: &redb::WriteTransaction, seen: &[u64]) -> Written {
    let mut table = transaction.open_table(SEEN).map_err(boxed)?;
    if seen.is_empty() {
        return Ok(());
    }
    let last = table
        .last()
        .map_err(boxed)?
        .map_or(0, |(number, _)| number.value());
    let piece: Vec<u8> = seen
        .iter()
        .flat_map(|fingerprint| fingerprint.to_le_bytes())
        .collect();
    table.insert(last + 1, piece.as_slice()).map_err(boxed)?;
    Ok(())
}

fn encode(row: &Row, out: &mut Vec<u8>) {
    let referrer = row.referrer.as_deref().unwrap_or("");
    out.clear();
    out.extend(row.kind.pack(row.depth).to_le_bytes());
    out.extend(u32::try_from(referrer.len()).unwrap_or(0).to_le_bytes());
    out.extend(referrer.as_bytes());
    out.extend(row.url.as_bytes());
}

/// Decodes a row. A damaged one gets a URL that no parser accepts, so that [`super::Frontier`] leaves it out.
fn decode(value: &[u8]) -> Row {
    try_decode(value).unwrap_or_else(|| Row {
        depth: 0,
        kind: Kind::Page,
        url: "damaged".into(),
        referrer: None,
    })
}

fn try_decode(value: &[u8]) -> Option<Row> {
    let (depth, value) = value.split_first_chunk::<4>()?;
    let (length, value) = value.split_first_chunk::<4>()?;
    let (referrer, url) = value.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let referrer = Some(std::str::from_utf8(referrer).ok()?).filter(|text| !text.is_empty());
    let (depth, kind) = Kind::unpack(u32::from_le_bytes(*depth));
    Some(Row {
        depth,
        kind,
        url: std::str::from_utf8(url).ok()?.into(),
        referrer: referrer.map(Into::into),
    })
}
