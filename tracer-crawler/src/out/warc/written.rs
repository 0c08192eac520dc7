//! Bodies that are in the files already.

use std::collections::HashMap;

use time::OffsetDateTime;
use xxhash_rust::xxh3::xxh3_128;

use super::Exchange;
use super::record::RecordId;

/// Bodies remembered at most; those that come later are written each time.
const MOST: usize = 100_000;

/// The record that holds a body.
#[derive(Debug, Clone)]
pub(super) struct Original {
    pub(super) id: RecordId,
    pub(super) url: Box<str>,
    pub(super) at: OffsetDateTime,
}

/// Which bodies are written, and where. SHA-1 alone can be made to agree, so a second hash has to agree as well.
#[derive(Debug, Default)]
pub(super) struct Written(HashMap<(Box<str>, u128), Original>);

impl Written {
    /// Where this body is; else it counts as written by the record `id`.
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
