//! What the server sends, right or wrong.

use std::time::Duration;

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Fields besides the length.
    pub fields: Vec<(&'static str, String)>,
    /// Its body as it goes over the wire.
    pub body: Vec<u8>,
    /// How it is sent.
    pub manner: Manner,
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it should be.
    Whole,
    /// In chunks.
    Chunked,
    /// As it should be, and the connection is closed.
    Last,
    /// After this time.
    After(Duration),
    /// In pieces with this time between them.
    Pieces(Duration),
    /// The connection is reset instead.
    Reset,
    /// The connection is closed instead.
    Close,
    /// So many bytes of the body are missing at the end, then the connection is closed.
    Cut(usize),
    /// Half of the body, then the connection is reset.
    CutByReset,
    /// The body is all that is sent: head and everything.
    Raw,
    /// The body again and again, in chunks, up to this many bytes.
    Flood(u64),
}

impl Answer {
    /// A page.
    pub fn html(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body).with("content-type", "text/html; charset=utf-8")
    }

    /// Of this status, without a type.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body: body.into(),
            manner: Manner::Whole,
        }
    }

    /// An answer that leads elsewhere.
    pub fn redirect(status: u16, to: impl Into<String>) -> Self {
        Self::new(status, "").with("location", to)
    }

    /// With a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Sent in this manner.
    #[must_use]
    pub fn sent(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    /// Compressed beforehand, whoever asks.
    #[must_use]
    pub fn gzip(self) -> Self {
        let mut packed = self.with("content-encoding", "gzip");
        packed.body = gzip(&packed.body);
        packed
    }

    /// The head as it goes over the wire.
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

/// The bytes in gzip.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Into memory, where nothing fails.
    let _ = packer.write_all(bytes);
    packer.finish().unwrap_or_default()
}
