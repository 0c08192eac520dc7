//! Reads the ClientHello (RFC 8446 4.1.2, RFC 5246 7.4.1.2).

use std::fmt;

use super::extension::{ALPN, PRE_SHARED_KEY, SUPPORTED_VERSIONS, read_alpn};
use super::record::Malformed;
use super::session_id::SessionId;
use super::version::TlsVersion;
use crate::cursor::Cursor;
use crate::host_name;

/// Limit of a server name's length (a DNS name has at most 253 characters); a longer one counts as absent.
pub const MAX_SERVER_NAME_BYTES: usize = 255;
/// Extension server_name (RFC 6066 3).
const SERVER_NAME: u16 = 0;
/// Extension session_ticket (RFC 5077 3.2).
const SESSION_TICKET: u16 = 35;
/// Extension early_data (RFC 8446 4.2.10).
const EARLY_DATA: u16 = 42;
/// Extension record_size_limit (RFC 8449 4).
const RECORD_SIZE_LIMIT: u16 = 28;
/// Extension encrypted_client_hello.
const ECH: u16 = 0xfe0d;

/// Offer of a client. The structure is checked strictly; an extension with invalid content counts as absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// Field legacy_version: never above 1.2 from a client that follows RFC 8446.
    pub legacy_version: TlsVersion,
    /// Host name in server_name (RFC 6066 3); with ECH the public one.
    pub sni: Option<ServerName>,
    /// Offered protocols, in order, without GREASE; at most [`MAX_ALPN_PROTOCOLS`](super::MAX_ALPN_PROTOCOLS).
    pub alpn: Vec<Vec<u8>>,
    /// Highest published version offered: from supported_versions if sent, else legacy_version.
    pub max_version: TlsVersion,
    /// True if a pre-shared key is offered: TLS 1.3 resumption, or an external key (RFC 8446 4.2.11).
    pub psk_offered: bool,
    /// Length of the legacy session id, 0 to 32 bytes.
    pub session_id_len: u8,
    /// True if a session ticket is offered for TLS 1.2 resumption (RFC 5077 3.2); an empty one does not count.
    pub ticket_offered: bool,
    /// True if the client announces 0-RTT data (RFC 8446 4.2.10).
    pub early_data: bool,
    /// True if the client takes a limit of the records' size (RFC 8449).
    pub record_size_limit: bool,
    /// True if encrypted_client_hello is present, real or GREASE: the two look alike on purpose.
    pub ech: bool,
    /// True if the end of the message was not captured, so that absent fields may have been in it.
    pub partial: bool,
    /// First three cipher suites, without GREASE (RFC 8701).
    pub first_suites: Suites,
    /// Number of cipher suites, without GREASE.
    pub suites: usize,
    /// True if a cipher suite of TLS 1.3 is offered.
    pub has_13_suites: bool,
    pub(super) session_id: SessionId,
}

/// Up to three cipher suites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Suites {
    suites: [u16; 3],
    used: usize,
}

impl Suites {
    fn push(&mut self, suite: u16) {
        if let Some(slot) = self.suites.get_mut(self.used) {
            *slot = suite;
            self.used += 1;
        }
    }
}

impl std::ops::Deref for Suites {
    type Target = [u16];

    fn deref(&self) -> &[u16] {
        &self.suites[..self.used]
    }
}

impl ClientHello {
    /// Reads a complete message body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(body);
        let mut hello = Self::read_fixed(&mut cursor)?;
        if cursor.is_empty() {
            return Ok(hello);
        }
        let mut extensions = Cursor::new(cursor.vec16().ok_or(short("extensions"))?);
        while !extensions.is_empty() {
            let kind = extensions.u16().ok_or(short("extension type"))?;
            let data = extensions.vec16().ok_or(short("extension"))?;
            hello.read_extension(kind, data);
        }
        Ok(hello)
    }

    /// Reads the available part of a body that was cut off; `None` if even the fixed part is incomplete.
    pub(super) fn parse_partial(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let mut hello = Self::read_fixed(&mut cursor).ok()?;
        hello.partial = true;
        cursor.u16();
        while let Some(kind) = cursor.u16() {
            let Some(data) = cursor.vec16() else { break };
            hello.read_extension(kind, data);
        }
        Some(hello)
    }

    fn read_fixed(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let version = TlsVersion(cursor.u16().ok_or(short("legacy_version"))?);
        cursor.take(32).ok_or(short("random"))?;
        let session_id = SessionId::read(cursor).ok_or(short("legacy_session_id"))?;
        let offered = cursor.vec16().ok_or(short("cipher_suites"))?;
        cursor.vec8().ok_or(short("legacy_compression_methods"))?;
        let mut hello = Self {
            legacy_version: version,
            sni: None,
            alpn: Vec::new(),
            max_version: version,
            psk_offered: false,
            session_id_len: session_id.len(),
            ticket_offered: false,
            early_data: false,
            record_size_limit: false,
            ech: false,
            partial: false,
            first_suites: Suites::default(),
            suites: 0,
            has_13_suites: false,
            session_id,
        };
        hello.read_suites(offered);
        Ok(hello)
    }

    fn read_suites(&mut self, offered: &[u8]) {
        let suites = offered
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        for suite in suites.filter(|suite| suite & 0x0f0f != 0x0a0a) {
            self.first_suites.push(suite);
            self.suites += 1;
            self.has_13_suites |= suite >> 8 == 0x13;
        }
    }

    fn read_extension(&mut self, kind: u16, data: &[u8]) {
        match kind {
            SERVER_NAME => self.sni = self.sni.take().or_else(|| read_server_name(data)),
            ALPN => self.alpn = read_alpn(data),
            SESSION_TICKET => self.ticket_offered = !data.is_empty(),
            PRE_SHARED_KEY => self.psk_offered = true,
            EARLY_DATA => self.early_data = true,
            RECORD_SIZE_LIMIT => self.record_size_limit = true,
            SUPPORTED_VERSIONS => {
                self.max_version = read_max_version(data).unwrap_or(self.max_version)
            }
            ECH => self.ech = true,
            _ => {}
        }
    }
}

fn short(field: &'static str) -> Malformed {
    Malformed::Short {
        message: "ClientHello",
        field,
    }
}

/// First host_name (type 0) of the list.
fn read_server_name(data: &[u8]) -> Option<ServerName> {
    let mut names = Cursor::new(Cursor::new(data).vec16()?);
    loop {
        let kind = names.u8()?;
        let name = names.vec16()?;
        if kind == 0 {
            return ServerName::new(name);
        }
    }
}

fn read_max_version(data: &[u8]) -> Option<TlsVersion> {
    let mut versions = Cursor::new(Cursor::new(data).vec8()?);
    std::iter::from_fn(|| versions.u16())
        .map(TlsVersion)
        .filter(|version| version.is_known())
        .max()
}

/// Host name as the client sent it: any bytes, 1 to [`MAX_SERVER_NAME_BYTES`] of them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerName(Box<[u8]>);

impl ServerName {
    /// Makes a name; `None` if it is empty or too long.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=MAX_SERVER_NAME_BYTES)
            .contains(&bytes.len())
            .then(|| Self(bytes.into()))
    }

    /// Bytes of the name as sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Name in the spelling that DNS and Host names have, too: safe for a terminal, a label or a file.
    pub fn canonical(&self) -> String {
        host_name::canonical(&self.0)
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

impl fmt::Debug for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerName({self})")
    }
}
