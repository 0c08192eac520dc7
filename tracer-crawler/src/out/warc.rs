//! Writes WARC 1.1 files ([ISO
//! 28500:2017](https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/)), with each record as a
//! gzip member of its own, as the standard's annex on compression requires.
//!
//! Bodies are stored without chunk framing. Header fields that no longer describe the stored body are renamed to
//! `X-Crawler-…`, and Content-Length is that of the stored body.

mod record;
mod series;
mod written;

use std::net::IpAddr;
use std::path::Path;

use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Encode, OutError};
use crate::files::Files;
use record::{Kind, Record, RecordId, sha1};
use series::Series;
use written::{Original, Written};

/// Reason why a response is incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncated {
    /// Limit of size.
    Length,
    /// Limit of time.
    Time,
    /// The connection ended early.
    Disconnect,
    /// Some other reason, as a content coding that cannot be undone.
    Unspecified,
}

/// Request with its response.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// URL of the request.
    pub url: String,
    /// Time of the request.
    pub at: OffsetDateTime,
    /// Address of the server.
    pub address: Option<IpAddr>,
    /// Request line and header, made by [`request_head`].
    pub request: Vec<u8>,
    /// Status line and header, made by [`response_head`]; empty if there was no response.
    pub response: Vec<u8>,
    /// Body in the form that the response's header describes.
    pub body: Vec<u8>,
    /// Reason why the body is incomplete, if it is.
    pub truncated: Option<Truncated>,
    /// Earlier response confirmed by a 304 to a conditional request.
    pub not_modified: Option<Confirmed>,
    /// Names and values for the metadata record, such as `fetchTimeMs`, `hopsFromSeed`, `via`.
    pub metadata: Vec<(&'static str, String)>,
}

/// Earlier response that a 304 confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// Time when it was fetched, if known.
    pub fetched_at: Option<OffsetDateTime>,
}

/// Request line and header as they were sent, without fields that the connection adds.
pub fn request_head(method: &str, target: &str, headers: &HeaderMap) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    push_fields(&mut head, headers, |_| true);
    head.extend(b"\r\n");
    head
}

/// Status line and header of a response whose body is stored with `body_bytes`. Fields that do not describe the stored
/// body, because it was `decoded` or came in chunks, are kept under other names.
pub fn response_head(
    version: &str,
    status: u16,
    reason: &str,
    headers: &HeaderMap,
    body_bytes: usize,
    decoded: bool,
) -> Vec<u8> {
    let mut head = format!("HTTP/{version} {status} {reason}\r\n").into_bytes();
    let is_changed = |name: &str| {
        name == TRANSFER_ENCODING.as_str()
            || name == CONTENT_LENGTH.as_str()
            || (decoded && name == CONTENT_ENCODING.as_str())
    };
    push_fields(&mut head, headers, |name| !is_changed(name));
    for (name, value) in headers.iter().filter(|(name, _)| is_changed(name.as_str())) {
        head.extend(b"X-Crawler-");
        push_field(&mut head, name.as_str(), value.as_bytes());
    }
    push_field(
        &mut head,
        CONTENT_LENGTH.as_str(),
        body_bytes.to_string().as_bytes(),
    );
    head.extend(b"\r\n");
    head
}

fn push_fields(head: &mut Vec<u8>, headers: &HeaderMap, keep: impl Fn(&str) -> bool) {
    for (name, value) in headers.iter().filter(|(name, _)| keep(name.as_str())) {
        push_field(head, name.as_str(), value.as_bytes());
    }
}

fn push_field(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend(name.as_bytes());
    head.extend(b": ");
    head.extend(value);
    head.extend(b"\r\n");
}

/// Writes a series of WARC files.
pub struct Warc {
    series: Series,
    /// Content of the warcinfo record.
    info: Vec<u8>,
    info_id: Option<RecordId>,
    /// Bodies that need not be written again.
    written: Option<Written>,
}

impl Warc {
    /// Opens the series to continue after its last complete record, or begins it. The first file has this path; when a
    /// file reaches `max_bytes`, the next has a number before its extension. `software` names the program in the
    /// warcinfo record.
    pub fn open(
        path: &Path,
        max_bytes: u64,
        software: &str,
        files: &Files,
    ) -> Result<Self, OutError> {
        let info = format!(
            "software: {software}\r\nformat: WARC File Format 1.1\r\n\
             conformsTo: https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n"
        );
        Ok(Self {
            series: Series::open(path, max_bytes, files.clone())?,
            info: info.into_bytes(),
            info_id: None,
            written: None,
        })
    }

    /// Makes bodies that this process has already written be replaced by a `revisit` record that names the first one.
    pub fn once_each(mut self) -> Self {
        self.written = Some(Written::default());
        self
    }

    /// Writes a warcinfo record at the begin of each file, and of each process's part of it, and returns the id of the
    /// current one.
    fn write_info(&mut self) -> Result<RecordId, OutError> {
        if let Some(id) = self.info_id.filter(|_| !self.series.is_at_start()) {
            return Ok(id);
        }
        let record = Record {
            kind: Kind::Info,
            id: RecordId::random(),
            at: OffsetDateTime::now_utc(),
            content_type: "application/warc-fields",
            fields: vec![("WARC-Filename", self.series.file_name())],
            head: &self.info,
            payload: None,
        };
        self.series.append(&record.encode())?;
        self.info_id = Some(record.id);
        Ok(record.id)
    }
}

impl Encode for Warc {
    type Item = Exchange;

    fn write(&mut self, exchange: &Exchange) -> Result<(), OutError> {
        self.series.rotate_if_full()?;
        let info = self.write_info()?;
        let ids = [RecordId::random(), RecordId::random(), RecordId::random()];
        let mut bytes = Vec::new();
        if !exchange.response.is_empty() {
            let digest = sha1(&[&exchange.body]);
            let first = self
                .written
                .as_mut()
                .and_then(|written| written.find(exchange, &digest, ids[0]));
            bytes.extend(response(exchange, digest, first.as_ref(), ids[0], info).encode());
        }
        bytes.extend(request(exchange, ids[1], ids[0], info).encode());
        if !exchange.metadata.is_empty() {
            let lines: String = exchange
                .metadata
                .iter()
                .map(|(name, value)| format!("{name}: {}\r\n", one_line(value)))
                .collect();
            bytes.extend(metadata(exchange, &lines, ids[2], ids[0], info).encode());
        }
        self.series.append(&bytes)
    }

    fn flush(&mut self) -> Result<(), OutError> {
        self.series.flush()
    }

    fn finish(&mut self) -> Result<(), OutError> {
        self.series.finish()
    }
}

fn common(exchange: &Exchange, info: RecordId) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("WARC-Target-URI", one_line(&exchange.url)),
        ("WARC-Warcinfo-ID", info.to_string()),
    ];
    if let Some(address) = exchange.address {
        fields.push(("WARC-IP-Address", address.to_string()));
    }
    fields
}

/// Record of the response; a `revisit` without content if the content is the same as before.
fn response<'a>(
    exchange: &'a Exchange,
    digest: String,
    first: Option<&Original>,
    id: RecordId,
    info: RecordId,
) -> Record<'a> {
    let mut fields = common(exchange, info);
    if let Some(truncated) = exchange.truncated {
        let why = match truncated {
            Truncated::Length => "length",
            Truncated::Time => "time",
            Truncated::Disconnect => "disconnect",
            Truncated::Unspecified => "unspecified",
        };
        fields.push(("WARC-Truncated", why.into()));
    }
    let (kind, payload, digest) = match (exchange.not_modified, first) {
        (Some(confirmed), _) => {
            fields.extend(server_not_modified(exchange, confirmed));
            (Kind::Revisit, None, None)
        }
        (None, Some(first)) => {
            fields.extend(identical_payload(first));
            (Kind::Revisit, None, Some(digest))
        }
        (None, None) => (Kind::Response, Some(&*exchange.body), Some(digest)),
    };
    if let Some(digest) = digest {
        fields.push(("WARC-Payload-Digest", digest));
    }
    Record {
        kind,
        id,
        at: exchange.at,
        content_type: "application/http; msgtype=response",
        fields,
        head: &exchange.response,
        payload,
    }
}

fn server_not_modified(exchange: &Exchange, confirmed: Confirmed) -> Vec<(&'static str, String)> {
    let profile = "http://netpreserve.org/warc/1.1/revisit/server-not-modified";
    let mut fields = vec![("WARC-Profile", profile.into())];
    if let Some(at) = confirmed.fetched_at {
        fields.push(("WARC-Refers-To-Target-URI", one_line(&exchange.url)));
        fields.push(("WARC-Refers-To-Date", date(at)));
    }
    fields
}

fn identical_payload(first: &Original) -> [(&'static str, String); 4] {
    let profile = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";
    [
        ("WARC-Profile", profile.into()),
        ("WARC-Refers-To", first.id.to_string()),
        ("WARC-Refers-To-Target-URI", one_line(&first.url)),
        ("WARC-Refers-To-Date", date(first.at)),
    ]
}

fn request(exchange: &Exchange, id: RecordId, response: RecordId, info: RecordId) -> Record<'_> {
    let mut fields = common(exchange, info);
    if !exchange.response.is_empty() {
        fields.push(("WARC-Concurrent-To", response.to_string()));
    }
    let content_type = "application/http; msgtype=request";
    Record {
        kind: Kind::Request,
        id,
        at: exchange.at,
        content_type,
        fields,
        head: &exchange.request,
        payload: None,
    }
}

fn metadata<'a>(
    exchange: &Exchange,
    lines: &'a str,
    id: RecordId,
    response: RecordId,
    info: RecordId,
) -> Record<'a> {
    let mut fields = common(exchange, info);
    if !exchange.response.is_empty() {
        fields.push(("WARC-Concurrent-To", response.to_string()));
    }
    let content_type = "application/warc-fields";
    Record {
        kind: Kind::Metadata,
        id,
        at: exchange.at,
        content_type,
        fields,
        head: lines.as_bytes(),
        payload: None,
    }
}

/// Replaces control characters, so that a value cannot begin a field of its own.
fn one_line(value: &str) -> String {
    value.replace(|character: char| character.is_control(), " ")
}

fn date(at: OffsetDateTime) -> String {
    // Formatting can fail only for years beyond 9999.
    at.to_offset(time::UtcOffset::UTC)
        .format(&Rfc3339)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
