//! Record layer and handshake layer: turns a prefix of the stream into complete handshake messages.
//!
//! The payload of handshake records is moved together at the front of the buffer, over the headers already read. So a
//! message split over several records needs no second buffer.

use std::ops::Range;

use thiserror::Error;

use super::{HelloState, Side};
use crate::reassembly::Reassembly;

/// HandshakeType client_hello (RFC 8446 4).
pub(super) const CLIENT_HELLO: u8 = 1;
/// HandshakeType server_hello (RFC 8446 4).
pub(super) const SERVER_HELLO: u8 = 2;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const RECORD_HEADER_BYTES: usize = 5;
const MESSAGE_HEADER_BYTES: usize = 4;
/// Length of the longest plaintext fragment (RFC 8446 5.1).
const MAX_FRAGMENT_BYTES: usize = 1 << 14;

/// Ways in which a stream that began as TLS broke its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// A record length is outside 1..=16384 (RFC 8446 5.1).
    #[error("TLS record of {got_bytes} bytes, expected 1 to 16384")]
    RecordLength {
        /// Length of the record.
        got_bytes: usize,
    },
    /// A record has another protocol version than 3.x.
    #[error("TLS record with major version {got}, expected 3")]
    RecordVersion {
        /// Major version of the record.
        got: u8,
    },
    /// A record type cannot come before the hello.
    #[error("TLS record of type {kind} before the hello, expected a handshake record (22)")]
    UnexpectedRecord {
        /// ContentType of the record (RFC 8446 5.1).
        kind: u8,
    },
    /// A record of another type is inside a handshake message (RFC 8446 5.1).
    #[error("TLS record of type {kind} inside a handshake message, expected its next part")]
    Interleaved {
        /// ContentType of the record (RFC 8446 5.1).
        kind: u8,
    },
    /// A handshake message is not the hello of this direction.
    #[error("handshake message of type {kind}, expected the hello of this direction")]
    UnexpectedMessage {
        /// HandshakeType of the message (RFC 8446 4).
        kind: u8,
    },
    /// There is a second HelloRetryRequest (RFC 8446 4.1.4).
    #[error("second HelloRetryRequest on one connection, expected at most one")]
    SecondRetryRequest,
    /// The message ends inside one of its fields.
    #[error("{message} ends inside its {field}")]
    Short {
        /// Name of the message: ClientHello or ServerHello.
        message: &'static str,
        /// Field that is cut off.
        field: &'static str,
    },
}

/// Next result of the two layers.
#[derive(Debug)]
pub(super) enum Item {
    /// More bytes are needed.
    More,
    /// A complete handshake message; `body` is a range of the reassembled bytes.
    Message { kind: u8, body: Range<usize> },
    /// The state of the direction is final without a hello.
    Ended(HelloState),
}

/// Positions in the buffer: `message` <= `payload` <= `record`.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Start of the first handshake message not returned yet.
    message: usize,
    /// End of the handshake payload moved together so far.
    payload: usize,
    /// Start of the next unread byte.
    record: usize,
    /// Number of bytes of the current handshake record not read yet. Messages are returned before their record is
    /// complete, because a server may put its certificates into the same one.
    remaining: usize,
    /// True once a record header and the first message type were right, so that this is certainly TLS.
    established: bool,
}

impl Records {
    /// Next message, or the reason why there is none.
    pub(super) fn next_item(&mut self, stream: &mut Reassembly, side: Side) -> Item {
        loop {
            if let Some(item) = self.next_message(stream) {
                return item;
            }
            match self.read_more(stream, side) {
                Ok(true) => {}
                Ok(false) => return Item::More,
                Err(state) => return Item::Ended(state),
            }
        }
    }

    /// Type and available body of the current message, for a stream that has ended.
    pub(super) fn partial_message(&self, stream: &Reassembly) -> Option<(u8, Range<usize>)> {
        let message = &stream.bytes()[self.message..self.payload];
        let (header, _) = message.split_at_checked(MESSAGE_HEADER_BYTES)?;
        Some((header[0], self.message + MESSAGE_HEADER_BYTES..self.payload))
    }

    /// Length of the first encrypted record behind the messages read so far (RFC 8446 5.2), a ChangeCipherSpec passed over.
    /// Err(true) while more bytes are needed, Err(false) when something else follows.
    pub(super) fn first_encrypted(&self, stream: &Reassembly) -> Result<u16, bool> {
        if self.remaining > 0 || self.message < self.payload {
            return Err(false);
        }
        let mut bytes = &stream.bytes()[self.record..];
        if let [CHANGE_CIPHER_SPEC, 3, _, 0, 1, 1, rest @ ..] = bytes {
            bytes = rest;
        }
        match bytes {
            [APPLICATION_DATA, 3, _, high, low, ..] => Ok(u16::from_be_bytes([*high, *low])),
            [] | [APPLICATION_DATA, ..] if bytes.len() < RECORD_HEADER_BYTES => Err(true),
            [CHANGE_CIPHER_SPEC, ..] if bytes.len() <= RECORD_HEADER_BYTES => Err(true),
            _ => Err(false),
        }
    }

    fn next_message(&mut self, stream: &Reassembly) -> Option<Item> {
        let pending = &stream.bytes()[self.message..self.payload];
        let (header, rest) = pending.split_at_checked(MESSAGE_HEADER_BYTES)?;
        let length = body_length(header);
        if rest.len() < length {
            return None;
        }
        let start = self.message + MESSAGE_HEADER_BYTES;
        self.message = start + length;
        Some(Item::Message {
            kind: header[0],
            body: start..start + length,
        })
    }

    /// Reads a header, a part of a handshake record or another complete record; `false` when not enough bytes are
    /// there.
    fn read_more(&mut self, stream: &mut Reassembly, side: Side) -> Result<bool, HelloState> {
        if self.remaining > 0 {
            return Ok(self.read_payload(stream));
        }
        let bytes = &stream.bytes()[self.record..];
        self.check_header(bytes, side)?;
        let Some((header, content)) = bytes.split_at_checked(RECORD_HEADER_BYTES) else {
            return Ok(false);
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if header[0] == HANDSHAKE {
            return Ok(self.open_handshake_record(length, content));
        }
        let Some(content) = content.get(..length) else {
            return Ok(false);
        };
        self.check_content(header[0], content)?;
        self.record += RECORD_HEADER_BYTES + length;
        Ok(true)
    }

    /// Opens a handshake record, but only after its first byte of content, which shows whether it is a hello.
    fn open_handshake_record(&mut self, length: usize, content: &[u8]) -> bool {
        let judged = !content.is_empty();
        if judged {
            self.established = true;
            self.record += RECORD_HEADER_BYTES;
            self.remaining = length;
        }
        judged
    }

    fn read_payload(&mut self, stream: &mut Reassembly) -> bool {
        let count = self.remaining.min(stream.bytes().len() - self.record);
        stream.shift_down(self.record..self.record + count, self.payload);
        self.record += count;
        self.payload += count;
        self.remaining -= count;
        count > 0
    }

    /// Checks as many bytes of a record header as there are, and the type of the first message.
    fn check_header(&self, bytes: &[u8], side: Side) -> Result<(), HelloState> {
        let broken = self.header_fault(bytes, side);
        match broken {
            None => Ok(()),
            Some(_) if !self.established => Err(HelloState::NotTls),
            Some(fault) => Err(HelloState::Malformed(fault)),
        }
    }

    fn header_fault(&self, bytes: &[u8], side: Side) -> Option<Malformed> {
        let &kind = bytes.first()?;
        if !self.kind_allowed(kind, side) {
            return Some(Malformed::UnexpectedRecord { kind });
        }
        let &major = bytes.get(1)?;
        if major != 3 {
            return Some(Malformed::RecordVersion { got: major });
        }
        let got_bytes = usize::from(u16::from_be_bytes([*bytes.get(3)?, *bytes.get(4)?]));
        if !(1..=MAX_FRAGMENT_BYTES).contains(&got_bytes) {
            return Some(Malformed::RecordLength { got_bytes });
        }
        self.first_message_fault(kind, *bytes.get(5)?, side)
    }

    /// True if a record of this kind may come next. A client's first record is a handshake record, a server's may also
    /// be an alert; a ChangeCipherSpec may come between HelloRetryRequest and ServerHello (RFC 8446 D.4).
    fn kind_allowed(&self, kind: u8, side: Side) -> bool {
        match kind {
            HANDSHAKE => true,
            ALERT => self.established || side == Side::Server,
            CHANGE_CIPHER_SPEC => self.established,
            _ => false,
        }
    }

    fn first_message_fault(&self, kind: u8, first: u8, side: Side) -> Option<Malformed> {
        let expected = match side {
            Side::Client => CLIENT_HELLO,
            Side::Server => SERVER_HELLO,
        };
        let unexpected = !self.established && kind == HANDSHAKE && first != expected;
        unexpected.then_some(Malformed::UnexpectedMessage { kind: first })
    }

    /// Checks a complete record by its content.
    fn check_content(&self, kind: u8, content: &[u8]) -> Result<(), HelloState> {
        match (kind, content) {
            (ALERT, &[level, description]) => Err(HelloState::Alert { level, description }),
            (kind, _) if self.message < self.payload => {
                Err(HelloState::Malformed(Malformed::Interleaved { kind }))
            }
            (CHANGE_CIPHER_SPEC, [1]) => Ok(()),
            (kind, _) if self.established => {
                Err(HelloState::Malformed(Malformed::UnexpectedRecord { kind }))
            }
            _ => Err(HelloState::NotTls),
        }
    }
}

/// Length (24 bits) in the header of a handshake message (RFC 8446 4).
fn body_length(header: &[u8]) -> usize {
    usize::from(header[1]) << 16 | usize::from(header[2]) << 8 | usize::from(header[3])
}
