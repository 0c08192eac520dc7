//! TLS handshakes read from a connection's two byte streams (RFC 5246, RFC 8446).

use super::Flow;
use super::flow::Times;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_PRE_SHARED_KEY: u16 = 41;
const EXTENSION_SUPPORTED_VERSIONS: u16 = 43;
/// Longest encrypted alert: 2 bytes, a type byte and the AEAD tag. A Finished has 32 bytes or more.
const LONGEST_ENCRYPTED_ALERT: usize = 2 + 1 + 16;
/// SHA-256 of "HelloRetryRequest", which takes the place of ServerHello.random.
const RETRY_RANDOM_START: [u8; 4] = [0xcf, 0x21, 0xad, 0x74];

/// Protocol versions the tests use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A complete handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Negotiated version.
    pub version: Version,
    /// True if an earlier session was resumed.
    pub resumed: bool,
    /// True if the server asked for another ClientHello.
    pub retried: bool,
    /// Host name sent in clear.
    pub server_name: Option<String>,
    /// Time of the first byte of the ClientHello.
    pub start_ns: u64,
    /// Time from which the client may send application data.
    pub end_ns: u64,
}

pub(super) struct Record<'a> {
    pub(super) kind: u8,
    /// Offset of the first byte in the stream.
    pub(super) start: usize,
    pub(super) body: &'a [u8],
}

impl Record<'_> {
    fn end(&self) -> usize {
        self.start + 5 + self.body.len()
    }
}

pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let header = bytes.get(start..start + 5)?;
        let &[kind, 3, _, high, low] = header else {
            return None;
        };
        let body = bytes
            .get(start + 5..)?
            .get(..usize::from(u16::from_be_bytes([high, low])))?;
        let record = Record { kind, start, body };
        start = record.end();
        Some(record)
    })
}

/// Reads the handshake messages in clear, before the first ChangeCipherSpec or encrypted record.
pub(super) fn clear_messages(bytes: &[u8], past_change_cipher_spec: bool) -> Vec<(u8, Vec<u8>)> {
    let clear: Vec<u8> = records(bytes)
        .filter(|record| !(past_change_cipher_spec && record.kind == CHANGE_CIPHER_SPEC))
        .take_while(|record| record.kind == HANDSHAKE)
        .flat_map(|record| record.body.iter().copied())
        .collect();
    let mut rest = clear.as_slice();
    let mut messages = Vec::new();
    while let [kind, high, middle, low, after @ ..] = rest {
        let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        let Some(body) = after.get(..length) else {
            break;
        };
        messages.push((*kind, body.to_vec()));
        rest = after.get(length..).unwrap_or_default();
    }
    messages
}

/// Reads the handshake of a connection; None unless it was completed.
pub fn handshake(flow: &Flow) -> Option<Handshake> {
    let (sent, sent_at) = flow.sent.bytes();
    let (received, received_at) = flow.received.bytes();
    let client_hello = clear_messages(&sent, true)
        .into_iter()
        .find(|(kind, _)| *kind == CLIENT_HELLO)?
        .1;
    let answers = clear_messages(&received, true);
    let hellos: Vec<&Vec<u8>> = answers
        .iter()
        .filter(|(kind, _)| *kind == SERVER_HELLO)
        .map(|(_, body)| body)
        .collect();
    let last = hellos.last()?;
    let is_13 = extension(last, EXTENSION_SUPPORTED_VERSIONS, Hello::Server)
        .is_some_and(|body| body == [3, 4]);
    let resumed = match is_13 {
        true => extension(last, EXTENSION_PRE_SHARED_KEY, Hello::Server).is_some(),
        false => !clear_messages(&received, false)
            .iter()
            .any(|(kind, _)| *kind == CERTIFICATE),
    };
    let end_ns = match (is_13, resumed) {
        (true, _) => end_13(&sent, &sent_at)?,
        (false, true) => {
            end_12(&received, &received_at)?;
            end_12(&sent, &sent_at)?
        }
        (false, false) => end_12(&received, &received_at)?,
    };
    Some(Handshake {
        version: if is_13 {
            Version::Tls13
        } else {
            Version::Tls12
        },
        resumed,
        retried: hellos
            .iter()
            .any(|hello| hello.get(2..6) == Some(&RETRY_RANDOM_START)),
        server_name: extension(&client_hello, EXTENSION_SERVER_NAME, Hello::Client)
            .and_then(|body| String::from_utf8(body.get(5..)?.to_vec()).ok()),
        start_ns: sent_at.at(0)?,
        end_ns,
    })
}

/// End in TLS 1.3: the client's first encrypted record that is not an alert.
fn end_13(sent: &[u8], sent_at: &Times) -> Option<u64> {
    let first =
        records(sent).find(|record| record.kind == APPLICATION_DATA || record.kind == ALERT)?;
    let is_finished = first.kind == APPLICATION_DATA && first.body.len() > LONGEST_ENCRYPTED_ALERT;
    is_finished.then(|| sent_at.at(first.start)).flatten()
}

/// End in TLS 1.2: the last byte of the handshake record after ChangeCipherSpec.
fn end_12(bytes: &[u8], at: &Times) -> Option<u64> {
    let mut after = records(bytes)
        .skip_while(|record| record.kind != CHANGE_CIPHER_SPEC)
        .skip(1);
    let finished = after.next().filter(|record| record.kind == HANDSHAKE)?;
    at.at(finished.end() - 1)
}

#[derive(Clone, Copy)]
enum Hello {
    Client,
    Server,
}

/// The body of one extension of a hello message.
fn extension(hello: &[u8], wanted: u16, side: Hello) -> Option<&[u8]> {
    let rest = hello.get(34..)?;
    let rest = rest.get(1 + usize::from(*rest.first()?)..)?;
    let mut rest = match side {
        Hello::Server => rest.get(3..)?,
        Hello::Client => {
            let rest = rest.get(2 + usize::from(u16_at(rest)?)..)?;
            rest.get(1 + usize::from(*rest.first()?)..)?
        }
    }
    .get(2..)?;
    while let Some(kind) = u16_at(rest) {
        let length = usize::from(u16_at(rest.get(2..)?)?);
        let body = rest.get(4..4 + length)?;
        if kind == wanted {
            return Some(body);
        }
        rest = rest.get(4 + length..)?;
    }
    None
}

fn u16_at(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?))
}
