//! Turns: request bytes out, then response bytes in. TLS alerts and KeyUpdates are neither, and the interim
//! response that asks for a request's body is no response. Session
//! tickets of TLS 1.3 cannot be told from a response here: the records of a first turn are handed to user
//! space as they came.

use core::sync::atomic::{Ordering, compiler_fence};

use aya_ebpf::{bindings::__sk_buff, helpers::generated::bpf_skb_load_bytes};
use tracer_common::record::{
    FirstTurnRecord, TurnRecord, kind, tls,
    turn::{self, EVIDENCE, SLOW_PICKUP_NS, UNMEASURED},
};

use crate::{
    bound::masked,
    conn::{Answer, Conn, Edge, phase},
    difference::{after, bytes_between, elapsed},
    emit, overflow,
    segment::{self, Segment},
    tls::{Packet, walk},
    waiting,
};

const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;
const RECORD_HEADER: u32 = 5;
/// Type of a record of application data, as [`only_record`] gives it.
const DATA: u32 = (APPLICATION_DATA as u32) << 16;
/// Encrypted record lengths (TLS 1.3: content, type byte, 16 of tag) of an alert and a KeyUpdate.
const ALERT_13: u32 = 2 + 17;
const KEY_UPDATE_13: u32 = 5 + 17;
/// Lengths of records that hold an HTTP/2 SETTINGS acknowledgement, a bare frame header (RFC 9113 6.5): TLS 1.3, and
/// TLS 1.2 with AES-GCM and ChaCha20.
const SETTINGS_ACK: [u32; 3] = [9 + 17, 9 + 24, 9 + 16];
/// "HTTP/1.1 100 Continue" and an empty line (RFC 9110 15.2.1), and without the phrase, as Tomcat sends it; nothing else
/// that begins a response is so short. Of its record over TLS 1.3, and TLS 1.2 with AES-GCM and ChaCha20.
const CONTINUE: u32 = 25;
const BARE_CONTINUE: u32 = 17;
const CONTINUE_RECORD: [u32; 6] = [
    CONTINUE + 17,
    BARE_CONTINUE + 17,
    CONTINUE + 24,
    BARE_CONTINUE + 24,
    CONTINUE + 16,
    BARE_CONTINUE + 16,
];
/// An interim response in clear is looked for in segments up to this length.
const LONGEST_INTERIM: u32 = 128;
/// A session ticket's record, as far as seen in the wild.
const TICKET: core::ops::RangeInclusive<u16> = 60..=1400;

/// The handshake is over as `conn.outcome` says: from here on the connection carries requests.
/// `leftover`: the segment that ended it goes on behind it.
#[inline(always)]
pub fn begin<const EGRESS: bool>(conn: &mut Conn, leftover: bool, cookie: u64) {
    conn.turn.protocol = match (conn.outcome, conn.flow) {
        (tls::NOT_TLS, _) => turn::CLEAR,
        (tls::DONE, tls::FLOW_13) => turn::TLS_13,
        (tls::DONE, _) => turn::TLS_12,
        _ => turn::UNKNOWN,
    };
    if EGRESS && conn.early_data == 1 {
        let now_ns = conn.tls_start_ns;
        request(conn, now_ns, cookie);
        if conn.answer.half_rtt != 0 {
            answered_early(conn);
        }
    } else if EGRESS && leftover {
        let now_ns = conn.egress.now_ns;
        request(conn, now_ns, cookie);
    } else if !EGRESS && conn.flight > 1 {
        answered_at_once(conn);
    }
}

/// The request went out behind the client's last flight, and only its answer told where that ended.
#[inline(always)]
fn answered_at_once(conn: &mut Conn) {
    conn.turn.number = 1;
    let answer = &mut conn.answer;
    answer.broken = 1;
    answer.ready_ns = conn.ingress.now_ns;
    answer_begins(answer, 1, conn.ingress.now_ns);
}

/// Records came before the client's Finished, and they may be the response to early data or tickets (RFC 8446 2.3): the
/// turn is answered, and when it was cannot be told.
#[inline(always)]
fn answered_early(conn: &mut Conn) {
    let now_ns = conn.egress.now_ns;
    conn.answer.broken = 1;
    answer_begins(&mut conn.answer, 1, now_ns);
}

/// The process sent a segment after the handshake.
#[inline(always)]
pub fn sent(conn: &mut Conn, skb: *mut __sk_buff, segment: &Segment, now_ns: u64, cookie: u64) {
    if !is_new(&mut conn.sent, segment) {
        return;
    }
    if conn.turn.protocol != turn::CLEAR {
        let length = only_record(skb, segment);
        if is_control(length) || is_key_update(length) {
            return;
        }
        if SETTINGS_ACK.contains(&(length & 0xffff)) {
            conn.turn.h2 = 1;
        }
    }
    request(conn, now_ns, cookie);
}

/// The process received a segment after the handshake.
#[inline(always)]
pub fn received(conn: &mut Conn, skb: *mut __sk_buff, segment: &Segment, now_ns: u64) {
    let gap = after(segment.sequence, conn.got.next) && conn.got.started == 1;
    if gap || conn.answer.holes == 1 {
        return received_with_holes(conn, skb, segment, now_ns, gap);
    }
    if conn.turn.protocol == turn::TLS_13 && conn.turn.number <= 1 && conn.answer.broken == 0 {
        follow_records(conn, skb, segment, now_ns);
    }
    if is_new(&mut conn.got, segment) && !is_no_answer(conn, skb, segment) {
        arrived(conn, now_ns);
    }
}

/// A segment went missing or came late, and the application cannot read what lies behind it: only the segment that
/// fills the hole makes data ready.
#[inline(never)]
fn received_with_holes(
    conn: &mut Conn,
    skb: *mut __sk_buff,
    segment: &Segment,
    now_ns: u64,
    gap: bool,
) {
    // The records of a first turn cannot be followed over a hole.
    conn.answer.broken = 1;
    // SAFETY: the context; the helper gives the socket's figures or null.
    let Some(readable) = (unsafe { segment::readable_to(skb) }) else {
        return;
    };
    conn.answer.holes = u8::from(gap || readable != conn.got.next);
    let end = segment.sequence.wrapping_add(segment.length);
    let fills = !after(segment.sequence, readable) && after(end, readable);
    let is_new = is_new(&mut conn.got, segment);
    if fills {
        if !is_no_answer(conn, skb, segment) {
            arrived(conn, now_ns);
        }
    } else if conn.answer.holes == 1 && (is_new || after(end, readable)) {
        // The answer goes on, out of reach.
        if conn.turn.number != 0 && conn.answer.answered == conn.turn.number {
            answer_goes_on(&mut conn.answer, now_ns);
        }
    }
}

/// The segment is no part of a response: a control record, or an interim response.
#[inline(always)]
fn is_no_answer(conn: &Conn, skb: *mut __sk_buff, segment: &Segment) -> bool {
    let waits = conn.answer.answered != conn.turn.number;
    let is_tls = matches!(conn.turn.protocol, turn::TLS_12 | turn::TLS_13);
    if waits && !is_tls && is_interim(skb, segment) {
        return true;
    }
    if conn.turn.protocol == turn::CLEAR {
        return false;
    }
    let record = only_record(skb, segment);
    // While a response is under way, what is as long as a KeyUpdate is the last chunk of a body (RFC 9112 7.1).
    let under_way = conn.turn.number != 0 && !waits;
    is_control(record)
        || (is_key_update(record) && !under_way)
        || (waits && CONTINUE_RECORD.contains(&(record & 0xffff)))
}

/// Data of a response can be read.
#[inline(always)]
fn arrived(conn: &mut Conn, now_ns: u64) {
    let (turn, answer) = (&conn.turn, &mut conn.answer);
    if answer.ready_ns <= turn.read_ns {
        answer.ready_ns = now_ns;
    }
    if turn.number == 0 {
        return;
    }
    if answer.answered == turn.number {
        answer_goes_on(answer, now_ns);
    } else if elapsed(now_ns, turn.start_ns).is_some() {
        answer_begins(answer, turn.number, now_ns);
    }
    // What came before the request had left is the end of the response before it, which has been reported.
}

/// The first byte of the response to request `number`. Whoever sees that it is answered sees the times of its answer.
#[inline(always)]
fn answer_begins(answer: &mut Answer, number: u32, now_ns: u64) {
    answer.first_ns = now_ns;
    answer.last_ns = now_ns;
    compiler_fence(Ordering::Release);
    answer.answered = number;
}

/// More of the response. Segments that two CPUs receive at once may come here in either order.
#[inline(always)]
fn answer_goes_on(answer: &mut Answer, now_ns: u64) {
    if now_ns > answer.last_ns {
        answer.last_ns = now_ns;
    }
}

/// The request at hand has been answered; the times of the answer are read after this.
#[inline(always)]
pub fn is_answered(conn: &Conn) -> bool {
    let is_answered = conn.answer.answered == conn.turn.number;
    compiler_fence(Ordering::Acquire);
    is_answered
}

/// Request bytes: a new turn, unless the last request is still unanswered.
#[inline(always)]
fn request(conn: &mut Conn, now_ns: u64, cookie: u64) {
    if conn.answer.answered != conn.turn.number || only_tickets(conn) {
        return;
    }
    if conn.turn.number != 0 {
        if conn.turn.told == 0 {
            waiting::over(conn, cookie, now_ns);
        }
        conn.turn.told = 0;
        conn.turn.previous_ns = conn.answer.last_ns;
    }
    // The segment has a time from before it passed, and a response may have come since.
    conn.turn.start_ns = if now_ns < conn.turn.previous_ns {
        conn.turn.previous_ns
    } else {
        now_ns
    };
    conn.turn.pickup_ns = 0;
    // Whoever sees the request sees when it began.
    compiler_fence(Ordering::Release);
    conn.turn.number += 1;
}

/// Two or more records of one size, as tickets are, and nothing else: the request is going on.
#[inline(always)]
fn only_tickets(conn: &Conn) -> bool {
    let (answer, lengths) = (&conn.answer, &conn.lengths);
    conn.turn.protocol == turn::TLS_13
        && conn.turn.number == 1
        && answer.broken == 0
        && answer.half_rtt == 0
        && (answer.records == 2 || answer.records == 4)
        && TICKET.contains(&lengths[0])
        && lengths[0] == lengths[1]
        && (answer.records == 2 || (lengths[2] == lengths[0] && lengths[3] == lengths[0]))
}

/// Reports the turn at hand.
#[inline(always)]
pub fn finish(conn: &Conn, ended: u8, cookie: u64, now_ns: u64) {
    let written = if has_evidence(conn) {
        emit::try_record_at(
            now_ns,
            kind::FIRST_TURN,
            cookie,
            |record: &mut FirstTurnRecord| {
                fill_first(conn, ended, record);
            },
        )
    } else {
        emit::try_record_at(now_ns, kind::TURN, cookie, |record: &mut TurnRecord| {
            fill(conn, ended, record);
        })
    };
    if !written {
        overflow::turned(conn);
    }
}

/// The first turn over TLS 1.3.
#[inline(always)]
pub fn has_evidence(conn: &Conn) -> bool {
    conn.turn.protocol == turn::TLS_13 && conn.turn.number == 1
}

/// Everything but the header.
#[inline(always)]
pub fn fill(conn: &Conn, ended: u8, record: &mut TurnRecord) {
    let (turn, answer) = (&conn.turn, &conn.answer);
    let answered = is_answered(conn);
    record.start_ns = turn.start_ns;
    record.first_ns = if answered { answer.first_ns } else { 0 };
    record.last_ns = if answered { answer.last_ns } else { 0 };
    record.previous_ns = turn.previous_ns;
    record.pickup_ns = turn.pickup_ns;
    record.pickup_run_queue_ns = if turn.pickup_ns < SLOW_PICKUP_NS {
        UNMEASURED
    } else {
        conn.pickup_run_queue_ns
    };
    record.number = turn.number;
    record.protocol = turn.protocol;
    record.ended = ended;
    record.h2 = turn.h2;
    record.adopted = conn.adopted;
}

/// Everything but the header.
#[inline(always)]
pub fn fill_first(conn: &Conn, ended: u8, record: &mut FirstTurnRecord) {
    fill(conn, ended, &mut record.turn);
    record.finished_ns = conn.tls_end_ns;
    record.times_ns = conn.times_ns;
    record.lengths = conn.lengths;
    record.records = conn.answer.records;
    record.early = conn.answer.early;
    record.broken = conn.answer.broken;
    record.half_rtt = conn.answer.half_rtt;
    record.early_length = conn.answer.early_length;
    record.pad = [0; 6];
}

/// The segment has bytes beyond those seen; they are seen now.
#[inline(always)]
fn is_new(edge: &mut Edge, segment: &Segment) -> bool {
    let end = segment.sequence.wrapping_add(segment.length);
    if edge.started == 1 && !after(end, edge.next) {
        return false;
    }
    edge.started = 1;
    edge.next = end;
    true
}

/// Type (upper half) and length (lower half) of the TLS record that is the whole segment; 0 when it is
/// none. Only short segments are looked at.
#[inline(always)]
fn only_record(skb: *mut __sk_buff, segment: &Segment) -> u32 {
    const LONGEST: u32 = 56;
    let mut header = [0u8; 8];
    if segment.length < RECORD_HEADER || segment.length > LONGEST {
        return 0;
    }
    // SAFETY: the context; five bytes into eight.
    let status = unsafe {
        bpf_skb_load_bytes(
            skb.cast(),
            segment.offset,
            header.as_mut_ptr().cast(),
            RECORD_HEADER,
        )
    };
    let length = (u32::from(header[3]) << 8) | u32::from(header[4]);
    if status != 0 || header[1] != 3 || length + RECORD_HEADER != segment.length {
        return 0;
    }
    (u32::from(header[0]) << 16) | length
}

/// An alert: neither request nor response.
#[inline(always)]
fn is_control(record: u32) -> bool {
    record >> 16 == u32::from(ALERT) || record == DATA | ALERT_13
}

/// Tells whether a record is as long as a KeyUpdate.
#[inline(always)]
fn is_key_update(record: u32) -> bool {
    record == DATA | KEY_UPDATE_13
}

/// The segment is an interim response in clear.
#[inline(always)]
fn is_interim(skb: *mut __sk_buff, segment: &Segment) -> bool {
    const STATUS: [u8; 4] = *b" 100";
    const STATUS_AT: u32 = 8;
    const END: [u8; 4] = *b"\r\n\r\n";
    if segment.length < BARE_CONTINUE || segment.length > LONGEST_INTERIM {
        return false;
    }
    let word = |at: u32| {
        // SAFETY: the context.
        unsafe { segment::load::<4>(skb, segment.offset + at) }.map(u32::from_ne_bytes)
    };
    word(STATUS_AT) == Some(u32::from_ne_bytes(STATUS))
        && word(segment.length - 4) == Some(u32::from_ne_bytes(END))
}

/// Notes the records of the first turn while they come in order.
#[inline(always)]
fn follow_records(conn: &mut Conn, skb: *mut __sk_buff, segment: &Segment, now_ns: u64) {
    let end = segment.sequence.wrapping_add(segment.length);
    if after(end, conn.got.next) {
        let stream = &mut conn.ingress;
        stream.now_ns = now_ns;
        stream.position = bytes_between(segment.sequence, conn.got.next);
        stream.length = segment.length;
        walk::<false, _>(
            conn,
            &Packet {
                skb,
                offset: segment.offset,
            },
        );
    }
}

/// A record received after the handshake; for the walk. Those that are no response at any rate are left out.
#[inline(always)]
pub fn note_record(conn: &mut Conn, length: u32) {
    let answer = &mut conn.answer;
    if length == ALERT_13 || length == KEY_UPDATE_13 || CONTINUE_RECORD[..2].contains(&length) {
        return;
    }
    if conn.turn.number == 0 {
        if answer.early == 0 {
            answer.early_length = length as u16;
        }
        answer.early = answer.early.wrapping_add(1);
        return;
    }
    if (answer.records as usize) < EVIDENCE {
        let at = masked::<{ EVIDENCE as u64 - 1 }>(answer.records);
        conn.lengths[at] = length as u16;
        conn.times_ns[at] = conn.ingress.now_ns;
    }
    answer.records = answer.records.wrapping_add(1);
}

/// Request bytes are being answered or have been, and nobody was told yet.
#[inline(always)]
pub fn is_carrying(conn: &Conn) -> bool {
    conn.turn.number != 0 && conn.turn.told == 0 && conn.phase == phase::OVER
}
