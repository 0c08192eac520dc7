//! Streams of HTTP/2, read from decrypted frames (RFC 9113).

use std::collections::BTreeMap;

use super::Plaintext;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;

/// Times of one stream on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// Time of the segment with the first byte of the request's HEADERS, ns.
    pub request_ns: u64,
    /// Time of the segment with the first byte of the response's HEADERS, ns.
    pub first_ns: Option<u64>,
    /// Time of the segment with the last byte of the frame that ended the response, ns.
    pub end_ns: Option<u64>,
    /// Time of the segment with the first RST_STREAM of the client, ns.
    pub reset_ns: Option<u64>,
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    begin_ns: u64,
    end_ns: u64,
}

fn frames(plain: &Plaintext, mut start: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(&[a, b, c, kind, flags, d, e, f, g]) = plain.bytes.get(start..start + HEADER) {
        let end = start + HEADER + u32::from_be_bytes([0, a, b, c]) as usize;
        let (Some(begin_ns), Some(end_ns)) = (plain.at(start), plain.at(end - 1)) else {
            break;
        };
        let stream = u32::from_be_bytes([d & 0x7f, e, f, g]);
        if end <= plain.bytes.len() {
            frames.push(Frame {
                kind,
                flags,
                stream,
                begin_ns,
                end_ns,
            });
        }
        start = end;
    }
    frames
}

/// Reads the streams of a connection by their ids, from what the client and the server have sent.
pub fn exchanges([sent, received]: &[Plaintext; 2]) -> BTreeMap<u32, Exchange> {
    let mut exchanges = BTreeMap::new();
    if !sent.bytes.starts_with(PREFACE) {
        return exchanges;
    }
    for frame in frames(sent, PREFACE.len()) {
        if frame.kind == HEADERS {
            exchanges.entry(frame.stream).or_insert(Exchange {
                request_ns: frame.begin_ns,
                first_ns: None,
                end_ns: None,
                reset_ns: None,
            });
        } else if let (RST_STREAM, Some(exchange)) = (frame.kind, exchanges.get_mut(&frame.stream))
        {
            exchange.reset_ns.get_or_insert(frame.begin_ns);
        }
    }
    for frame in frames(received, 0) {
        let Some(exchange) = exchanges.get_mut(&frame.stream) else {
            continue;
        };
        if frame.kind == HEADERS {
            exchange.first_ns.get_or_insert(frame.begin_ns);
        }
        if matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0 {
            exchange.end_ns = Some(frame.end_ns);
        }
    }
    exchanges
}
