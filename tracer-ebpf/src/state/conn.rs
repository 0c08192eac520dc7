//! The state of one traced connection, in its socket's own storage: no lookup by address, no
//! lifetime to manage, gone with the socket.

use core::sync::atomic::{Ordering, compiler_fence};

use tracer_common::record::{COMM_LEN, TurnsRecord, handshake, turn};

/// Progress of one direction.
#[repr(C)]
pub struct Edge {
    /// Next sequence number in order.
    pub next: u32,
    /// 1: `next` is set.
    pub started: u32,
}

/// A direction of a connection as far as the TLS handshake needs it. Egress is written under the socket lock, ingress
/// by the receive path: the two never write the same fields.
#[repr(C)]
pub struct Stream {
    /// Time of the segment at hand, ns.
    pub now_ns: u64,
    /// Sequence number of the first payload byte.
    pub base: u32,
    /// Body bytes of the current record still to come.
    pub skip: u32,
    /// Position in the segment at hand.
    pub position: u32,
    /// Payload length of the segment at hand.
    pub length: u32,
    /// Record header as far as it has arrived, and up to two bytes behind it. 16 for the verifier.
    pub header: [u8; 16],
    /// Bytes in `header`.
    pub have: u32,
    /// Bytes that `header` needs before the record is looked at: 5, 6 or 7.
    pub want: u32,
    /// Records seen, saturating.
    pub records: u8,
    /// 1: a ChangeCipherSpec went by.
    pub change_cipher: u8,
    /// 1: a Finished of TLS 1.2 or older went by.
    pub finished: u8,
    /// 1: a record of type application data went by.
    pub application: u8,
    pub pad: [u8; 4],
}

/// Everything known of one connection. All zero when made.
///
/// Client and server may run on different CPUs, and the receive path on either: what a packet of a busy
/// connection touches lies in three cache lines: one that nobody writes by then, and one per writer. A value
/// begins eight bytes into a line, behind what tells whose it is (`struct bpf_local_storage_data`), which every
/// lookup reads.
#[repr(C)]
pub struct Conn {
    // First line: read for every packet, seldom written.
    /// 1: the socket is traced.
    pub traced: u8,
    /// State of the handshake, one of [`handshake`]. A later one than LAST_FLIGHT needs no more packets.
    pub handshake: u8,
    /// Outcome to be reported: `record::tls`, 0 while there is none.
    pub outcome: u8,
    /// Record flow: `record::tls::FLOW_12`, `FLOW_13` or 0.
    pub flow: u8,
    /// Side that closes first: `record::closer`.
    pub closer: u8,
    /// 1: open before tracing began.
    pub adopted: u8,
    /// TLS 1.2: the server finished first.
    pub resumed: u8,
    /// 0-RTT data was sent.
    pub early_data: u8,
    /// Socket cookie.
    pub cookie: u64,
    /// Time of the call of connect, ns; 0 when that was before tracing began.
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
    /// The request at hand.
    pub request: Request,
    /// Run-queue latency in the pickup of the turn, ns, or `record::turn::UNMEASURED`. Set with a pickup that is
    /// slow.
    pub pickup_run_queue_ns: u64,
    /// First byte of the ClientHello, ns.
    pub tls_start_ns: u64,

    // Third line: the receive path.
    /// Progress of the bytes received.
    pub got: Edge,
    /// The response at hand.
    pub response: Response,
    /// End of the handshake, ns.
    pub tls_end_ns: u64,
    /// SYN segments sent again.
    pub syn_retransmits: u16,
    /// Side that sent the alert or spoilt the handshake.
    pub ended_by: u8,
    /// Alert level and description.
    pub alert: [u8; 2],
    /// Records of the client's last flight (TLS 1.3) so far.
    pub flight: u8,
    /// Segments put into the out-of-order queue so far.
    pub out_of_order: u8,
    /// 1: the record of its connect found the ring full, so that user space does not know of it.
    pub untold: u8,

    // The rest.
    /// comm of the owner.
    pub comm: [u8; COMM_LEN],
    // For handshakes and first turns; behind them a batch of turns is here: `Conn::batch`.
    /// Direction from the process.
    pub egress: Stream,
    /// Direction to the process.
    pub ingress: Stream,
    /// Ingress: arrival of the first records of the first turn (TLS 1.3), ns.
    pub times_ns: [u64; turn::EVIDENCE],
    /// Ingress: their lengths.
    pub lengths: [u16; turn::EVIDENCE],
}

/// The request at hand; written by egress and the reading process, both under the socket lock.
#[repr(C)]
pub struct Request {
    /// First byte of the request, ns.
    pub start_ns: u64,
    /// Last byte of the response before it, ns.
    pub previous_ns: u64,
    /// The application last read, ns.
    pub read_ns: u64,
    /// Worst wait of this turn for the application, ns.
    pub pickup_ns: u64,
    /// Requests so far.
    pub number: u32,
    /// `record::turn` protocol.
    pub protocol: u8,
    /// Looks like HTTP/2.
    pub h2: u8,
    /// 1: it was reported when the process closed its end.
    pub reported: u8,
    /// Turns before it that are in the batch and were not reported yet.
    pub batched: u8,
}

/// The response at hand; written by ingress.
#[repr(C)]
pub struct Response {
    /// First byte of the response, ns.
    pub first_ns: u64,
    /// Last byte of the response so far, ns.
    pub last_ns: u64,
    /// Data has been waiting in the socket since, ns.
    pub ready_ns: u64,
    /// Number of the request that has been answered.
    pub answered: u32,
    /// Records received in the first turn.
    pub records: u32,
    /// Records received before the first request.
    pub early: u16,
    /// Length of the first of them.
    pub early_length: u16,
    /// Records of the first turn could not be followed.
    pub broken: u8,
    /// A record of the size of the server's Finished went by (TLS 1.3).
    pub server_finished: u8,
    /// Records behind it, before the client's Finished.
    pub half_rtt: u8,
    /// 1: segments are missing, and what came behind them cannot be read yet.
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
    /// The batch of turns that are to be reported together: those of a connection whose second turn has begun, so that what its
    /// handshake and its first turn needed is no more. `request.batched` of them are set.
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

    /// The request at hand has been answered; the times of the response are read after this.
    #[inline(always)]
    pub fn is_answered(&self) -> bool {
        let is_answered = self.response.answered == self.request.number;
        compiler_fence(Ordering::Acquire);
        is_answered
    }

    /// The turn at hand is the first one over TLS 1.3, whose records are passed to user space.
    #[inline(always)]
    pub fn has_evidence(&self) -> bool {
        self.request.protocol == turn::TLS_13 && self.request.number == 1
    }

    /// Request bytes are being answered or have been, and were not reported yet.
    #[inline(always)]
    pub fn is_carrying(&self) -> bool {
        self.request.number != 0 && self.request.reported == 0 && self.handshake == handshake::OVER
    }
}
