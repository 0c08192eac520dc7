//! Decodes bytes from the kernel into typed events. Kind, version and length are checked; no byte is trusted.

use thiserror::Error;
use tracer_common::dns::DnsReleaseRecord;
use tracer_common::http2::BindRecord;
use tracer_common::record::{
    CloseRecord, ConnectRecord, ExecRecord, FirstTurnRecord, Header, HelloRecord, OLDEST_VERSION,
    ProcessRecord, Segments, SocketRecord, TlsRecord, Traffic, TunnelRecord, TurnRecord, VERSION,
    direction, kind, note,
};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::{
    dns::packet::Packet,
    http2::record::{Frames, Records},
    tls::Side,
    turns::Turns,
};

/// Decoded record.
#[derive(Debug)]
pub enum Event<'a> {
    /// A connect has ended.
    Connect(&'a ConnectRecord),
    /// A TLS handshake has ended.
    Tls(&'a TlsRecord),
    /// First bytes of a stream.
    Hello(Hello<'a>),
    /// A connection has closed; its segments are not in recordings of earlier versions.
    Close(&'a CloseRecord, Option<&'a Segments>),
    /// A traced process forked.
    Fork(&'a ProcessRecord),
    /// A process executed a program.
    Exec(&'a ExecRecord),
    /// A traced process ended.
    Exit(&'a ProcessRecord),
    /// Open socket, found by a sweep; its traffic is not in recordings of earlier versions.
    Socket(&'a SocketRecord, Option<&'a Traffic>),
    /// Request with its response.
    Turn(&'a TurnRecord),
    /// First request and response over TLS 1.3.
    FirstTurn(&'a FirstTurnRecord),
    /// Several requests and responses of one connection.
    Turns(Turns<'a>),
    /// An exchange with a proxy has ended.
    Tunnel(&'a TunnelRecord),
    /// TLS records that passed on a connection of HTTP/2.
    Http2Records(Records<'a>),
    /// Frames of HTTP/2 that a TLS library or a segment in clear has shown.
    Http2Frames(Frames<'a>),
    /// The socket of a TLS object is known.
    Http2Bind(&'a BindRecord),
    /// Packet to or from port 53.
    Dns(Packet<'a>),
    /// A socket that sent queries to port 53 was closed.
    DnsRelease(&'a DnsReleaseRecord),
}

/// Captured bytes of a stream.
#[derive(Debug)]
pub struct Hello<'a> {
    /// Socket cookie.
    pub cookie: u64,
    /// Side that sent the bytes.
    pub side: Side,
    /// Time of the segment with the bytes, ns.
    pub time_ns: u64,
    /// Position of the first byte in the stream.
    pub offset: u32,
    /// Captured bytes.
    pub bytes: &'a [u8],
    /// True if the stream is not TLS and no other record reports that.
    pub tells_clear: bool,
    /// Note on the connection, one of `record::note`; there are no bytes then, but with `TUNNEL`.
    pub note: Option<u8>,
}

impl Event<'_> {
    /// Cookie of the socket; 0 for process events.
    pub fn cookie(&self) -> u64 {
        match self {
            Self::Connect(record) => record.header.cookie,
            Self::Tls(record) => record.header.cookie,
            Self::Hello(hello) => hello.cookie,
            Self::Close(record, _) => record.header.cookie,
            Self::Socket(record, _) => record.header.cookie,
            Self::Turn(record) => record.header.cookie,
            Self::FirstTurn(record) => record.turn.header.cookie,
            Self::Turns(turns) => turns.cookie(),
            Self::Tunnel(record) => record.header.cookie,
            Self::Http2Records(records) => records.cookie(),
            Self::Http2Frames(frames) => frames.cookie(),
            Self::Http2Bind(record) => record.header.cookie,
            Self::Dns(packet) => packet.cookie,
            Self::DnsRelease(record) => record.header.cookie,
            Self::Fork(_) | Self::Exec(_) | Self::Exit(_) => 0,
        }
    }
}

impl Hello<'_> {
    /// True if the bytes are the beginning of a request in clear, not of a TLS stream.
    pub fn is_clear(&self) -> bool {
        const TLS_HANDSHAKE: u8 = 22;
        self.side == Side::Client && self.offset == 0 && self.bytes.first() != Some(&TLS_HANDSHAKE)
    }
}

/// Reasons why bytes are not a valid record.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes are too short for the record's kind.
    #[error(
        "record of kind {kind} has {got} bytes, expected {expected}; kernel programs and tracer differ, rebuild both"
    )]
    Length {
        /// Byte with the kind.
        kind: u8,
        /// Number of bytes.
        got: usize,
        /// Number of bytes needed.
        expected: usize,
    },
    /// The record was written by other kernel programs.
    #[error(
        "record version {got}, expected {VERSION}; kernel programs and tracer differ, rebuild both"
    )]
    Version {
        /// Byte with the version.
        got: u8,
    },
    /// The kind is unknown.
    #[error("unknown record kind {got}")]
    Kind {
        /// Byte with the kind.
        got: u8,
    },
}

/// Decodes one record. `bytes` must be aligned to eight bytes, as in the ring buffer; misaligned bytes are refused as
/// too short.
pub fn decode(bytes: &[u8]) -> Result<Event<'_>, DecodeError> {
    let header: &Header = view(bytes, 0)?;
    if !(OLDEST_VERSION..=VERSION).contains(&header.version) {
        return Err(DecodeError::Version {
            got: header.version,
        });
    }
    match header.kind {
        kind::CONNECT => view(bytes, header.kind).map(Event::Connect),
        kind::TLS => view(bytes, header.kind).map(Event::Tls),
        kind::HELLO => hello(bytes).map(Event::Hello),
        kind::CLOSE => with_tail(bytes, header.kind).map(|(close, tail)| Event::Close(close, tail)),
        kind::FORK => view(bytes, header.kind).map(Event::Fork),
        kind::EXEC => view(bytes, header.kind).map(Event::Exec),
        kind::EXIT => view(bytes, header.kind).map(Event::Exit),
        kind::SOCKET => with_tail(bytes, header.kind).map(|(open, tail)| Event::Socket(open, tail)),
        kind::TURN => view(bytes, header.kind).map(Event::Turn),
        kind::FIRST_TURN => view(bytes, header.kind).map(Event::FirstTurn),
        kind::TURNS => Turns::read(bytes)
            .map(Event::Turns)
            .map_err(|expected| too_short(header.kind, bytes, expected)),
        kind::TUNNEL => view(bytes, header.kind).map(Event::Tunnel),
        kind::HTTP2_RECORDS => Records::read(bytes)
            .map(Event::Http2Records)
            .map_err(|expected| too_short(header.kind, bytes, expected)),
        kind::HTTP2_FRAMES => Frames::read(bytes)
            .map(Event::Http2Frames)
            .map_err(|expected| too_short(header.kind, bytes, expected)),
        kind::HTTP2_BIND => view(bytes, header.kind).map(Event::Http2Bind),
        kind::DNS => Packet::read(bytes)
            .map(Event::Dns)
            .map_err(|expected| too_short(header.kind, bytes, expected)),
        kind::DNS_RELEASE => view(bytes, header.kind).map(Event::DnsRelease),
        got => Err(DecodeError::Kind { got }),
    }
}

fn too_short(kind: u8, bytes: &[u8], expected: usize) -> DecodeError {
    DecodeError::Length {
        kind,
        got: bytes.len(),
        expected,
    }
}

fn view<T: FromBytes + Immutable + KnownLayout>(bytes: &[u8], kind: u8) -> Result<&T, DecodeError> {
    T::ref_from_prefix(bytes)
        .map(|(record, _)| record)
        .map_err(|_| too_short(kind, bytes, size_of::<T>()))
}

/// A record, and what follows it since version 5.
fn with_tail<T, U>(bytes: &[u8], kind: u8) -> Result<(&T, Option<&U>), DecodeError>
where
    T: FromBytes + Immutable + KnownLayout,
    U: FromBytes + Immutable + KnownLayout,
{
    let (record, rest) =
        T::ref_from_prefix(bytes).map_err(|_| too_short(kind, bytes, size_of::<T>()))?;
    Ok((record, U::ref_from_prefix(rest).ok().map(|(tail, _)| tail)))
}

fn hello(bytes: &[u8]) -> Result<Hello<'_>, DecodeError> {
    let short = |expected| too_short(kind::HELLO, bytes, expected);
    let (head, stream) =
        HelloRecord::<0>::ref_from_prefix(bytes).map_err(|_| short(size_of::<HelloRecord<0>>()))?;
    let length = usize::from(head.length);
    let captured = stream
        .get(..length)
        .ok_or_else(|| short(size_of_val(head) + length))?;
    Ok(Hello {
        cookie: head.header.cookie,
        time_ns: head.header.time_ns,
        side: match head.direction {
            direction::EGRESS => Side::Client,
            _ => Side::Server,
        },
        offset: head.offset,
        bytes: captured,
        tells_clear: head.clear == 1,
        note: (head.clear >= note::IN_SYN).then_some(head.clear),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Copy aligned to eight bytes.
    fn aligned(bytes: &[u8]) -> Vec<u64> {
        bytes
            .chunks(8)
            .map(|chunk| {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                u64::from_ne_bytes(word)
            })
            .collect()
    }

    fn check(bytes: &[u8], expected: DecodeError) {
        let words = aligned(bytes);
        let all = zerocopy::IntoBytes::as_bytes(words.as_slice());
        assert_eq!(decode(&all[..bytes.len()]).unwrap_err(), expected);
    }

    #[test]
    fn refuses_what_is_no_record() {
        check(
            &[1, VERSION, 0],
            DecodeError::Length {
                kind: 0,
                got: 3,
                expected: 24,
            },
        );
        let mut bytes = [0u8; 24];
        bytes[0] = kind::TLS;
        for got in [OLDEST_VERSION - 1, VERSION + 1] {
            bytes[1] = got;
            check(&bytes, DecodeError::Version { got });
        }
        bytes[1] = VERSION;
        check(
            &bytes,
            DecodeError::Length {
                kind: kind::TLS,
                got: 24,
                expected: 48,
            },
        );
        bytes[0] = 99;
        check(&bytes, DecodeError::Kind { got: 99 });
    }

    #[test]
    fn hello_longer_than_its_record_is_refused() {
        let mut bytes = [0u8; 40];
        bytes[0] = kind::HELLO;
        bytes[1] = VERSION;
        bytes[28] = 9;
        check(
            &bytes,
            DecodeError::Length {
                kind: kind::HELLO,
                got: 40,
                expected: 41,
            },
        );
    }

    #[test]
    fn members_of_a_hello() {
        let mut bytes = [0u8; 48];
        (bytes[0], bytes[1]) = (kind::HELLO, VERSION);
        bytes[16..24].copy_from_slice(&7u64.to_ne_bytes());
        bytes[24..28].copy_from_slice(&9u32.to_ne_bytes());
        bytes[28..30].copy_from_slice(&3u16.to_ne_bytes());
        (bytes[30], bytes[31]) = (direction::INGRESS, 1);
        bytes[32..36].copy_from_slice(b"helo");
        let words = aligned(&bytes);
        match decode(zerocopy::IntoBytes::as_bytes(words.as_slice())) {
            Ok(Event::Hello(hello)) => {
                assert_eq!(
                    (hello.cookie, hello.offset, hello.bytes),
                    (7, 9, &b"hel"[..])
                );
                assert_eq!((hello.side, hello.tells_clear), (Side::Server, true));
            }
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let words = aligned(&bytes);
            let all = zerocopy::IntoBytes::as_bytes(words.as_slice());
            let _ = decode(&all[..bytes.len()]);
        }
    }
}
