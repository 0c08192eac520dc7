//! Meaning of bytes in clear: where a request begins, and what a response that begins says (RFC 9112 3 and 4).

use crate::{bound::masked, outside::Loops, source::Source};

/// First four bytes of the request lines of HTTP (RFC 9110 9.3, RFC 5789) and of WebDAV (RFC 4918 9, RFC 3253, 5323).
const METHODS: [[u8; 4]; 19] = [
    *b"GET ", *b"POST", *b"HEAD", *b"PUT ", *b"DELE", *b"OPTI", *b"PATC", *b"TRAC", *b"QUER",
    *b"PROP", *b"MKCO", *b"COPY", *b"MOVE", *b"LOCK", *b"UNLO", *b"REPO", *b"SEAR", *b"PURG",
    *b"MKCA",
];
/// End of a header: an empty line.
const END: [u8; 4] = *b"\r\n\r\n";
/// Bytes of a segment in which the end of an interim response is looked for.
const LONGEST_INTERIM: u32 = 4096;

/// Kind of a request line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// No request line.
    None,
    /// Request line of CONNECT.
    Connect,
    /// Request line of HEAD, whose response has no body (RFC 9110 9.3.2).
    Head,
    /// Request line of another method.
    Request,
}

/// True if the bytes from `position` begin a request.
#[inline(always)]
pub(crate) fn begins_request<S: Source>(source: &S, position: u32, length: u32) -> bool {
    line_of(source, position, length) != Line::None
}

/// Kind of the request line that the bytes from `position` begin. Of fewer than four bytes the first one decides: no method begins
/// with anything but a capital letter. An empty line may come before a request line (RFC 9112 2.2).
#[inline(always)]
pub(crate) fn line_of<S: Source>(source: &S, position: u32, length: u32) -> Line {
    const CONNECT: u32 = u32::from_ne_bytes(*b"CONN");
    const HEAD: u32 = u32::from_ne_bytes(*b"HEAD");
    let Some(mut first) = source.bytes::<4>(position) else {
        let is_letter = position < length
            && source
                .bytes::<1>(position)
                .is_some_and(|first| first[0].is_ascii_uppercase());
        return if is_letter { Line::Request } else { Line::None };
    };
    if first[0] == b'\r' && first[1] == b'\n' {
        let Some(next) = source.bytes::<4>(position + 2) else {
            return Line::None;
        };
        first = next;
    }
    let first = u32::from_ne_bytes(first);
    if first == CONNECT {
        return Line::Connect;
    }
    if first == HEAD {
        return Line::Head;
    }
    let mut at = 0;
    while at < METHODS.len() {
        if first == u32::from_ne_bytes(METHODS[at]) {
            return Line::Request;
        }
        at += 1;
    }
    Line::None
}

/// True if the request line at `position` has its target in absolute form (RFC 9112 3.2.2): the client takes the server
/// for a proxy.
#[inline(always)]
pub(crate) fn is_absolute<S: Source>(source: &S, position: u32) -> bool {
    /// Positions of the space behind a method.
    const SPACES: core::ops::RangeInclusive<usize> = 3..=7;
    let Some(line) = source.bytes::<16>(position) else {
        return false;
    };
    let mut at = *SPACES.start();
    while at <= *SPACES.end() {
        if line[at] == b' ' {
            return line[at + 1] | 0x20 == b'h'
                && line[at + 2] | 0x20 == b't'
                && line[at + 3] | 0x20 == b't'
                && line[at + 4] | 0x20 == b'p';
        }
        at += 1;
    }
    false
}

/// Beginning of a response, as far as it matters to turns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// An interim response (1xx but 101): another one follows.
    Interim,
    /// 101 Switching Protocols: what follows is not HTTP.
    Switching,
    /// Any other response.
    Final,
    /// No status line.
    Other,
}

/// Reads the status line at `position`: `HTTP/1.1 100`.
#[inline(always)]
pub(crate) fn beginning<S: Source>(source: &S, position: u32) -> Beginning {
    const NAME: u32 = u32::from_ne_bytes(*b"HTTP");
    const SWITCHING: u32 = u32::from_ne_bytes(*b" 101");
    let Some(line) = source.bytes::<12>(position) else {
        return Beginning::Other;
    };
    let word = |at: usize| u32::from_ne_bytes([line[at], line[at + 1], line[at + 2], line[at + 3]]);
    if word(0) != NAME || line[4] != b'/' {
        return Beginning::Other;
    }
    if word(8) == SWITCHING {
        Beginning::Switching
    } else if line[8] == b' ' && line[9] == b'1' {
        Beginning::Interim
    } else {
        Beginning::Final
    }
}

/// Looks for the end of a header from `position` on; `matched` bytes of the end have come before. Gives the position
/// after the end, or the number of bytes of the end that the segment has at its own end.
#[inline(always)]
pub(crate) fn end_of_header<S: Source, L: Loops>(
    source: &S,
    position: u32,
    matched: u8,
) -> Result<u32, u8> {
    let (mut at, mut have) = (position, u32::from(matched));
    L::repeat(LONGEST_INTERIM, || {
        let Some([byte]) = source.bytes::<1>(at) else {
            return true;
        };
        at += 1;
        have = if byte == END[masked::<3>(have)] {
            have + 1
        } else {
            u32::from(byte == END[0])
        };
        have == END.len() as u32
    });
    if have == END.len() as u32 {
        Ok(at)
    } else {
        Err(have as u8)
    }
}
