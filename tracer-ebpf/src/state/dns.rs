//! The owner of a socket that asks port 53, and what it has asked.

use tracer_common::record::COMM_LEN;

/// Queries of one socket that are remembered.
pub const ASKED: usize = 8;

/// Asker of a socket, and progress of each direction. All zero when made.
#[repr(C)]
pub struct DnsOwner {
    /// cgroup-v2 id.
    pub cgroup: u64,
    /// Process id.
    pub tgid: u32,
    pub pad: u32,
    /// comm.
    pub comm: [u8; COMM_LEN],
    /// Sent; written on egress only.
    pub sent: Progress,
    /// Received; written on ingress only.
    pub received: Progress,
    /// The latest queries over UDP; written on egress, but for `unanswered`.
    pub asked: [Asked; ASKED],
    /// Queries over UDP so far.
    pub queries: u32,
    pub pad_asked: u32,
}

impl DnsOwner {
    /// The socket carried messages of which some may have no answer yet, or pieces of them.
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
    /// 1: it found the ring full, so that its answer must not go there either.
    pub lost: u16,
    /// 1: it has no answer yet.
    pub unanswered: u16,
}

/// Progress of one direction of a socket.
#[repr(C)]
pub struct Progress {
    /// Packets with payload.
    pub packets: u32,
    /// TCP: sequence number of the SYN.
    pub base: u32,
    /// TCP: sequence number behind what has been copied.
    pub next: u32,
    /// 1: `base` and `next` are set.
    pub started: u16,
    /// TCP: 1: a segment came early, so that what seems to be behind may be what it left out.
    pub holes: u16,
}
