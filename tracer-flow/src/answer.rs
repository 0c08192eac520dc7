//! Answers of a proxy that was asked for a tunnel, read byte by byte: the header of an HTTP response (RFC 9112 4), and the
//! replies of SOCKS 4 and 5 (RFC 1928 3 and 6, RFC 1929 2).

use tracer_common::record::tunnel;

use crate::conn::Exchange;

/// Methods of SOCKS 5: no authentication, and user and password.
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
/// Version of each message of SOCKS 5, and of the check of user and password.
const SOCKS_5: u8 = 5;
const PASSWORD_VERSION: u8 = 1;
/// Reply of SOCKS 4 that grants the request.
const GRANTED: u8 = 90;
/// Bytes of a reply of SOCKS 4 after its code: port and address.
const REST_OF_SOCKS_4: u16 = 6;
/// Types of an address of SOCKS 5, and the bytes that follow each type: address and port.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
const REST_OF_IPV4: u16 = 4 + 2;
const REST_OF_IPV6: u16 = 16 + 2;
const PORT: u16 = 2;

/// Meanings of the next byte of an answer.
pub(crate) mod step {
    /// Byte of the status line; `left` is its number.
    pub(crate) const LINE: u8 = 0;
    /// Byte of the header after the status.
    pub(crate) const HEADER: u8 = 1;
    /// None: the proxy has refused, and the body of its answer follows.
    pub(crate) const REFUSED: u8 = 2;
    /// Zero at the beginning of a reply of SOCKS 4.
    pub(crate) const ZERO: u8 = 3;
    /// Code of a reply of SOCKS 4.
    pub(crate) const CODE: u8 = 4;
    /// Byte without a meaning of its own; `left` of them remain.
    pub(crate) const REST: u8 = 5;
    /// Version, before the method that a server of SOCKS 5 has chosen.
    pub(crate) const VERSION: u8 = 6;
    /// Method that a server of SOCKS 5 has chosen.
    pub(crate) const METHOD: u8 = 7;
    /// Version, before the status of user and password.
    pub(crate) const PASSWORD_VERSION: u8 = 8;
    /// Status of user and password.
    pub(crate) const PASSWORD_STATUS: u8 = 9;
    /// Version, before a reply of SOCKS 5.
    pub(crate) const REPLY_VERSION: u8 = 10;
    /// Reply of SOCKS 5.
    pub(crate) const REPLY: u8 = 11;
    /// Zero, after the reply.
    pub(crate) const RESERVED: u8 = 12;
    /// Type of the address in the reply.
    pub(crate) const ADDRESS_TYPE: u8 = 13;
    /// Length of the name in the reply.
    pub(crate) const NAME_LENGTH: u8 = 14;
}

/// Verdicts on the answer so far.
pub(crate) mod verdict {
    /// More bytes are needed.
    pub(crate) const MORE: u8 = 0;
    /// The proxy consents.
    pub(crate) const OPENED: u8 = 1;
    /// The proxy refuses.
    pub(crate) const REFUSED: u8 = 2;
    /// The bytes are no answer.
    pub(crate) const UNKNOWN: u8 = 3;
    /// The server does not speak SOCKS, so the client's first bytes only looked like it.
    pub(crate) const OTHER: u8 = 4;
}

/// Takes the next byte of an answer.
#[inline(always)]
pub(crate) fn feed(exchange: &mut Exchange, byte: u8) {
    match exchange.step {
        step::LINE => line(exchange, byte),
        step::HEADER => header(exchange, byte),
        step::ZERO | step::VERSION => first_of_socks(exchange, byte),
        step::CODE => {
            exchange.status = u16::from(byte);
            rest(exchange, byte == GRANTED, REST_OF_SOCKS_4);
        }
        step::REST => {
            exchange.left = exchange.left.saturating_sub(1);
            if exchange.left == 0 {
                exchange.verdict = verdict::OPENED;
            }
        }
        step::METHOD => method(exchange, byte),
        step::PASSWORD_VERSION => expect(exchange, byte, PASSWORD_VERSION),
        step::PASSWORD_STATUS if byte == 0 => exchange.step = step::REPLY_VERSION,
        step::PASSWORD_STATUS => refuse(exchange, tunnel::PASSWORD | u16::from(byte)),
        step::REPLY_VERSION => expect(exchange, byte, SOCKS_5),
        step::REPLY if byte == 0 => exchange.step = step::RESERVED,
        step::REPLY => refuse(exchange, u16::from(byte)),
        step::RESERVED => exchange.step = step::ADDRESS_TYPE,
        step::ADDRESS_TYPE => match byte {
            IPV4 => rest(exchange, true, REST_OF_IPV4),
            IPV6 => rest(exchange, true, REST_OF_IPV6),
            NAME => exchange.step = step::NAME_LENGTH,
            _ => exchange.verdict = verdict::UNKNOWN,
        },
        step::NAME_LENGTH => rest(exchange, true, u16::from(byte) + PORT),
        _ => exchange.verdict = verdict::UNKNOWN,
    }
}

/// Reads the status line up to its status: `HTTP/1.1 200`.
#[inline(always)]
fn line(exchange: &mut Exchange, byte: u8) {
    /// Positions of the letters, and of the digits of the status.
    const LETTERS: u16 = 4;
    const DIGITS: u16 = 9;
    const LENGTH: u16 = 12;
    let at = exchange.left;
    exchange.left = at.saturating_add(1);
    if at == 0 {
        exchange.status = 0;
    }
    let fits = match at {
        0 => byte == b'H',
        1 | 2 => byte == b'T',
        3 => byte == b'P',
        DIGITS.. => byte.is_ascii_digit(),
        LETTERS.. => true,
    };
    if !fits {
        exchange.verdict = verdict::UNKNOWN;
        return;
    }
    if at >= DIGITS {
        exchange.status = exchange.status.wrapping_mul(10) + u16::from(byte.wrapping_sub(b'0'));
    }
    if exchange.left == LENGTH {
        exchange.step = step::HEADER;
        exchange.line_begins = 0;
    }
}

/// Reads the header up to its empty line. A line may end without CR (RFC 9112 2.2).
#[inline(always)]
fn header(exchange: &mut Exchange, byte: u8) {
    const INTERIM: u16 = 200;
    const REDIRECTION: u16 = 300;
    if byte == b'\r' {
        return;
    }
    if byte != b'\n' {
        exchange.line_begins = 0;
        return;
    }
    if exchange.line_begins == 0 {
        exchange.line_begins = 1;
        return;
    }
    if exchange.status < INTERIM {
        exchange.step = step::LINE;
        exchange.left = 0;
    } else if exchange.status < REDIRECTION {
        exchange.verdict = verdict::OPENED;
    } else {
        exchange.verdict = verdict::REFUSED;
    }
}

/// Reads the first byte of the first message of a server of SOCKS.
#[inline(always)]
fn first_of_socks(exchange: &mut Exchange, byte: u8) {
    let expected = if exchange.step == step::VERSION {
        SOCKS_5
    } else {
        0
    };
    if byte == expected {
        exchange.step += 1;
    } else {
        exchange.verdict = verdict::OTHER;
    }
}

/// Reads the version of a later message.
#[inline(always)]
fn expect(exchange: &mut Exchange, byte: u8, version: u8) {
    if byte == version {
        exchange.step += 1;
    } else {
        exchange.verdict = verdict::UNKNOWN;
    }
}

/// Reads the method that the server has chosen. Behind any other than these two the messages are of the method.
#[inline(always)]
fn method(exchange: &mut Exchange, byte: u8) {
    /// No method of the client's is acceptable.
    const NONE: u8 = 0xff;
    match byte {
        NO_AUTHENTICATION => exchange.step = step::REPLY_VERSION,
        PASSWORD => exchange.step = step::PASSWORD_VERSION,
        NONE => refuse(exchange, tunnel::METHOD | u16::from(byte)),
        _ => exchange.verdict = verdict::UNKNOWN,
    }
}

#[inline(always)]
fn refuse(exchange: &mut Exchange, status: u16) {
    exchange.status = status;
    exchange.verdict = verdict::REFUSED;
}

/// Waits for the rest of a reply that consents, and takes a refusal as it is: a server may close before its rest.
#[inline(always)]
fn rest(exchange: &mut Exchange, consents: bool, length: u16) {
    if consents {
        exchange.step = step::REST;
        exchange.left = length;
    } else {
        exchange.verdict = verdict::REFUSED;
    }
}
