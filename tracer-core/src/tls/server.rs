//! Reads the ServerHello and HelloRetryRequest (RFC 8446 4.1.3 and 4.1.4, RFC 5246 7.4.1.3).

use super::client::ClientHello;
use super::extension::{ALPN, PRE_SHARED_KEY, SUPPORTED_VERSIONS, read_alpn};
use super::record::Malformed;
use super::session_id::SessionId;
use super::version::TlsVersion;
use crate::cursor::Cursor;

/// Random that marks a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Choices of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHello {
    /// Version from supported_versions if present (RFC 8446 4.2.1), else legacy_version.
    pub version: TlsVersion,
    /// True if this is a HelloRetryRequest, or one came before.
    pub hello_retry_request: bool,
    /// True if the offered pre-shared key was accepted (extension 41): a TLS 1.3 resumption.
    pub psk_accepted: bool,
    /// True if the server sent the client's session id back, and it was not empty. Below TLS 1.3 this is a resumption
    /// (RFC 5246 7.4.1.3, RFC 5077 3.4); in TLS 1.3 servers always send it back. `None` while the ClientHello is
    /// unknown.
    pub session_id_echo_matches: Option<bool>,
    /// Cipher suite chosen.
    pub cipher_suite: u16,
    /// Protocol chosen, up to TLS 1.2; in TLS 1.3 it is encrypted.
    pub alpn: Option<Vec<u8>>,
    /// True if the end of the message was not captured, so that absent fields may have been in it.
    pub partial: bool,
    session_id: SessionId,
}

impl ServerHello {
    /// True if this handshake resumes an earlier session; `None` when that cannot be known.
    pub fn resumed(&self) -> Option<bool> {
        match self.version {
            _ if self.psk_accepted => Some(true),
            TlsVersion::TLS_1_3 => (!self.partial).then_some(false),
            _ if self.partial => None,
            _ => self.session_id_echo_matches,
        }
    }

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

    /// Sets `session_id_echo_matches`.
    pub(super) fn compare_session_id(&mut self, client: &ClientHello) {
        let echoed = self.session_id.len() > 0 && self.session_id == client.session_id;
        self.session_id_echo_matches = Some(echoed);
    }

    fn read_fixed(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let version = TlsVersion(cursor.u16().ok_or(short("legacy_version"))?);
        let random = cursor.take(32).ok_or(short("random"))?;
        let session_id = SessionId::read(cursor).ok_or(short("legacy_session_id_echo"))?;
        let cipher_suite = cursor.u16().ok_or(short("cipher_suite"))?;
        cursor.u8().ok_or(short("legacy_compression_method"))?;
        Ok(Self {
            version,
            hello_retry_request: random == RETRY_RANDOM,
            psk_accepted: false,
            session_id_echo_matches: None,
            cipher_suite,
            alpn: None,
            partial: false,
            session_id,
        })
    }

    fn read_extension(&mut self, kind: u16, data: &[u8]) {
        match kind {
            SUPPORTED_VERSIONS => {
                self.version = Cursor::new(data).u16().map_or(self.version, TlsVersion)
            }
            PRE_SHARED_KEY => self.psk_accepted = true,
            ALPN => self.alpn = read_alpn(data).into_iter().next(),
            _ => {}
        }
    }
}

fn short(field: &'static str) -> Malformed {
    Malformed::Short {
        message: "ServerHello",
        field,
    }
}
