//! Record of a page in the JSONL output.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::outcome::{Class, ConnectionUse, Phases};

/// Record of one page. Keys that do not apply are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PageRecord {
    /// URL that was fetched, after redirects.
    pub url: String,
    /// URL that was queued.
    pub requested_url: String,
    /// Number of the page within the crawl.
    pub task_id: u64,
    /// Number of links between a seed and this page.
    pub depth: u32,
    /// Number of earlier tries.
    pub retries: u32,
    /// Begin of the last try: RFC 3339, UTC; left out if no request was sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub started_at: String,
    /// Status of the last response; left out if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Failure of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureRecord>,
    /// Reason for leaving the page out, or for not following its redirect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<&'static str>,
    /// Redirects between `requested_url` and `url`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirects: Vec<RedirectRecord>,
    /// Page on which the link to this one was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// HTTP version: `1.0`, `1.1` or `2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_version: Option<&'static str>,
    /// Value of the response's Content-Type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Encoding in which the page was parsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charset: Option<&'static str>,
    /// Durations of the last request's phases.
    #[serde(flatten)]
    pub phases: Phases,
    /// Time for finding the links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parse_ns: Option<u64>,
    /// Time from the begin of the first try to the end, including retries and waits.
    pub task_ns: u64,
    /// Connection of the last request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionUse>,
    /// Size of the body as it came.
    pub wire_bytes: u64,
    /// Size of the body after decoding.
    pub decoded_bytes: u64,
    /// True if the body was cut at a limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// True if the server answered that the page has not changed (304).
    #[serde(skip_serializing_if = "is_false")]
    pub not_modified: bool,
    /// SHA-256 of the decoded body in hexadecimal; also its file name, where bodies are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<String>,
    /// `<link rel=canonical>`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// True if the page asks not to be indexed.
    #[serde(skip_serializing_if = "is_false")]
    pub noindex: bool,
    /// True if the page asks that its links be not followed.
    #[serde(skip_serializing_if = "is_false")]
    pub nofollow: bool,
    /// Counts of the page's links.
    pub links: LinkCounts,
    /// Links of the page, if the output is configured to contain them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_urls: Option<Vec<String>>,
}

/// Failure of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureRecord {
    /// Error class, with the name that the counters use.
    pub class: Class,
    /// Description for people.
    pub message: String,
}

/// Redirect on the way to a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedirectRecord {
    /// Status: 301, 302, 303, 307 or 308.
    pub status: u16,
    /// URL that answered with the redirect.
    pub url: String,
}

/// Counts of what happened to a page's links.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LinkCounts {
    /// Links found in the page, including those that were not kept.
    pub found: u64,
    /// Links that were queued.
    pub new: u64,
    /// Links that were seen before.
    pub seen: u64,
    /// Links left out, by reason.
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
