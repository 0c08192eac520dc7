//! Turns: request bytes out, then response bytes in. TLS alerts and KeyUpdates belong to neither, and the interim
//! response that asks for a request's body is no response. Session tickets of TLS 1.3 look like a response here: so the
//! records of a first turn are passed to user space.

use core::sync::atomic::{Ordering, compiler_fence};

use tracer_common::{
    config::http2,
    record::{handshake, note, tls, turn},
};

use crate::{
    batch,
    clear::{self, Beginning, Line, beginning, end_of_header},
    clear_frames,
    conn::{Conn, Edge, PADS_RECEIVED, PADS_SENT, Response, follows},
    control,
    difference::{after, bytes_between, elapsed},
    evidence, hello, inner, interim, late_certificate,
    lengths::{ALERT_13, CONTINUE_RECORD, KEY_UPDATE_13, SETTINGS_ACK},
    one_way,
    outside::{Outside, Reports},
    pickup,
    segment::Segment,
    source::{Packet, Source},
    tls::walk,
    unknown,
};

const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;
const RECORD_HEADER: u32 = 5;
/// Type of a record of application data, as [`only_record`] gives it.
const DATA: u32 = (APPLICATION_DATA as u32) << 16;
/// Interim responses in one segment at most.
const INTERIM_RESPONSES: u32 = 4;

/// Starts the turns after a handshake that has ended with `conn.outcome`. `leftover`: the segment that ended the
/// handshake has more bytes.
#[inline(always)]
pub(crate) fn begin<const EGRESS: bool, R: Reports>(
    conn: &mut Conn,
    leftover: bool,
    cookie: u64,
    reports: &mut R,
) {
    conn.request.protocol = match (conn.outcome, conn.flow) {
        (tls::NOT_TLS, _) => turn::CLEAR,
        (tls::DONE, tls::FLOW_13) => turn::TLS_13,
        (tls::DONE, _) => turn::TLS_12,
        _ => turn::UNKNOWN,
    };
    if EGRESS && conn.early_data == 1 {
        let now_ns = conn.tls_start_ns;
        request(conn, now_ns, cookie, reports);
        if conn.response.half_rtt != 0 {
            answered_early(conn);
        }
    } else if EGRESS && leftover {
        let now_ns = conn.egress.now_ns;
        request(conn, now_ns, cookie, reports);
    } else if !EGRESS && conn.flight > 1 {
        answered_at_once(conn);
    } else if !EGRESS && conn.request.start_ns != 0 {
        began_early(conn, leftover);
    }
}

/// Notes a request that was sent before the server's Finished came (False Start, RFC 7918). `leftover`: the segment with
/// that Finished has the beginning of the answer, too.
#[inline(always)]
fn began_early(conn: &mut Conn, leftover: bool) {
    conn.request.number = 1;
    if leftover {
        let now_ns = conn.ingress.now_ns;
        conn.response.ready_ns = now_ns;
        answer_begins(&mut conn.response, 1, now_ns);
    }
}

/// Notes a request that was sent after the client's last flight. Only its answer showed where the flight ended.
#[inline(always)]
fn answered_at_once(conn: &mut Conn) {
    conn.request.number = 1;
    let answer = &mut conn.response;
    answer.broken = 1;
    answer.ready_ns = conn.ingress.now_ns;
    answer_begins(answer, 1, conn.ingress.now_ns);
}

/// Notes that records came before the client's Finished, which may be tickets or the response to early data (RFC 8446
/// 2.3): the turn counts as answered, and the time of its answer is unknown.
#[inline(always)]
fn answered_early(conn: &mut Conn) {
    let now_ns = conn.egress.now_ns;
    conn.response.broken = 1;
    answer_begins(&mut conn.response, 1, now_ns);
}

/// Handles a segment that the process sent after the handshake.
#[inline(always)]
pub(crate) fn sent<S: Source, R: Reports>(
    conn: &mut Conn,
    source: &S,
    segment: &Segment,
    now_ns: u64,
    cookie: u64,
    reports: &mut R,
) {
    let position = new_from(&conn.sent, segment);
    if !is_new(&mut conn.sent, segment) || conn.upgraded == 1 {
        return;
    }
    let is_request = if conn.request.protocol == turn::CLEAR {
        begins_in_clear(conn, source, segment, position, now_ns, cookie, reports)
    } else {
        begins_over_tls(conn, source, segment, position, now_ns, reports)
    };
    if is_request {
        request(conn, now_ns, cookie, reports);
    }
}

/// True if the new bytes of a segment in clear, from `position` on, begin a request.
#[inline(always)]
fn begins_in_clear<S: Source, R: Reports>(
    conn: &mut Conn,
    source: &S,
    segment: &Segment,
    position: u32,
    now_ns: u64,
    cookie: u64,
    reports: &mut R,
) -> bool {
    let is_over = conn.response.answered == conn.request.number;
    if !is_over {
        return false;
    }
    let line = clear::line_of(source, position, segment.length);
    if line == Line::None {
        // The rest of a body whose answer came early, or another protocol from the first byte on.
        if conn.request.number == 0 {
            unknown::is_other(conn, reports);
        }
        return false;
    }
    if line == Line::Connect {
        asks_for_tunnel(conn, now_ns, cookie, reports);
        return false;
    }
    conn.asks_head = u8::from(line == Line::Head);
    if conn.forwards == 1 {
        hello::capture_forwarded(source, position, segment.length, conn, now_ns, reports);
    }
    true
}

/// True if the new bytes of a segment over TLS, from `position` on, may be a request or a part of one.
#[inline(always)]
fn begins_over_tls<S: Source, R: Reports>(
    conn: &mut Conn,
    source: &S,
    segment: &Segment,
    position: u32,
    now_ns: u64,
    reports: &mut R,
) -> bool {
    let (is_over, length) = (
        conn.response.answered == conn.request.number,
        segment.length,
    );
    let from = if is_over || conn.sent_rest != 0 {
        control::skip(&mut conn.sent_rest, source, position, length)
    } else {
        position
    };
    if from >= length {
        return false;
    }
    if one_way::shows(conn, now_ns) {
        drop_turns(conn);
        reports.note(conn, note::ONE_WAY);
        return false;
    }
    if conn.inferred == 1 && is_over && !unknown::speaks_http_1(conn, source, from, reports) {
        if conn.said != 0 {
            drop_turns(conn);
        }
        return false;
    }
    if is_over
        && conn.inferred == 0
        && conn.request.h2 == 0
        && !may_begin(conn, source, from, length, now_ns, reports)
    {
        return false;
    }
    let length = conn.without_padding(PADS_SENT, only_record(source, segment));
    if is_control(length) || is_key_update(length) {
        return false;
    }
    if SETTINGS_ACK.contains(&(length & 0xffff)) {
        conn.request.h2 = 1;
    }
    if conn.request.number == 0 && conn.request.protocol == turn::TLS_13 {
        evidence::note_first_sent(conn, source, from);
    }
    true
}

/// True if the record of the client at `from`, behind an answer, may begin a request: it is no part of a handshake, no message
/// of another protocol, and no body that the server has agreed to.
#[inline(always)]
fn may_begin<S: Source, R: Reports>(
    conn: &mut Conn,
    source: &S,
    from: u32,
    length: u32,
    now_ns: u64,
    reports: &mut R,
) -> bool {
    if late_certificate::is_sent(conn, source, from, length) {
        return false;
    }
    let length = control::data_length(source, from);
    let length = conn.without_padding(PADS_SENT, length);
    if inner::is_handshake(conn, length) {
        drop_turns(conn);
        reports.note(conn, note::TLS_INSIDE);
        return false;
    }
    if is_message(conn, length) {
        switched(conn, reports);
        return false;
    }
    if interim::asks_for_body(conn, length, now_ns) {
        interim::goes_on(conn);
        return false;
    }
    conn.request_length = length as u16;
    conn.shorts = 0;
    true
}

/// Ends the turns of a connection that has carried requests to a proxy and is now to become a tunnel: what follows is
/// not known.
#[inline(always)]
fn asks_for_tunnel<R: Reports>(conn: &mut Conn, now_ns: u64, cookie: u64, reports: &mut R) {
    stop(conn, now_ns, cookie, reports);
    reports.note(conn, note::MIDDLE);
}

/// True for a record that is too short for a request of HTTP/1.1 on a connection that has carried one: a message of an
/// upgraded connection, or the end of a body whose answer came early. `length`: that of the record without padding.
#[inline(always)]
fn is_message(conn: &Conn, length: u32) -> bool {
    conn.request.number != 0
        && conn.request.h2 == 0
        && length != 0
        && length < unknown::HTTP_2
        && !control::is_control_length(length)
        && !SETTINGS_ACK.contains(&length)
}

/// Counts a record that is too short for a request. So many in a row show that the server has switched protocols.
#[inline(always)]
fn switched<R: Reports>(conn: &mut Conn, reports: &mut R) {
    const ENOUGH: u8 = 3;
    conn.shorts += 1;
    if conn.shorts == ENOUGH {
        conn.upgraded = 1;
        reports.note(conn, note::UPGRADED);
    }
}

/// Drops the turns that were not reported, because they were no requests. User space takes back those before.
#[inline(always)]
fn drop_turns(conn: &mut Conn) {
    conn.request.batched = 0;
    conn.request.reported = 1;
    conn.handshake = handshake::NO_REQUESTS;
}

/// Ends the turns of a connection: what follows is not known. The current turn has been answered.
#[inline(always)]
fn stop<R: Reports>(conn: &mut Conn, now_ns: u64, cookie: u64, reports: &mut R) {
    batch::report(conn, cookie, now_ns, reports);
    if conn.request.number != 0 && conn.request.reported == 0 {
        reports.turn(conn, turn::NEXT, cookie, now_ns);
        conn.request.reported = 1;
    }
    conn.handshake = handshake::NO_REQUESTS;
}

/// Handles a segment that the process received after the handshake.
#[inline(always)]
pub(crate) fn received<P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    now_ns: u64,
    outside: &mut O,
) {
    if conn.upgraded == 1 {
        return;
    }
    let gap = after(segment.sequence, conn.got.next) && conn.got.started == 1;
    if gap || conn.response.holes == 1 {
        return received_with_holes(conn, packet, segment, now_ns, gap, outside);
    }
    if conn.request.protocol == turn::TLS_13
        && conn.request.number <= 1
        && conn.response.broken == 0
        && conn.follows == follows::NOTHING
    {
        follow_records::<P, O>(conn, packet, segment, now_ns);
    }
    let position = new_from(&conn.got, segment);
    if conn.response.answered != conn.request.number {
        conn.answer_from = conn.got.next;
    }
    if is_new(&mut conn.got, segment)
        && !is_no_answer(conn, packet, segment, position, now_ns, outside)
    {
        if conn.request.protocol == turn::CLEAR && conn.response.answered != conn.request.number {
            hello::capture_response(packet, position, segment.length, conn, now_ns, outside);
        }
        arrived(conn, now_ns);
    }
}

/// Handles a segment received while others are missing. The application cannot read beyond the hole: only the segment
/// that fills it makes data ready.
#[inline(never)]
fn received_with_holes<P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    now_ns: u64,
    gap: bool,
    outside: &mut O,
) {
    // The records of a first turn cannot be followed across a hole, nor can the rest of a control record.
    conn.response.broken = 1;
    conn.got_rest = 0;
    let Some(readable) = packet.readable_to() else {
        return;
    };
    conn.response.holes = u8::from(gap || readable != conn.got.next);
    let end = segment.end();
    let fills = !after(segment.sequence, readable) && after(end, readable);
    let is_new = is_new(&mut conn.got, segment);
    if fills {
        let position = bytes_between(segment.sequence, readable);
        if !is_no_answer(conn, packet, segment, position, now_ns, outside) {
            arrived(conn, now_ns);
        }
    } else if conn.response.holes == 1 && (is_new || after(end, readable)) {
        // The response goes on after the hole, where it cannot be read.
        if conn.request.number != 0 && conn.response.answered == conn.request.number {
            answer_goes_on(&mut conn.response, now_ns);
        }
    }
}

/// True if the segment is no part of a response, but a control record, an interim response, or a notice of the server
/// that nobody asked for. The bytes from `position` on are new.
#[inline(always)]
fn is_no_answer<P: Packet, O: Outside>(
    conn: &mut Conn,
    source: &P,
    segment: &Segment,
    position: u32,
    now_ns: u64,
    outside: &mut O,
) -> bool {
    let waits = conn.response.answered != conn.request.number;
    let is_tls = matches!(conn.request.protocol, turn::TLS_12 | turn::TLS_13);
    if waits && !is_tls && is_interim(conn, source, segment, position, now_ns, outside) {
        return true;
    }
    if conn.request.protocol == turn::CLEAR {
        return !waits && is_notice(conn, source, position, now_ns);
    }
    let length = segment.length;
    if (waits || conn.got_rest != 0)
        && control::skip(&mut conn.got_rest, source, position, length) >= length
    {
        return true;
    }
    let record = conn.without_padding(PADS_RECEIVED, only_record(source, segment));
    // While a response is under way, a record as long as a KeyUpdate is the last chunk of a body (RFC 9112 7.1).
    let under_way = conn.request.number != 0 && !waits;
    is_control(record)
        || (is_key_update(record) && !under_way)
        || (waits && CONTINUE_RECORD.contains(&(record & 0xffff)))
}

/// True if all new bytes belong to interim responses (RFC 9110 15.2). Notes a switch of protocols, which is an answer.
#[inline(always)]
fn is_interim<P: Packet, O: Outside>(
    conn: &mut Conn,
    source: &P,
    segment: &Segment,
    position: u32,
    now_ns: u64,
    outside: &mut O,
) -> bool {
    let (mut at, mut responses) = (position, 0);
    while responses < INTERIM_RESPONSES {
        responses += 1;
        if conn.interim == 0 {
            match beginning(source, at) {
                Beginning::Interim => conn.interim = 1,
                Beginning::Switching => {
                    switches(conn, source, segment, at, now_ns, outside);
                    return false;
                }
                Beginning::Final | Beginning::Other => return false,
            }
        }
        match end_of_header::<P, O>(source, at, conn.interim - 1) {
            Ok(end) => at = end,
            Err(matched) => {
                conn.interim = 1 + matched;
                return true;
            }
        }
        conn.interim = 0;
        if at >= segment.length {
            return true;
        }
    }
    false
}

/// Notes that the server switches protocols. What follows is not HTTP/1.1, and may be HTTP/2 in clear.
#[inline(always)]
fn switches<P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    position: u32,
    now_ns: u64,
    outside: &mut O,
) {
    conn.upgraded = 1;
    outside.note(conn, note::UPGRADED);
    if outside.http2() == http2::FRAMES
        && conn.request.protocol == turn::CLEAR
        && let Ok(end) = end_of_header::<P, O>(packet, position, 0)
    {
        let cookie = conn.cookie;
        batch::report(conn, cookie, now_ns, outside);
        clear_frames::begin_behind(conn, packet, segment, end, now_ns, outside);
    }
}

/// True for a response that begins on an idle connection, such as 408 before the server closes: nobody asked for it.
#[inline(always)]
fn is_notice<S: Source>(conn: &Conn, source: &S, position: u32, now_ns: u64) -> bool {
    conn.request.number != 0
        && elapsed(now_ns, conn.response.last_ns).is_some_and(|idle_ns| idle_ns >= turn::WAIT_NS)
        && beginning(source, position) != Beginning::Other
}

/// Notes that data of a response can be read.
#[inline(always)]
fn arrived(conn: &mut Conn, now_ns: u64) {
    let (turn, answer) = (&conn.request, &mut conn.response);
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
    // Data from before the request was sent are the end of the previous response, which has been reported.
}

/// Notes the first byte of the response to request `number`. A reader that sees it as answered also sees the times of
/// its answer.
#[inline(always)]
fn answer_begins(answer: &mut Response, number: u32, now_ns: u64) {
    answer.first_ns = now_ns;
    answer.last_ns = now_ns;
    compiler_fence(Ordering::Release);
    answer.answered = number;
}

/// Notes more of the response. Segments that two CPUs receive at once may come here in either order.
#[inline(always)]
fn answer_goes_on(answer: &mut Response, now_ns: u64) {
    if now_ns > answer.last_ns {
        answer.last_ns = now_ns;
    }
}

/// Notes request bytes: they begin a new turn, unless the last request is still unanswered.
#[inline(always)]
fn request<R: Reports>(conn: &mut Conn, now_ns: u64, cookie: u64, reports: &mut R) {
    if conn.response.answered != conn.request.number
        || evidence::only_tickets(conn)
        || pickup::leaves_answer_unread(conn)
    {
        return;
    }
    if conn.request.number != 0 {
        if conn.request.reported == 0 {
            batch::over(conn, cookie, now_ns, reports);
        }
        conn.request.reported = 0;
        conn.request.previous_ns = pickup::over_ns(conn);
    }
    // The time of the segment is from before its packet got here; a response may have come since.
    conn.request.start_ns = if now_ns < conn.request.previous_ns {
        conn.request.previous_ns
    } else {
        now_ns
    };
    conn.request.pickup_ns = 0;
    // A reader that sees the request also sees its begin.
    compiler_fence(Ordering::Release);
    conn.request.number += 1;
}

/// Position of the first byte of a segment that was not seen before.
#[inline(always)]
fn new_from(edge: &Edge, segment: &Segment) -> u32 {
    if edge.started == 1 && after(edge.next, segment.sequence) {
        bytes_between(segment.sequence, edge.next)
    } else {
        0
    }
}

/// True if the segment has bytes that were not seen before; marks them as seen.
#[inline(always)]
fn is_new(edge: &mut Edge, segment: &Segment) -> bool {
    let end = segment.end();
    if edge.started == 1 && !after(end, edge.next) {
        return false;
    }
    edge.started = 1;
    edge.next = end;
    true
}

/// Type (upper half) and length (lower half) of a TLS record that fills the segment; 0 if there is none. Only short
/// segments are checked.
#[inline(always)]
fn only_record<S: Source>(source: &S, segment: &Segment) -> u32 {
    const LONGEST: u32 = 72;
    let mut header = [0u8; 8];
    if segment.length < RECORD_HEADER || segment.length > LONGEST {
        return 0;
    }
    // SAFETY: the array has more bytes than a record's header.
    let is_loaded = unsafe { source.load(0, header.as_mut_ptr(), RECORD_HEADER) };
    let length = (u32::from(header[3]) << 8) | u32::from(header[4]);
    if !is_loaded || header[1] != 3 || length + RECORD_HEADER != segment.length {
        return 0;
    }
    (u32::from(header[0]) << 16) | length
}

/// True for an alert, which is neither request nor response.
#[inline(always)]
fn is_control(record: u32) -> bool {
    record >> 16 == u32::from(ALERT) || record == DATA | ALERT_13
}

/// Tells whether a record is as long as a KeyUpdate.
#[inline(always)]
fn is_key_update(record: u32) -> bool {
    record == DATA | KEY_UPDATE_13
}

/// Notes the records of the first turn as long as they come in order.
#[inline(always)]
fn follow_records<S: Source, L: Outside>(
    conn: &mut Conn,
    source: &S,
    segment: &Segment,
    now_ns: u64,
) {
    let end = segment.end();
    if after(end, conn.got.next) {
        let stream = &mut conn.ingress;
        stream.now_ns = now_ns;
        stream.position = bytes_between(segment.sequence, conn.got.next);
        stream.length = segment.length;
        walk::<false, S, L>(conn, source);
    }
}
