//! A connection on the host: segments of both directions go through the code that the kernel programs run, and its
//! reports are kept.

use alloc::{boxed::Box, vec::Vec};

use tracer_common::{
    counter::Counter,
    http2::Frame,
    record::{BriefTurn, FirstTurnRecord, TunnelRecord, TurnRecord, TurnsHead, handshake, turn},
};

use crate::{
    close,
    conn::Conn,
    difference::{after, bytes_between},
    outside::{ClearPiece, TlsRecordPassed},
    packet,
    pickup::{self, Progress},
    segment::Segment,
    source::{Packet, Source},
};

mod around;

use around::Around;

/// Something that was found out about a connection.
#[derive(Clone, Debug)]
pub enum Report {
    /// Bytes of the hellos, or of the first request in clear.
    Bytes(Bytes),
    /// Note, one of `record::note`.
    Note(u8),
    /// Time from the last byte of the last response to its last read, microseconds.
    ReadLate(u32),
    /// Outcome of a handshake.
    Handshake(Handshake),
    /// End of an exchange with a proxy. The header of the record is zero.
    Tunnel(TunnelRecord),
    /// First turn over TLS 1.3. The header of the record is zero.
    FirstTurn(FirstTurnRecord),
    /// Any other turn. The header of the record is zero.
    Turn(TurnRecord),
    /// Batch of turns. The header of the record is zero.
    Turns(TurnsHead, Vec<BriefTurn>),
    /// TLS record of a connection that may speak HTTP/2.
    Passed(TlsRecordPassed),
    /// Sequence number of a segment that fills a gap before TLS records, and its time, ns.
    Late(u32, u64),
    /// TLS object of the connection: whether it is with the first application data, and the time, ns.
    Bound(bool, u64),
    /// Bytes of HTTP/2 in clear, and the frames in them.
    Frames(ClearPiece, Vec<Frame>),
}

/// Bytes of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// Position in the stream.
    pub offset: u32,
    /// Direction, one of `record::direction`.
    pub direction: u8,
    /// 1: the stream is not TLS.
    pub clear: u8,
    /// Bytes from there on.
    pub bytes: Vec<u8>,
}

/// Outcome of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Time of the first byte of the ClientHello, ns.
    pub start_ns: u64,
    /// Time of the end, ns; 0 where the outcome gives none.
    pub end_ns: u64,
    /// Outcome, one of `record::tls`.
    pub outcome: u8,
    /// `FLOW_12`, `FLOW_13` or 0.
    pub flow: u8,
    /// 1: the server finished first in TLS 1.2 or older.
    pub resumed: u8,
    /// 1: 0-RTT data was sent.
    pub early_data: u8,
    /// Side that ended a handshake that failed.
    pub ended_by: u8,
    /// Alert level and description.
    pub alert: [u8; 2],
}

/// A connection, its surroundings, and the receiving half of its socket.
pub struct Driver {
    conn: Box<Conn>,
    around: Around,
    socket: Socket,
    /// Acknowledgement number of the segments of the server, unless they cover everything.
    acknowledged: Option<u32>,
}

impl Driver {
    /// Connection that begins with the SYN of the client and that of the server, whose sequence numbers are given.
    pub fn new(client_syn: u32, server_syn: u32) -> Self {
        let mut conn = Box::new(Conn::zeroed());
        conn.traced = 1;
        conn.cookie = 1;
        let mut driver = Self {
            conn,
            around: Around::default(),
            socket: Socket {
                read_to: server_syn.wrapping_add(1),
                readable_to: server_syn.wrapping_add(1),
                early: Vec::new(),
            },
            acknowledged: None,
        };
        driver.take::<true>(client_syn, true, &[], 0);
        driver.take::<false>(server_syn, true, &[], 0);
        driver
    }

    /// Connection that was open before tracing began; the socket has all bytes before `server_next` in order.
    pub fn adopted(server_next: u32) -> Self {
        let mut driver = Self::new(0, bytes_between(1, server_next));
        *driver.conn = Conn::zeroed();
        driver.conn.traced = 1;
        driver.conn.cookie = 1;
        driver.conn.adopted = 1;
        driver.conn.handshake = handshake::UNKNOWN;
        driver
    }

    /// Reads HTTP/2 in this way from now on, one of `config::http2`.
    pub fn read_http_2(&mut self, mode: u32) {
        self.around.http2 = mode;
    }

    /// Binds a TLS object when it is asked for, from now on.
    pub fn let_bind(&mut self) {
        self.around.binds = true;
    }

    /// Takes a segment that the process has sent.
    pub fn sent(&mut self, sequence: u32, bytes: &[u8], now_ns: u64) {
        self.take::<true>(sequence, false, bytes, now_ns);
    }

    /// Takes a segment that the process has received.
    pub fn received(&mut self, sequence: u32, bytes: &[u8], now_ns: u64) {
        self.take::<false>(sequence, false, bytes, now_ns);
        self.socket
            .receive(sequence, sequence.wrapping_add(bytes.len() as u32));
    }

    /// Lets the socket receive bytes whose packets are not seen.
    pub fn missed(&mut self, sequence: u32, length: u32) {
        self.socket.receive(sequence, sequence.wrapping_add(length));
    }

    /// Acknowledges everything before `next` with the segments of the server from now on.
    pub fn acknowledge(&mut self, next: u32) {
        self.acknowledged = Some(next);
    }

    /// Lets the application read all data.
    pub fn read(&mut self, now_ns: u64) {
        self.read_some(u32::MAX, now_ns);
    }

    /// Lets the application read so many bytes, or all there are.
    pub fn read_some(&mut self, most: u32, now_ns: u64) {
        let progress = self.socket.read(most);
        pickup::read(&mut self.conn, now_ns, progress, |_| turn::UNMEASURED);
    }

    /// Closes the connection. `closer`: one of `record::closer`.
    pub fn close(&mut self, closer: u8, now_ns: u64) {
        close::begin(&mut self.conn, closer, now_ns, &mut self.around);
        close::finish_handshake(&mut self.conn, &mut self.around);
        close::finish_turns(&mut self.conn, now_ns, &mut self.around);
        self.conn.request.reported = 1;
    }

    /// State of the connection.
    pub fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Everything reported so far, in order.
    pub fn reports(&self) -> &[Report] {
        &self.around.reports
    }

    /// Counters that were added to so far, in order.
    pub fn counted(&self) -> &[Counter] {
        &self.around.counted
    }

    fn take<const EGRESS: bool>(&mut self, sequence: u32, syn: bool, bytes: &[u8], now_ns: u64) {
        let packet = SlicePacket {
            payload: Slice(bytes),
            now_ns,
            readable_to: self.socket.readable_to,
            acknowledged: self.acknowledged.unwrap_or(self.conn.egress.base),
        };
        let segment = Segment {
            sequence,
            length: bytes.len() as u32,
            syn,
        };
        packet::take::<EGRESS, _, _>(&mut self.conn, &packet, &segment, &mut self.around);
    }
}

/// Payload in memory.
pub struct Slice<T>(pub T);

impl<T: AsRef<[u8]>> Source for Slice<T> {
    unsafe fn load(&self, position: u32, to: *mut u8, length: u32) -> bool {
        let from = position as usize;
        let Some(bytes) = self.0.as_ref().get(from..from + length as usize) else {
            return false;
        };
        // SAFETY: the caller's buffer holds `length` bytes, and is not the payload.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        true
    }
}

/// A packet in memory.
struct SlicePacket<'a> {
    payload: Slice<&'a [u8]>,
    now_ns: u64,
    readable_to: u32,
    acknowledged: u32,
}

impl Source for SlicePacket<'_> {
    unsafe fn load(&self, position: u32, to: *mut u8, length: u32) -> bool {
        // SAFETY: as promised by the caller.
        unsafe { self.payload.load(position, to, length) }
    }
}

impl Packet for SlicePacket<'_> {
    fn time_ns<const EGRESS: bool>(&self) -> u64 {
        self.now_ns
    }

    fn readable_to(&self) -> Option<u32> {
        Some(self.readable_to)
    }

    fn acknowledged(&self) -> Option<u32> {
        Some(self.acknowledged)
    }
}

/// Receiving half of a socket: the bytes that it has in order, and those beyond a gap.
struct Socket {
    read_to: u32,
    readable_to: u32,
    /// Beginnings and ends of segments beyond the gap.
    early: Vec<(u32, u32)>,
}

impl Socket {
    fn read(&mut self, most: u32) -> Progress {
        let there = bytes_between(self.read_to, self.readable_to);
        self.read_to = self.read_to.wrapping_add(most.min(there));
        Progress {
            read_to: self.read_to,
            received_to: self.readable_to,
        }
    }

    fn receive(&mut self, from: u32, to: u32) {
        self.early.push((from, to));
        while let Some(at) = self
            .early
            .iter()
            .position(|(from, _)| !after(*from, self.readable_to))
        {
            let (_, to) = self.early.swap_remove(at);
            if after(to, self.readable_to) {
                self.readable_to = to;
            }
        }
    }
}
