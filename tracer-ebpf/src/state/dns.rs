//! Owner of a socket that queries port 53, and its latest queries.

use tracer_common::record::COMM_LEN;

/// Number of queries that are kept for a socket.
pub const ASKED: usize = 8;

/// Owner of a socket, and progress of each direction. All zero when made.
#[repr(C)]
pub struct DnsOwner {
    /// cgroup-v2 id of the owner.
    pub cgroup: u64,
    /// Process id of the owner.
    pub tgid: u32,
    pub pad: u32,
    /// comm of the owner.
    pub comm: [u8; COMM_LEN],
    /// Progress of sent messages; written on egress only.
    pub sent: Progress,
    /// Progress of received messages; written on ingress only.
    pub received: Progress,
    /// The latest queries over UDP; written on egress, except for `unanswered`.
    pub asked: [Asked; ASKED],
    /// Number of queries over UDP so far.
    pub queries: u32,
    pub pad_asked: u32,
}

impl DnsOwner {
    /// True if the socket carried DNS over TCP, or some of its queries over UDP may lack an answer.
    #[inline(always)]
    pub fn has_unanswered(&self) -> bool {
        self.sent.started == 1 || self.sent.packets != self.received.packets
    }
}

/// A query over UDP, until it is answered.
#[repr(C)]
pub struct Asked {
    /// Time when the query was sent, ns.
    pub time_ns: u64,
    /// Id of the message.
    pub id: u32,
    /// 1: the query found the ring full, so its answer must not go to the ring either.
    pub lost: u16,
    /// 1: the query has no answer yet.
    pub unanswered: u16,
}

/// Progress of one direction of a socket.
#[repr(C)]
pub struct Progress {
    /// Number of packets with payload.
    pub packets: u32,
    /// TCP: sequence number of the SYN.
    pub base: u32,
    /// TCP: sequence number after the last byte that was copied.
    pub next: u32,
    /// 1: `base` and `next` are set.
    pub started: u16,
    /// TCP: 1: a segment came early, so a segment before `next` may be new.
    pub holes: u16,
}
