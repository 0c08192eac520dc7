//! Bodies that the WARC files already contain.

use std::collections::HashMap;

use time::OffsetDateTime;
use xxhash_rust::xxh3::xxh3_128;

use super::Exchange;
use super::record::RecordId;

/// Limit of bodies remembered; later bodies are written each time.
const MOST: usize = 100_000;

/// Record that contains a body.
#[derive(Debug, Clone)]
pub(super) struct Original {
    pub(super) id: RecordId,
    pub(super) url: Box<str>,
    pub(super) at: OffsetDateTime,
}

/// Bodies written so far, and their records. SHA-1 collisions can be made on purpose, so a second hash has to match
/// too.
#[derive(Debug, Default)]
pub(super) struct Written(HashMap<(Box<str>, u128), Original>);

impl Written {
    /// Record that contains this body already; if there is none, the body is registered as written by the record `id`.
    pub(super) fn find(
        &mut self,
        exchange: &Exchange,
        digest: &str,
        id: RecordId,
    ) -> Option<Original> {
        let is_whole = exchange.truncated.is_none() && exchange.not_modified.is_none();
        if !is_whole || exchange.body.is_empty() {
            return None;
        }
        let key = (digest.into(), xxh3_128(&exchange.body));
        if let Some(first) = self.0.get(&key) {
            return Some(first.clone());
        }
        if self.0.len() < MOST {
            let original = Original {
                id,
                url: exchange.url.as_str().into(),
                at: exchange.at,
            };
            self.0.insert(key, original);
        }
        None
    }
}
