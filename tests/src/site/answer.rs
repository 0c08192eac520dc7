//! Answers of the server, correct or not.

use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status of the answer.
    pub status: u16,
    /// Header fields besides the length.
    pub fields: Vec<(&'static str, String)>,
    /// Body as it goes over the wire.
    pub body: Vec<u8>,
    /// Manner in which the answer is sent.
    pub manner: Manner,
}

/// Manner in which an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Correctly.
    Whole,
    /// In chunks.
    Chunked,
    /// Correctly, and then the connection is closed.
    Last,
    /// After this time.
    After(Duration),
    /// In pieces with this time between them.
    Pieces(Duration),
    /// The connection is reset instead.
    Reset,
    /// The connection is closed instead.
    Close,
    /// Without this number of bytes at the end of the body; then the connection is closed.
    Cut(usize),
    /// With half of the body; then the connection is reset.
    CutByReset,
    /// Only the body is sent, which holds the head too.
    Raw,
    /// The body is repeated, in chunks, up to this number of bytes.
    Flood(u64),
}

impl Answer {
    /// Makes an HTML page.
    pub fn html(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body).with("content-type", "text/html; charset=utf-8")
    }

    /// Makes an answer with this status and without a type.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body: body.into(),
            manner: Manner::Whole,
        }
    }

    /// Makes a redirect.
    pub fn redirect(status: u16, to: impl Into<String>) -> Self {
        Self::new(status, "").with("location", to)
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Sets the manner in which the answer is sent.
    #[must_use]
    pub fn sent(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    /// Compresses the body for every client.
    #[must_use]
    pub fn gzip(self) -> Self {
        let mut packed = self.with("content-encoding", "gzip");
        packed.body = gzip(&packed.body);
        packed
    }

    /// Head as it goes over the wire.
    pub(super) fn head(&self) -> String {
        use std::fmt::Write as _;
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.fields {
            // Writing to a string cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let length = match self.manner {
            Manner::Chunked | Manner::Flood(_) => "transfer-encoding: chunked".to_owned(),
            _ => format!("content-length: {}", self.body.len()),
        };
        let close = match self.manner {
            Manner::Last => "connection: close\r\n",
            _ => "",
        };
        let _ = write!(head, "{length}\r\n{close}\r\n");
        head
    }
}

/// Compresses bytes with gzip.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing into memory cannot fail.
    let _ = packer.write_all(bytes);
    packer.finish().unwrap_or_default()
}
