//! A page as the JSONL output has it: one line each.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::outcome::{Class, ConnectionUse, Phases};

/// One page. Keys that do not apply are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PageRecord {
    /// As fetched, after redirects.
    pub url: String,
    /// As it was queued.
    pub requested_url: String,
    /// Number of the page within the crawl.
    pub task_id: u64,
    /// Links from a seed.
    pub depth: u32,
    /// Times it was tried before.
    pub retries: u32,
    /// When the last try began: RFC 3339, UTC; left out if nothing was asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub started_at: String,
    /// Of the last response; left out if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureRecord>,
    /// Why it was left out, or its redirect not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<&'static str>,
    /// The ways between `requested_url` and `url`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirects: Vec<RedirectRecord>,
    /// The page it was found on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// `1.0`, `1.1` or `2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_version: Option<&'static str>,
    /// The header's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// In which it was parsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charset: Option<&'static str>,
    /// Times of the last request, and with all tries and waits.
    #[serde(flatten)]
    pub phases: Phases,
    /// Time for finding the links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parse_ns: Option<u64>,
    /// From being handed out to being done, with retries and redirects.
    pub task_ns: u64,
    /// The connection of the last request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionUse>,
    /// Body as it came.
    pub wire_bytes: u64,
    /// Body after decoding.
    pub decoded_bytes: u64,
    /// The body was cut at a limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// The server said that it is as it was (304).
    #[serde(skip_serializing_if = "is_false")]
    pub not_modified: bool,
    /// Of the decoded body, in hexadecimal; where bodies are stored it is the file's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<String>,
    /// `<link rel=canonical>`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// The page asks not to be kept.
    #[serde(skip_serializing_if = "is_false")]
    pub noindex: bool,
    /// The page asks that its links be not followed.
    #[serde(skip_serializing_if = "is_false")]
    pub nofollow: bool,
    /// What became of its links.
    pub links: LinkCounts,
    /// Its links, where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_urls: Option<Vec<String>>,
}

/// Why a page failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureRecord {
    /// As in the counters.
    pub class: Class,
    /// For people.
    pub message: String,
}

/// One redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedirectRecord {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// Where it was answered.
    pub url: String,
}

/// What became of a page's links.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LinkCounts {
    /// In the page, those that were not kept as well.
    pub found: u64,
    /// Queued.
    pub new: u64,
    /// Seen before.
    pub seen: u64,
    /// Left out, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<&'static str, u64>,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}
