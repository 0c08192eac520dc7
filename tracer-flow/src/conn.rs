//! State of one traced connection. In the kernel it is in the storage of its socket: it needs no lookup by address, and
//! is freed with the socket.

use core::sync::atomic::{Ordering, compiler_fence};

use tracer_common::record::{COMM_LEN, TurnsRecord, handshake, turn};

use crate::lengths::PADDING;

/// Progress of one direction.
#[repr(C)]
pub struct Edge {
    /// Next sequence number in order.
    pub next: u32,
    /// 1: `next` is set.
    pub started: u32,
}

/// State of the TLS handshake in one direction. Egress is written under the socket lock, ingress by the receive path:
/// the two never write the same fields.
#[repr(C)]
pub struct Stream {
    /// Time of the current segment, ns.
    pub now_ns: u64,
    /// Sequence number of the first payload byte. HTTP/2: that of the next byte to be followed.
    pub base: u32,
    /// Bytes of the current record that have not come yet.
    pub skip: u32,
    /// Position in the current segment.
    pub position: u32,
    /// Payload length of the current segment.
    pub length: u32,
    /// Received part of the record header, and up to two bytes after it. The size of 16 is for the verifier.
    pub header: [u8; 16],
    /// Bytes in `header`.
    pub have: u32,
    /// Bytes needed in `header` before the record is examined: 5, 6 or 7.
    pub want: u32,
    /// Records seen, saturating.
    pub records: u8,
    /// 1: a ChangeCipherSpec has passed.
    pub change_cipher: u8,
    /// 1: a Finished of TLS 1.2 or older has passed.
    pub finished: u8,
    /// 1: a record of type application data has passed.
    pub application: u8,
    /// HTTP/2: 1: the place of the next record is known.
    pub in_step: u8,
    /// HTTP/2: 1: records before the next one were not seen.
    pub gap: u8,
    /// HTTP/2: 1: the acknowledgement of the current segment does not cover everything that the client has sent.
    pub unacknowledged: u8,
    /// HTTP/2: 1: the end of the current record has not been reported.
    pub is_open: u8,
}

impl Stream {
    /// Makes the direction begin at `base`.
    #[inline(always)]
    pub(crate) fn restart(&mut self, base: u32) {
        self.base = base;
        self.skip = 0;
        self.have = 0;
        self.want = 5;
        self.records = 0;
        self.change_cipher = 0;
        self.finished = 0;
        self.application = 0;
        self.begin_records(base);
    }

    /// Makes records after the handshake begin with the next byte that is `next`.
    #[inline(always)]
    pub(crate) fn begin_records(&mut self, next: u32) {
        self.base = next;
        self.in_step = 1;
        self.gap = 0;
        self.unacknowledged = 0;
        self.is_open = 0;
    }
}

/// Values of [`Conn::follows`].
pub mod follows {
    /// The connection is not followed: it does not speak HTTP/2, or HTTP/2 is not to be read.
    pub const NOTHING: u8 = 0;
    /// TLS records are followed, since the connection may speak HTTP/2.
    pub const UNDECIDED: u8 = 1;
    /// TLS records are followed.
    pub const RECORDS: u8 = 2;
    /// Frames in clear are followed.
    pub const FRAMES: u8 = 3;
}

/// Exchange with a proxy that the client asks for a tunnel.
#[repr(C)]
pub struct Exchange {
    /// Time of its first byte, ns.
    pub start_ns: u64,
    /// Time of its end, ns.
    pub end_ns: u64,
    /// Status of the answer, as in `TunnelRecord`.
    pub status: u16,
    /// Number of bytes for the current step of the answer.
    pub left: u16,
    /// Kind, one of `record::tunnel`.
    pub kind: u8,
    /// Meaning of the next byte of the answer.
    pub step: u8,
    /// Verdict on the answer so far.
    pub verdict: u8,
    /// 1: nothing has come since the last end of a line.
    pub line_begins: u8,
    /// Number of tunnels opened before.
    pub inside: u8,
    /// Zero.
    pub pad: [u8; 7],
}

/// Bit of [`Conn::pads`]: the client pads.
pub const PADS_SENT: u8 = 1;
/// Bit of [`Conn::pads`]: the server pads.
pub const PADS_RECEIVED: u8 = 2;

/// State of one connection. All zero when made.
///
/// Client and server may run on different CPUs, and the receive path on either. So the fields that packets of a busy
/// connection use are in three cache lines: one that is not written any more, and one for each writer. A value begins
/// eight bytes into a line, after the header of the storage (`struct bpf_local_storage_data`), which every lookup
/// reads.
#[repr(C)]
pub struct Conn {
    // First line: read for every packet, seldom written.
    /// 1: the socket is traced.
    pub traced: u8,
    /// State of the handshake, one of [`handshake`]. In a state after LAST_FLIGHT no more packets are needed.
    pub handshake: u8,
    /// Outcome to report: `record::tls`, 0 while there is none.
    pub outcome: u8,
    /// Record flow: `record::tls::FLOW_12`, `FLOW_13` or 0.
    pub flow: u8,
    /// Side that closes first: `record::closer`.
    pub closer: u8,
    /// 1: open before tracing began.
    pub adopted: u8,
    /// Way in which HTTP/2 is followed, one of [`follows`].
    pub follows: u8,
    /// 1: 0-RTT data was sent.
    pub early_data: u8,
    /// Socket cookie.
    pub cookie: u64,
    /// Time of the call of connect, ns; 0 if it was before tracing began.
    pub start_ns: u64,
    /// Time when the connection was established, ns.
    pub established_ns: u64,
    /// Time when the connection left ESTABLISHED, ns.
    pub closing_ns: u64,
    /// cgroup-v2 id of the owner.
    pub cgroup: u64,
    /// Process id of the owner.
    pub tgid: u32,
    /// Network namespace.
    pub netns: u32,

    // Second line: the sending and the reading process.
    /// Progress of the bytes sent.
    pub sent: Edge,
    /// The current request.
    pub request: Request,
    /// Time of the first byte of the ClientHello, ns.
    pub tls_start_ns: u64,

    // Third line: the receive path.
    /// Progress of the bytes received.
    pub got: Edge,
    /// The current response.
    pub response: Response,
    /// Sequence number after the last byte that has come from the server, wherever gaps are; 0 before the first one.
    pub reach: u32,
    /// Bytes that did not come in their order: sum of the gaps that were not closed at once.
    pub gap_bytes: u32,
    /// Number of retransmitted SYN segments.
    pub syn_retransmits: u16,
    /// Side that sent the alert or broke the handshake.
    pub ended_by: u8,
    /// Alert level and description.
    pub alert: [u8; 2],
    /// Records of the client's last flight (TLS 1.3) that have been sent so far.
    pub flight: u8,
    /// Number of segments put into the out-of-order queue.
    pub out_of_order: u8,
    /// 1: the record of the connect found the ring full, so user space does not know the connection.
    pub untold: u8,

    // The rest.
    /// comm of the owner.
    pub comm: [u8; COMM_LEN],
    /// TCP state of the last change that was seen; 0 before the first one.
    pub tcp_state: u8,
    /// 1: the connection leads to a name server, so it carries no requests.
    pub dns: u8,
    /// 1: packets of the socket are not watched, because it is in a cgroup beside the one that the trace is about.
    pub unwatched: u8,
    /// 1: the socket is a subflow of an MPTCP socket, so reads of the process are not seen.
    pub mptcp: u8,
    /// 1: the server has switched protocols, so what follows is not HTTP.
    pub upgraded: u8,
    /// 0, or the header of an interim response is under way: 1, and one for each byte of its end that has come.
    pub interim: u8,
    /// Length of a record with a Finished of TLS 1.3 and no padding, from the cipher suite of the ServerHello; 0 if that
    /// was not read.
    pub finished_13: u8,
    /// Sides that pad their records of TLS 1.3: [`PADS_SENT`], [`PADS_RECEIVED`].
    pub pads: u8,
    /// 1: the connection carries a protocol other than HTTP.
    pub other: u8,
    /// Note on a connection with unknown bytes that was reported last, one of `record::note`.
    pub said: u8,
    /// 1: only the lengths of records tell that the connection carries HTTP/1.1.
    pub inferred: u8,
    /// 1: the last bytes of the client were those of a control record, in bytes of unknown meaning.
    pub behind_control: u8,
    /// 1: a segment behind the end of the handshake was in the out-of-order queue.
    pub answer_queued: u8,
    /// 1: the client sends its requests to a forward proxy.
    pub forwards: u8,
    /// Number of records that are too short for a request, since the last request.
    pub shorts: u8,
    /// Number of pauses of a client that nothing has answered.
    pub pauses: u8,
    /// 1: TLS 1.2, and the server's Finished came first.
    pub resumed: u8,
    /// Zero.
    pub pads_2: [u8; 3],
    /// Bytes of a control record of the client that have not been sent yet.
    pub sent_rest: u32,
    /// Bytes of a control record of the server that have not come yet.
    pub got_rest: u32,
    /// Time at which the client last sent a part of its first request over TLS, ns; 0 if it did so once only.
    pub sent_ns: u64,
    /// Exchange with a proxy.
    pub exchange: Exchange,
    /// Run-queue latency within the pickup of the turn, ns, or `record::turn::UNMEASURED`. Set together with a slow
    /// pickup.
    pub pickup_run_queue_ns: u64,
    /// Sequence number after the byte that is marked, if [`Request::marked_ns`] is set.
    pub mark: u32,
    /// Length of the client's first record after a handshake of TLS 1.3, without its padding; 0 if it is not known.
    pub sent_length: u16,
    /// Length of the first record of the second request over TLS; 0 if that is not known.
    pub second_length: u16,
    /// Sequence number at which the response begins.
    pub answer_from: u32,
    /// Length of the first record of the request over TLS; 0 if that is not known.
    pub request_length: u16,
    /// Length of the server's first encrypted record (TLS 1.3), or 255 if it is longer; 0 if none has come.
    pub first_encrypted: u8,
    /// 1: the TLS object that writes to the socket has been reported.
    pub bound: u8,
    /// Time of the end of the handshake, ns.
    pub tls_end_ns: u64,
    /// Time at which the last gap in the server's bytes was found, ns.
    pub gap_ns: u64,
    /// Sequence number at which that gap begins.
    pub gap_from: u32,
    /// Bytes of that gap that have not come.
    pub gap_left: u32,
    /// Number of gaps that were not closed at once.
    pub gaps: u32,
    /// 1: the current request, which is not the first one, asks for the head of its response only.
    pub asks_head: u8,
    /// Zero.
    pub pads_3: [u8; 3],
    // For handshakes, first turns and HTTP/2; else the batch of turns is stored here later: `Conn::batch`.
    /// Direction from the process.
    pub egress: Stream,
    /// Direction to the process.
    pub ingress: Stream,
    /// Ingress: arrival times of the first records of the first turn (TLS 1.3), ns.
    pub times_ns: [u64; turn::EVIDENCE],
    /// Ingress: lengths of these records.
    pub lengths: [u16; turn::EVIDENCE],
}

/// The current request; written by egress and by the reading process, both under the socket lock.
#[repr(C)]
pub struct Request {
    /// Time of the first byte of the request, ns.
    pub start_ns: u64,
    /// Time of the last byte of the previous response, ns.
    pub previous_ns: u64,
    /// Time when the application last read, ns.
    pub read_ns: u64,
    /// Time of arrival of the byte whose wait for the application is measured next, ns: 0, or a read has left data in the
    /// socket, and the last of them is marked.
    pub marked_ns: u64,
    /// Longest time that data of this turn waited for the application, ns.
    pub pickup_ns: u64,
    /// Number of requests so far.
    pub number: u32,
    /// `record::turn` protocol.
    pub protocol: u8,
    /// 1: the connection looks like HTTP/2.
    pub h2: u8,
    /// 1: the turn was reported when the process closed its end.
    pub reported: u8,
    /// Number of earlier turns in the batch, not reported yet.
    pub batched: u8,
}

/// The current response; written by ingress.
#[repr(C)]
pub struct Response {
    /// Time of the first byte of the response, ns.
    pub first_ns: u64,
    /// Time of the last byte of the response so far, ns.
    pub last_ns: u64,
    /// Time since which data is waiting in the socket, ns.
    pub ready_ns: u64,
    /// Number of the request that has been answered.
    pub answered: u32,
    /// Number of records received in the first turn.
    pub records: u32,
    /// Number of records received before the first request.
    pub early: u16,
    /// Length of the first of these records.
    pub early_length: u16,
    /// 1: the records of the first turn could not be followed.
    pub broken: u8,
    /// 1: a record of the size of the server's Finished has passed (TLS 1.3).
    pub server_finished: u8,
    /// Number of records between that one and the client's Finished.
    pub half_rtt: u8,
    /// 1: segments are missing, and the data after them cannot be read yet.
    pub holes: u8,
}

const _: () = {
    const LINE: usize = 64;
    const HEAD: usize = 8;
    assert!(core::mem::offset_of!(Conn, sent) + HEAD == LINE);
    assert!(core::mem::offset_of!(Conn, got) + HEAD == 2 * LINE);
    assert!(core::mem::offset_of!(Conn, comm) + HEAD == 3 * LINE);
    assert!(core::mem::offset_of!(Conn, egress) + size_of::<TurnsRecord>() <= size_of::<Conn>());
};

impl Conn {
    /// State of a new connection, as the kernel makes it.
    pub const fn zeroed() -> Self {
        // SAFETY: plain integers.
        unsafe { core::mem::zeroed() }
    }

    /// Batch of turns to report together. It is used once the second turn has begun: the state of handshake and first
    /// turn is not needed any more, and the batch is stored in its place. `request.batched` turns are set.
    #[inline(always)]
    pub fn batch(&mut self) -> &mut TurnsRecord {
        // SAFETY: from `egress` on the struct has room for the record, aligned for it, as checked above; both are plain
        // integers.
        unsafe {
            &mut *(&raw mut *self)
                .byte_add(core::mem::offset_of!(Conn, egress))
                .cast()
        }
    }

    /// Follows the TLS records of both directions from here on, wherever they are. `state`: one of [`follows`].
    #[inline(always)]
    pub fn follow_from_here(&mut self, state: u8) {
        if self.follows == follows::NOTHING {
            for stream in [&mut self.egress, &mut self.ingress] {
                stream.restart(0);
                stream.want = 0;
                stream.in_step = 0;
                stream.gap = 1;
            }
        }
        self.follows = state;
    }

    /// True if the current request has been answered; times of the response must be read after this.
    #[inline(always)]
    pub fn is_answered(&self) -> bool {
        let is_answered = self.response.answered == self.request.number;
        compiler_fence(Ordering::Acquire);
        is_answered
    }

    /// Length of a record without the padding of its side, or the type and length as one number.
    #[inline(always)]
    pub fn without_padding(&self, side: u8, record: u32) -> u32 {
        if self.pads & side != 0 && record & 0xffff > PADDING {
            record - PADDING
        } else {
            record
        }
    }

    /// True for the first turn over TLS 1.3: its records are passed to user space.
    #[inline(always)]
    pub fn has_evidence(&self) -> bool {
        self.request.protocol == turn::TLS_13 && self.request.number == 1
    }

    /// True if a request is waiting, being answered or answered, and has not been reported.
    #[inline(always)]
    pub fn is_carrying(&self) -> bool {
        self.request.number != 0 && self.request.reported == 0 && self.handshake == handshake::OVER
    }
}
