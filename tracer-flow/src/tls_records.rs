//! TLS records after the handshake, on connections that speak HTTP/2 or may speak it: which ones begin and end in each
//! segment. User space joins their times with the frames that probes have read, or infers requests from their lengths.
//!
//! Whether a connection speaks HTTP/2 is told by the length of the server's EncryptedExtensions, by an acknowledgement of
//! settings among the client's first records, or by the TLS object that writes to the socket.

use tracer_common::{
    config::http2,
    http2::{Passed, passed, records},
    record::{direction, handshake, tls, turn},
};

use crate::{
    conn::{Conn, PADS_SENT, Stream, follows},
    difference::{after, before, bytes_between},
    evidence, order,
    outside::{Loops, Outside, TlsRecordPassed},
    record_search,
    segment::Segment,
    source::{Packet, Source},
    tls::{
        APPLICATION_DATA, CHANGE_CIPHER_SPEC, HEARTBEAT, LONGEST_RECORD, RECORDS_A_SEGMENT,
        read_header, record_length, skip_body,
    },
};

/// Bytes of the header of a record.
const HEADER: u32 = 5;
/// Records of the client in which a sign of HTTP/2 is looked for, or segments without a record; and records of the server
/// within which it comes.
const MOST_SENT: u8 = 10;
const MOST_RECEIVED: u8 = 64;
/// Lengths of a record with nothing but EncryptedExtensions (RFC 8446 4.3.1) that chooses HTTP/2; that chooses HTTP/1.1, or
/// nothing. Four bytes are added when the server acknowledges the name, and four when it accepts early data.
const HTTP_2: [u8; 3] = [32, 36, 40];
const NOT_HTTP_2: [u8; 6] = [23, 27, 31, 38, 42, 46];
/// Lengths of records with an acknowledgement of settings, alone or before a WINDOW_UPDATE (RFC 9113 6.5, 6.9): TLS 1.3, and
/// TLS 1.2 with AES-GCM and ChaCha20.
const ACKNOWLEDGEMENT_13: [u32; 2] = [9 + 17, 22 + 17];
const ACKNOWLEDGEMENT_12: [u32; 4] = [9 + 24, 22 + 24, 9 + 16, 22 + 16];

/// Begins after a handshake that has ended with a segment. `EGRESS`: the client sent it.
#[inline(always)]
pub(crate) fn begin<const EGRESS: bool, P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    outside: &mut O,
) {
    if outside.http2() == http2::OFF {
        return;
    }
    if conn.outcome == tls::UNKNOWN {
        return conn.follow_from_here(follows::UNDECIDED);
    }
    if conn.outcome != tls::DONE {
        return;
    }
    conn.follows = chosen(conn);
    if conn.follows == follows::NOTHING {
        return;
    }
    let (sent, got) = (conn.sent.next, conn.got.next);
    conn.egress.records = 0;
    conn.ingress.records = 0;
    conn.egress.begin_records(sent);
    conn.ingress.begin_records(got);
    note_unseen(conn, EGRESS);
    if !EGRESS && conn.out_of_order != 0 {
        // The current segment is not the one that has ended the handshake.
        conn.ingress.in_step = 0;
        conn.ingress.gap = 1;
        return;
    }
    if EGRESS {
        early_records(conn, outside);
    }
    let stream = stream_of::<EGRESS>(conn);
    stream.base = segment.sequence.wrapping_add(stream.position);
    let now_ns = stream.now_ns;
    follow::<EGRESS, P, O>(conn, packet, segment, now_ns, outside);
}

/// Way in which the connection is to be followed, as far as the handshake tells.
#[inline(always)]
fn chosen(conn: &Conn) -> u8 {
    let length = conn.first_encrypted;
    if conn.flow != tls::FLOW_13 {
        follows::UNDECIDED
    } else if HTTP_2.contains(&length) {
        follows::RECORDS
    } else if NOT_HTTP_2.contains(&length) {
        follows::NOTHING
    } else {
        follows::UNDECIDED
    }
}

/// Notes which side has sent application data before the end of the handshake: early data, a request before the server's
/// Finished (RFC 7918), or a client's last flight whose end was not seen.
#[inline(always)]
fn note_unseen(conn: &mut Conn, egress: bool) {
    let began_early = conn.early_data == 1 || conn.flight > 1 || conn.request.start_ns != 0;
    if began_early {
        conn.egress.gap = 1;
    }
    if conn.flight != 0 && !egress {
        conn.ingress.gap = 1;
    }
}

/// Reports the records that the server sent between its Finished and the client's. Only their lengths were noted, so their
/// places are counted back from the last one.
#[inline(always)]
fn early_records<O: Outside>(conn: &mut Conn, outside: &mut O) {
    let count = usize::from(conn.response.half_rtt);
    if count > turn::EVIDENCE {
        conn.ingress.gap = 1;
        return;
    }
    let mut sequence = conn.ingress.base.wrapping_add(conn.ingress.skip);
    sequence = before(sequence, conn.ingress.have);
    let mut at = 0;
    while at < turn::EVIDENCE {
        if at < count {
            sequence = before(sequence, HEADER + u32::from(conn.lengths[at]));
        }
        at += 1;
    }
    let mut at = 0;
    while at < turn::EVIDENCE {
        let is_last = at + 1 == count;
        let goes_on = is_last && conn.ingress.skip != 0;
        if at < count {
            let ends = if goes_on { 0 } else { passed::ENDS };
            let (length, flags) = (u32::from(conn.lengths[at]), passed::BEGINS | ends);
            conn.ingress.is_open = u8::from(goes_on);
            let passed = Passed {
                length: length as u16,
                kind: APPLICATION_DATA,
                flags,
            };
            report::<false, O>(conn, passed, sequence, outside);
            sequence = sequence.wrapping_add(HEADER + length);
        }
        at += 1;
    }
}

/// Follows the records of a segment.
#[inline(never)]
pub(crate) fn follow<const EGRESS: bool, P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    now_ns: u64,
    outside: &mut O,
) {
    if !EGRESS && order::fills_gap(&conn.ingress, packet, segment) {
        outside.late(conn.cookie, segment.sequence, now_ns);
    }
    if !advance(stream_of::<EGRESS>(conn), segment, now_ns) {
        return;
    }
    if stream_of::<EGRESS>(conn).in_step == 0 && !find_step::<EGRESS, P, O>(conn, packet) {
        return give_up::<EGRESS>(conn);
    }
    if EGRESS && conn.bound == 0 {
        bind(conn, packet, now_ns, outside);
    }
    if !EGRESS {
        let is_new = |to| after(conn.egress.base, to);
        conn.ingress.unacknowledged = u8::from(packet.acknowledged().is_some_and(is_new));
    }
    ends::<EGRESS, O>(conn, outside);
    // The closure holds only pointers, so that the verifier sees the same state in every iteration.
    O::repeat(RECORDS_A_SEGMENT, || {
        step::<EGRESS, P, O>(conn, packet, outside)
    });
    give_up::<EGRESS>(conn);
}

/// Makes the new bytes of a segment the current ones; false if there are none. Bytes that are missing before them are passed
/// over if they belong to the body of a record.
#[inline(always)]
fn advance(stream: &mut Stream, segment: &Segment, now_ns: u64) -> bool {
    let mut position = 0;
    if stream.want == 0 {
        stream.want = HEADER;
    } else if !after(segment.end(), stream.base) {
        return false;
    } else if after(segment.sequence, stream.base) {
        let missing = bytes_between(stream.base, segment.sequence);
        if stream.in_step == 1 && stream.have == 0 && stream.skip >= missing {
            stream.skip -= missing;
        } else {
            stream.in_step = 0;
        }
    } else {
        position = bytes_between(segment.sequence, stream.base);
    }
    stream.now_ns = now_ns;
    stream.position = position;
    stream.length = segment.length;
    stream.base = segment.end();
    true
}

/// Looks where a record begins in the segment, so that records can be followed again.
#[inline(always)]
fn find_step<const EGRESS: bool, S: Source, L: Loops>(conn: &mut Conn, source: &S) -> bool {
    let stream = stream_of::<EGRESS>(conn);
    stream.gap = 1;
    let found = record_search::find::<S, L>(source, stream.position, stream.length);
    if let Some(position) = found {
        stream.position = position;
        stream.in_step = 1;
        stream.skip = 0;
        stream.have = 0;
        stream.want = HEADER;
    } else {
        stream.records = stream.records.saturating_add(1);
    }
    found.is_some()
}

#[inline(always)]
fn is_record(kind: u8, version: u8, length: u32) -> bool {
    (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind) && version == 3 && length <= LONGEST_RECORD
}

/// Ends the search for a sign of HTTP/2.
#[inline(always)]
fn give_up<const EGRESS: bool>(conn: &mut Conn) {
    let most = if EGRESS { MOST_SENT } else { MOST_RECEIVED };
    if conn.follows == follows::UNDECIDED && stream_of::<EGRESS>(conn).records >= most {
        conn.follows = follows::NOTHING;
    }
}

/// Asks for the TLS object that writes to the socket, when a record with application data begins in the segment.
#[inline(always)]
fn bind<S: Source, O: Outside>(conn: &mut Conn, source: &S, now_ns: u64, outside: &mut O) {
    let stream = &conn.egress;
    let at = stream.position.wrapping_add(stream.skip);
    if stream.have != 0 || stream.skip >= bytes_between(stream.position, stream.length) {
        return;
    }
    if outside.http2() != http2::FRAMES || source.bytes::<1>(at) != Some([APPLICATION_DATA]) {
        return;
    }
    let is_first = stream.records == 0 && stream.gap == 0 && conn.adopted == 0;
    if outside.bind(conn.cookie, is_first, now_ns) {
        conn.bound = 1;
        conn.follows = follows::RECORDS;
    }
}

#[inline(always)]
fn stream_of<const EGRESS: bool>(conn: &mut Conn) -> &mut Stream {
    if EGRESS {
        &mut conn.egress
    } else {
        &mut conn.ingress
    }
}

/// Reports the end of the record that began in an earlier segment, if it is in this one.
#[inline(always)]
fn ends<const EGRESS: bool, O: Outside>(conn: &mut Conn, outside: &mut O) {
    let stream = stream_of::<EGRESS>(conn);
    if stream.is_open == 0 || stream.skip > bytes_between(stream.position, stream.length) {
        return;
    }
    stream.is_open = 0;
    let length = record_length(stream);
    let passed = Passed {
        length: length as u16,
        kind: stream.header[0],
        flags: passed::ENDS,
    };
    let end = place(stream).wrapping_add(stream.skip);
    report::<EGRESS, O>(conn, passed, before(end, HEADER + length), outside);
}

/// Passes over the rest of a record, and reads the next header; true at the end.
#[inline(always)]
fn step<const EGRESS: bool, S: Source, O: Outside>(
    conn: &mut Conn,
    source: &S,
    outside: &mut O,
) -> bool {
    let stream = stream_of::<EGRESS>(conn);
    if !skip_body(stream) || !read_header(stream, source) {
        return true;
    }
    let (kind, length) = (stream.header[0], record_length(stream));
    stream.have = 0;
    if !is_record(kind, stream.header[1], length) {
        lose::<EGRESS>(conn);
        return true;
    }
    stream.skip = length;
    begins::<EGRESS, O>(conn, kind, length, outside);
    false
}

/// Notes that bytes could not be followed. The rest of the segment is passed over.
#[inline(always)]
fn lose<const EGRESS: bool>(conn: &mut Conn) {
    let stream = stream_of::<EGRESS>(conn);
    stream.in_step = 0;
    stream.gap = 1;
    if !EGRESS {
        conn.response.broken = 1;
    }
}

/// Handles a record that begins.
#[inline(always)]
fn begins<const EGRESS: bool, O: Outside>(conn: &mut Conn, kind: u8, length: u32, outside: &mut O) {
    let stream = stream_of::<EGRESS>(conn);
    stream.records = stream.records.saturating_add(1);
    if EGRESS {
        if conn.follows == follows::UNDECIDED && kind == APPLICATION_DATA {
            look_for_sign(conn, length);
        }
    } else if conn.handshake == handshake::OVER
        && conn.request.protocol == turn::TLS_13
        && conn.request.number <= 1
        && conn.response.broken == 0
    {
        evidence::note_record(conn, length);
    }
    let stream = stream_of::<EGRESS>(conn);
    let goes_on = length > bytes_between(stream.position, stream.length);
    stream.is_open = u8::from(goes_on);
    let ends = if goes_on { 0 } else { passed::ENDS };
    let passed = Passed {
        length: length as u16,
        kind,
        flags: passed::BEGINS | ends,
    };
    let sequence = before(place(stream), HEADER);
    report::<EGRESS, O>(conn, passed, sequence, outside);
}

/// Sequence number of the byte at the position in the current segment.
#[inline(always)]
fn place(stream: &Stream) -> u32 {
    before(stream.base, bytes_between(stream.position, stream.length))
}

/// Takes a record of the client that is as long as an acknowledgement of settings for a sign of HTTP/2.
#[inline(always)]
fn look_for_sign(conn: &mut Conn, length: u32) {
    let length = conn.without_padding(PADS_SENT, length);
    let is_sign = if conn.flow == tls::FLOW_13 {
        ACKNOWLEDGEMENT_13.contains(&length)
    } else {
        conn.flow == tls::FLOW_12 && ACKNOWLEDGEMENT_12.contains(&length)
    };
    if is_sign {
        conn.follows = follows::RECORDS;
    }
}

/// Reports a record that begins or ends in the segment. `sequence`: that of the first byte of its header.
#[inline(always)]
fn report<const EGRESS: bool, O: Outside>(
    conn: &mut Conn,
    passed: Passed,
    sequence: u32,
    outside: &mut O,
) {
    let cookie = conn.cookie;
    let stream = stream_of::<EGRESS>(conn);
    let mut about = if stream.gap == 1 { records::GAP } else { 0 };
    stream.gap = 0;
    if stream.unacknowledged == 1 {
        about |= records::UNACKNOWLEDGED;
    }
    let record = TlsRecordPassed {
        now_ns: stream.now_ns,
        cookie,
        direction: if EGRESS {
            direction::EGRESS
        } else {
            direction::INGRESS
        },
        flags: about,
        sequence,
        passed,
    };
    outside.passed(&record);
}
