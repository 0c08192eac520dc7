//! Exchanges with a proxy that the client asks for a tunnel: CONNECT (RFC 9110 9.3.6), SOCKS 4, 4a and 5 (RFC 1928, 1929).
//! The answers of the proxy are read byte by byte. Behind its consent everything begins anew. What the client asks for is
//! read in user space.

use tracer_common::{
    counter::Counter,
    record::{handshake, tunnel},
};

use crate::{
    answer::{self, step, verdict},
    conn::Conn,
    difference::bytes_between,
    outside::{Outside, Reports},
    source::Source,
    unknown,
};

/// First byte of each message of SOCKS 5, and of a request of SOCKS 4.
const SOCKS_5: u8 = 5;
const SOCKS_4: u8 = 4;
/// Command of SOCKS 4 that asks for a connection.
const CONNECT: u8 = 1;
/// Methods that a client of SOCKS 5 offers at most: each has a number of its own, and few are in use.
const MOST_METHODS: u8 = 16;
/// Bytes of an answer read in one segment at most. A header beyond that ends the exchange as unknown.
const LONGEST_ANSWER: u32 = 8192;

/// Kind of the exchange that the new bytes of a segment begin, one of `record::tunnel`; 0 if they begin none.
#[inline(always)]
pub(crate) fn kind<S: Source>(source: &S, position: u32, length: u32) -> u8 {
    let there = bytes_between(position, length);
    let Some([first]) = source.bytes::<1>(position) else {
        return 0;
    };
    if first == b'C' {
        return match source.bytes::<4>(position) {
            Some(begin) if begin != *b"CONN" => 0,
            _ => tunnel::CONNECT,
        };
    }
    let second = source.bytes::<2>(position).map_or(0, |begin| begin[1]);
    match first {
        SOCKS_5 if there == 1 => tunnel::SOCKS_5,
        SOCKS_5 if second != 0 && second <= MOST_METHODS && there <= 2 + u32::from(second) => {
            tunnel::SOCKS_5
        }
        SOCKS_4 if there == 1 || second == CONNECT => tunnel::SOCKS_4,
        _ => 0,
    }
}

/// Begins an exchange with the current segment of the client.
#[inline(always)]
pub(crate) fn begin(conn: &mut Conn, kind: u8) {
    conn.handshake = handshake::TUNNEL;
    let exchange = &mut conn.exchange;
    exchange.kind = kind;
    exchange.status = 0;
    exchange.end_ns = 0;
    exchange.start_ns = conn.egress.now_ns;
    exchange.step = match kind {
        tunnel::CONNECT => step::LINE,
        tunnel::SOCKS_4 => step::ZERO,
        _ => step::VERSION,
    };
    exchange.left = 0;
    exchange.verdict = verdict::MORE;
}

/// True if the proxy has refused, so that the next bytes of the client begin something new.
#[inline(always)]
pub(crate) fn is_refused(conn: &Conn) -> bool {
    conn.handshake == handshake::TUNNEL && conn.exchange.step == step::REFUSED
}

/// Reads the new bytes of a segment of the proxy, which ends before `next`.
#[inline(always)]
pub(crate) fn answered<S: Source, O: Outside>(
    conn: &mut Conn,
    source: &S,
    next: u32,
    cookie: u64,
    outside: &mut O,
) {
    if conn.exchange.step == step::REFUSED {
        return;
    }
    // The closure holds only pointers, so that the verifier sees the same state in every iteration.
    O::repeat(LONGEST_ANSWER, || take_byte(conn, source));
    let is_whole = conn.ingress.position >= conn.ingress.length;
    if conn.exchange.verdict == verdict::MORE && is_whole {
        return;
    }
    conn.exchange.end_ns = conn.ingress.now_ns;
    match conn.exchange.verdict {
        verdict::OPENED => opened(conn, is_whole, next, cookie, outside),
        verdict::REFUSED => {
            outside.tunnel(conn, tunnel::REFUSED, cookie);
            conn.exchange.step = step::REFUSED;
        }
        verdict::OTHER => unknown::is_other(conn, outside),
        _ => {
            outside.tunnel(conn, tunnel::UNKNOWN, cookie);
            conn.handshake = handshake::UNKNOWN;
        }
    }
}

/// Reads one byte; true ends the loop.
#[inline(always)]
fn take_byte<S: Source>(conn: &mut Conn, source: &S) -> bool {
    let stream = &mut conn.ingress;
    if stream.position >= stream.length {
        return true;
    }
    let Some([byte]) = source.bytes::<1>(stream.position) else {
        return true;
    };
    stream.position += 1;
    answer::feed(&mut conn.exchange, byte);
    conn.exchange.verdict != verdict::MORE
}

/// Makes the connection new behind the consent of the proxy: both directions begin at their next byte. `is_whole`: the
/// segment has no bytes after the answer.
#[inline(always)]
fn opened<R: Reports>(conn: &mut Conn, is_whole: bool, next: u32, cookie: u64, reports: &mut R) {
    reports.tunnel(conn, tunnel::OPENED, cookie);
    conn.exchange.inside = conn.exchange.inside.saturating_add(1);
    conn.handshake = handshake::WAITING;
    conn.egress.restart(conn.sent.next);
    conn.ingress.restart(next);
    if !is_whole {
        // In neither TLS nor HTTP the server speaks first.
        unknown::is_other(conn, reports);
    }
}

/// Reports an exchange of which a part was not seen.
#[inline(always)]
pub(crate) fn lose<R: Reports>(conn: &mut Conn, cookie: u64, reports: &mut R) {
    reports.count(Counter::StreamGap);
    if !is_refused(conn) {
        conn.exchange.end_ns = if conn.ingress.now_ns > conn.egress.now_ns {
            conn.ingress.now_ns
        } else {
            conn.egress.now_ns
        };
        reports.tunnel(conn, tunnel::UNKNOWN, cookie);
    }
    conn.handshake = handshake::UNKNOWN;
}

/// Reports an exchange that the close of the connection ended.
#[inline(always)]
pub(crate) fn closed<R: Reports>(conn: &mut Conn, reports: &mut R) {
    if !is_refused(conn) {
        conn.exchange.end_ns = conn.closing_ns;
        let cookie = conn.cookie;
        reports.tunnel(conn, tunnel::CLOSED, cookie);
    }
    conn.handshake = handshake::NO_REQUESTS;
}
