//! Cache of validators (`ETag`, `Last-Modified`) and links of pages. A later crawl sends conditional requests and uses
//! the stored links when the server answers 304.
//!
//! The entries are on disk (redb), with a limit of size. S3-FIFO (quick_cache) decides which entries stay, so that one
//! visit of many pages does not push out those that are requested again and again. Memory holds only a number per
//! entry.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::HeaderMap;
use hyper::header::{
    CACHE_CONTROL, ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use quick_cache::unsync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;
use xxhash_rust::xxh3::xxh3_128;

use crate::files::{Files, Mode};

/// Entries: hash of the URL to [`Stored`] as JSON.
const ENTRIES: TableDefinition<u128, &[u8]> = TableDefinition::new("entries");
/// Estimated size of an entry in the database besides its content, in bytes.
const ENTRY_BYTES: u64 = 64;
/// Number of changes kept in memory before they are written.
const PENDING: usize = 512;
/// Limit of a validator's length; no honest server sends longer ones.
const VALIDATOR_BYTES: usize = 1024;
/// Memory of the database's own cache.
const DATABASE_BYTES: usize = 16 << 20;

/// Reasons why the cache cannot be used.
#[derive(Debug, Error)]
pub enum CacheError {
    /// The directory cannot be made.
    #[error("cannot create {path}: {source}; check the permissions")]
    Io {
        /// Path of the directory.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// Error of the database.
    #[error(
        "the cache's database: {0}; if it is damaged, delete it: only conditional requests are lost"
    )]
    Store(#[from] Box<redb::Error>),
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> CacheError {
    move |source| CacheError::Io {
        path: path.display().to_string(),
        source,
    }
}

fn store(error: impl Into<redb::Error>) -> CacheError {
    CacheError::Store(Box::new(error.into()))
}

/// Data stored for a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// `ETag` of the answer, as it came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub etag: Option<String>,
    /// `Last-Modified` of the answer, as it came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_modified: Option<String>,
    /// Time of the request, in nanoseconds since 1970.
    pub fetched_at_ns: i64,
    /// Name of the body, if bodies are stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body_sha256: Option<String>,
    /// Links of the page, normalised, that belong to the crawl, whatever their depth.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub links: Vec<String>,
    /// Nested sitemaps; `None` when the document was read as a page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sitemaps: Option<Vec<String>>,
    /// Hash of the rules that decided which links belong to the crawl. Under other rules the stored links are not
    /// valid.
    #[serde(default)]
    pub rules: u64,
}

impl Stored {
    /// Makes an entry from a response; `None` if its header has no validator or forbids to store the response (RFC 9111
    /// section 5.2.2.5).
    pub fn of(headers: &HeaderMap, fetched_at_ns: i64) -> Option<Self> {
        if forbids_storing(headers) {
            return None;
        }
        let text = |name| {
            let value: Option<&HeaderValue> = headers.get(name);
            value
                .and_then(|value| value.to_str().ok())
                .filter(|text| text.len() <= VALIDATOR_BYTES)
                .map(str::to_owned)
        };
        let (etag, last_modified) = (text(ETAG), text(LAST_MODIFIED));
        (etag.is_some() || last_modified.is_some()).then(|| Self {
            etag,
            last_modified,
            fetched_at_ns,
            ..Self::default()
        })
    }

    /// Header fields that make a request conditional (RFC 9110, section 13.1).
    pub fn conditions(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let field = |name, text: &Option<String>| {
            Some((name, HeaderValue::from_str(text.as_deref()?).ok()?))
        };
        let none_match = field(IF_NONE_MATCH, &self.etag);
        let modified_since = field(IF_MODIFIED_SINCE, &self.last_modified);
        none_match.into_iter().chain(modified_since)
    }
}

fn forbids_storing(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(CACHE_CONTROL).iter();
    let texts = fields.filter_map(|field| field.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .any(|directive| directive.trim().eq_ignore_ascii_case("no-store"))
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<u128, u32> for ByBytes {
    fn weight(&self, _: &u128, bytes: &u32) -> u64 {
        u64::from(*bytes) + ENTRY_BYTES
    }
}

/// Collects the keys of entries that have to be removed.
#[derive(Clone)]
struct Evicted;

impl Lifecycle<u128, u32> for Evicted {
    type RequestState = Vec<u128>;

    fn on_evict(&self, evicted: &mut Vec<u128>, key: u128, _: u32) {
        evicted.push(key);
    }
}

struct Inner {
    policy: Cache<u128, u32, ByBytes, DefaultHashBuilder, Evicted>,
    /// Changes not yet written; `None` marks an entry to be deleted.
    pending: HashMap<u128, Option<Vec<u8>>>,
}

/// Cache of responses.
pub struct ResponseCache {
    database: Database,
    inner: Mutex<Inner>,
}

impl ResponseCache {
    /// Opens or makes it in a directory, with room for `max_bytes`.
    pub fn open(directory: &Path, max_bytes: u64, files: &Files) -> Result<Self, CacheError> {
        files.create_dir_all(directory).map_err(failed(directory))?;
        let path = directory.join("responses.redb");
        let build = |path: &Path, mode| {
            let file = files.open(path, mode).map_err(failed(path))?;
            let mut builder = Database::builder();
            builder
                .set_cache_size(DATABASE_BYTES)
                .create_file(file)
                .map_err(store)
        };
        if !path.exists() {
            // The database gets its name when it is complete, so that a kill in between leaves no half-made one.
            let new = path.with_extension("new");
            drop(build(&new, Mode::Empty)?);
            files.rename(&new, &path).map_err(failed(&new))?;
        }
        let database = build(&path, Mode::Update)?;
        let items = usize::try_from(max_bytes / 1024)
            .unwrap_or(usize::MAX)
            .clamp(32, 4 << 20);
        let policy = Cache::with(
            items,
            max_bytes,
            ByBytes,
            DefaultHashBuilder::default(),
            Evicted,
        );
        let opened = Self {
            database,
            inner: Mutex::new(Inner {
                policy,
                pending: HashMap::new(),
            }),
        };
        opened.load()?;
        Ok(opened)
    }

    /// Loads the entries into the policy; entries beyond the limit of size are removed.
    fn load(&self) -> Result<(), CacheError> {
        let transaction = self.database.begin_write().map_err(store)?;
        transaction.open_table(ENTRIES).map_err(store)?;
        transaction.commit().map_err(store)?;
        let table = self
            .database
            .begin_read()
            .map_err(store)?
            .open_table(ENTRIES)
            .map_err(store)?;
        let mut inner = self.lock();
        let mut evicted = Vec::new();
        for entry in table.iter().map_err(store)? {
            let (key, value) = entry.map_err(store)?;
            let bytes = u32::try_from(value.value().len()).unwrap_or(u32::MAX);
            inner
                .policy
                .insert_with_lifecycle(key.value(), bytes, &mut evicted);
        }
        inner
            .pending
            .extend(evicted.into_iter().map(|key| (key, None)));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entry of a URL. Asking for it counts as a use.
    pub fn get(&self, url: &Url) -> Result<Option<Stored>, CacheError> {
        let key = xxh3_128(url.as_str().as_bytes());
        {
            let inner = self.lock();
            if inner.policy.get(&key).is_none() {
                return Ok(None);
            }
            if let Some(pending) = inner.pending.get(&key) {
                return Ok(pending
                    .as_deref()
                    .and_then(|json| serde_json::from_slice(json).ok()));
            }
        }
        let table = self
            .database
            .begin_read()
            .map_err(store)?
            .open_table(ENTRIES)
            .map_err(store)?;
        let value = table.get(key).map_err(store)?;
        Ok(value.and_then(|value| serde_json::from_slice(value.value()).ok()))
    }

    /// Removes the entry of a page.
    pub fn remove(&self, url: &Url) {
        let key = xxh3_128(url.as_str().as_bytes());
        let mut inner = self.lock();
        if inner.policy.remove(&key).is_some() {
            inner.pending.insert(key, None);
        }
    }

    /// Stores an entry. From time to time this writes the collected changes.
    pub fn put(&self, url: &Url, stored: &Stored) -> Result<(), CacheError> {
        let key = xxh3_128(url.as_str().as_bytes());
        // Serialising a struct of texts and numbers cannot fail.
        let json = serde_json::to_vec(stored).unwrap_or_default();
        let mut inner = self.lock();
        let mut evicted = Vec::new();
        let bytes = u32::try_from(json.len()).unwrap_or(u32::MAX);
        inner.policy.insert_with_lifecycle(key, bytes, &mut evicted);
        // A replaced entry is reported as evicted, and so is a new one that is too big.
        inner
            .pending
            .extend(evicted.into_iter().map(|key| (key, None)));
        if inner.policy.peek(&key).is_some() {
            inner.pending.insert(key, Some(json));
        }
        if inner.pending.len() >= PENDING {
            self.write(inner, false)
        } else {
            Ok(())
        }
    }

    /// Number of entries and their size.
    pub fn figures(&self) -> (usize, u64) {
        let inner = self.lock();
        (inner.policy.len(), inner.policy.weight())
    }

    /// Makes all changes durable.
    pub fn save(&self) -> Result<(), CacheError> {
        self.write(self.lock(), true)
    }

    fn write(&self, mut inner: MutexGuard<'_, Inner>, durable: bool) -> Result<(), CacheError> {
        let mut transaction = self.database.begin_write().map_err(store)?;
        transaction
            .set_durability(if durable {
                Durability::Immediate
            } else {
                Durability::None
            })
            .map_err(store)?;
        {
            let mut table = transaction.open_table(ENTRIES).map_err(store)?;
            for (key, value) in &inner.pending {
                match value {
                    Some(json) => drop(table.insert(key, json.as_slice()).map_err(store)?),
                    None => drop(table.remove(key).map_err(store)?),
                }
            }
        }
        transaction.commit().map_err(store)?;
        inner.pending.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_be_stored_is_not_kept() {
        let of = |field: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ETAG, HeaderValue::from_static("\"1\""));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(field));
            Stored::of(&headers, 1).is_some()
        };
        assert!(of("max-age=3") && of("no-cache, private") && of("x=no-store"));
        assert!(!of("no-store") && !of("private, No-Store") && !of("max-age=3 ,no-store"));
    }

    #[test]
    fn what_is_removed_is_not_there_any_more() {
        let directory = tempfile::tempdir().unwrap();
        for is_removed in [false, true] {
            let cache = ResponseCache::open(directory.path(), 1 << 20, &Files::default()).unwrap();
            assert_eq!(cache.get(&url(1)).unwrap().is_some(), is_removed);
            cache.put(&url(1), &Stored::default()).unwrap();
            if is_removed {
                cache.remove(&url(1));
            }
            assert_eq!(cache.get(&url(1)).unwrap().is_none(), is_removed);
            cache.save().unwrap();
        }
        let cache = ResponseCache::open(directory.path(), 1 << 20, &Files::default()).unwrap();
        assert_eq!(cache.get(&url(1)).unwrap(), None);
    }

    fn url(number: u32) -> Url {
        Url::parse(&format!("http://h/{number}")).unwrap()
    }

    fn stored(number: u32) -> Stored {
        Stored {
            etag: Some(format!("\"{number}\"")),
            links: vec!["x".repeat(200)],
            ..Stored::default()
        }
    }

    #[test]
    fn conditions_of_a_response() {
        let mut headers = HeaderMap::new();
        assert_eq!(Stored::of(&headers, 7), None);
        headers.insert(
            LAST_MODIFIED,
            "Tue, 15 Nov 1994 12:45:26 GMT".parse().unwrap(),
        );
        headers.insert(ETAG, "W/\"a\"".parse().unwrap());
        let stored = Stored::of(&headers, 7).unwrap();
        assert_eq!(stored.fetched_at_ns, 7);
        let conditions: Vec<_> = stored
            .conditions()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            conditions,
            [
                "if-none-match: W/\"a\"",
                "if-modified-since: Tue, 15 Nov 1994 12:45:26 GMT"
            ]
        );
        headers.insert(ETAG, "x".repeat(2000).parse().unwrap());
        assert_eq!(Stored::of(&headers, 7).unwrap().etag, None);
    }

    #[test]
    fn a_later_process_finds_it() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ResponseCache::open(dir.path(), 1 << 20, &Files::default()).unwrap();
        for number in 0..1_000 {
            cache.put(&url(number), &stored(number)).unwrap();
        }
        cache.put(&url(7), &stored(8)).unwrap();
        assert_eq!(cache.get(&url(7)).unwrap(), Some(stored(8)));
        cache.save().unwrap();
        drop(cache);
        let cache = ResponseCache::open(dir.path(), 1 << 20, &Files::default()).unwrap();
        assert_eq!(cache.figures().0, 1_000);
        assert_eq!(cache.get(&url(7)).unwrap(), Some(stored(8)));
        assert_eq!(cache.get(&url(999)).unwrap(), Some(stored(999)));
        assert_eq!(cache.get(&url(1_000)).unwrap(), None);
    }

    #[test]
    fn its_size_is_bounded_and_what_is_wanted_stays() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ResponseCache::open(dir.path(), 64 << 10, &Files::default()).unwrap();
        for number in 0..5_000 {
            cache.put(&url(number), &stored(number)).unwrap();
            for wanted in 0..5 {
                assert_eq!(
                    cache.get(&url(wanted)).unwrap().is_some(),
                    wanted <= number,
                    "{wanted} after {number}"
                );
            }
        }
        let (entries, bytes) = cache.figures();
        assert!(
            entries < 400 && bytes <= 64 << 10,
            "{entries} entries, {bytes} bytes"
        );
        cache.save().unwrap();
        let table = cache
            .database
            .begin_read()
            .unwrap()
            .open_table(ENTRIES)
            .unwrap();
        assert_eq!(
            table.iter().unwrap().count(),
            entries,
            "what was evicted is off the disk"
        );
        drop((table, cache));
        let smaller = ResponseCache::open(dir.path(), 16 << 10, &Files::default()).unwrap();
        assert!(smaller.figures().1 <= 16 << 10);
    }
}
