//! DNS messages of traced processes: payload to and from port 53 is copied to user space with its time.
//!
//! Whether a socket asks port 53 is known from its storage: the owner programs put it there before the
//! first packet leaves. What the packet programs do here for all other sockets is one comparison.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{__sk_buff, bpf_sock},
    helpers::generated::{bpf_get_socket_cookie, bpf_sk_storage_get, bpf_skb_load_bytes},
};
use tracer_common::{
    counter::Counter,
    dns::{DNS_LARGE, DNS_SMALL, DnsRecord, LostAnswer, LostAnswerKey, transport},
    record::{COMM_LEN, Endpoint, direction, kind},
};

use crate::{
    bound::{between_one_and, masked},
    difference::{after, bytes_between, elapsed},
    emit, filter, maps, overflow,
    segment::load,
    sock::{Sock, Task},
};

/// Port that DNS servers listen on (RFC 1035 4.2).
pub const PORT: u16 = 53;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// A message has a header at least.
const SHORTEST: u32 = 12;
const SYN: u8 = 0x02;

/// Queries of one socket that are remembered.
const ASKED: usize = 8;
/// QR of the header's flags (RFC 1035 4.1.1).
const RESPONSE: u16 = 0x8000;

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
    /// The latest queries over UDP; written on egress, but for `waits`.
    pub asked: [Asked; ASKED],
    /// Queries over UDP so far.
    pub queries: u32,
    pub pad_asked: u32,
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
    pub waits: u16,
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

/// Place of a packet's payload.
struct Payload {
    offset: u32,
    length: u32,
    position: u32,
    local_port: u16,
    remote_port: u16,
    family: u16,
    transport: u8,
}

/// The socket may have an owner here: it leads to port 53 or, being no connected socket, anywhere.
///
/// # Safety
/// `sk` is a socket pointer the verifier knows.
#[inline(always)]
pub unsafe fn concerns(sk: *const bpf_sock) -> bool {
    // SAFETY: a member of every socket that such a pointer can be.
    let port = unsafe { (*sk).dst_port };
    port == 0 || port == PORT.to_be()
}

/// The task asks port 53 through this socket from now on.
///
/// # Safety
/// `sk` is a socket pointer the verifier knows.
#[inline(always)]
pub unsafe fn own(sk: *mut c_void, task: Task) {
    // SAFETY: the map is a socket storage with values of type DnsOwner; flag 1 is
    // BPF_SK_STORAGE_GET_F_CREATE.
    let owner = unsafe {
        let owner: *mut DnsOwner =
            bpf_sk_storage_get(maps::dns_owners(), sk, core::ptr::null_mut(), 1).cast();
        owner.as_mut()
    };
    let Some(owner) = owner else {
        emit::count(Counter::StorageFull);
        return;
    };
    owner.tgid = task.tgid();
    owner.cgroup = task.cgroup();
    owner.comm = task.process_comm();
}

/// A datagram socket found open: when it is connected to port 53, the task is its owner.
#[inline(always)]
pub fn adopt(sock: Sock, task: Task) {
    let family = sock.family();
    if (family != AF_INET && family != AF_INET6) || sock.remote_port() != PORT {
        return;
    }
    // SAFETY: a typed socket.
    unsafe {
        if find(sock.as_ptr()).is_none() && filter::admits_process(task, task.tgid()) {
            own(sock.as_ptr(), task);
        }
    }
}

/// The owner of a socket that asks port 53.
#[inline(always)]
unsafe fn find(sk: *mut c_void) -> Option<&'static mut DnsOwner> {
    // SAFETY: as in `own`.
    unsafe {
        let owner: *mut DnsOwner =
            bpf_sk_storage_get(maps::dns_owners(), sk, core::ptr::null_mut(), 0).cast();
        owner.as_mut()
    }
}

/// The socket carried messages of which some may wait for their answer, or pieces of them.
///
/// # Safety
/// `sk` is the context of a socket program.
#[inline(always)]
pub unsafe fn is_waiting(sk: *mut bpf_sock) -> bool {
    // SAFETY: the context.
    unsafe {
        concerns(sk)
            && find(sk.cast()).is_some_and(|owner| {
                owner.sent.started == 1 || owner.sent.packets != owner.received.packets
            })
    }
}

/// Copies the packet's payload to user space when it is to or from port 53.
///
/// # Safety
/// `skb` is the program's context and `sk` its socket.
#[inline(always)]
pub unsafe fn packet<const EGRESS: bool>(skb: *mut __sk_buff, sk: *mut bpf_sock) -> Option<()> {
    // SAFETY: as above.
    let owner = unsafe { find(sk.cast()) }?;
    // SAFETY: the context.
    let payload = unsafe { payload::<EGRESS>(skb, owner) }?;
    if payload.transport != transport::UDP {
        if !copy::<EGRESS>(skb, owner, &payload) {
            emit::count(Counter::RingFull);
        }
        return None;
    }
    // SAFETY: the context; the payload has a DNS header at least.
    let head = unsafe { load::<4>(skb, payload.offset)? };
    let id = u32::from(u16::from_be_bytes([head[0], head[1]]));
    let flags = u16::from_be_bytes([head[2], head[3]]);
    match (EGRESS, flags & RESPONSE) {
        (true, 0) => asks(skb, owner, &payload, id),
        (false, RESPONSE) => answers(skb, owner, &payload, id, flags),
        _ => {}
    }
    None
}

/// A query over UDP. When it finds the ring full, its lookup is counted here, and stays here.
#[inline(always)]
fn asks(skb: *mut __sk_buff, owner: &mut DnsOwner, payload: &Payload, id: u32) {
    let again = waiting(owner, id);
    if again < ASKED && owner.asked[again].lost == 1 {
        overflow::queried_again();
        return;
    }
    let written = copy::<true>(skb, owner, payload);
    if again < ASKED {
        if !written {
            overflow::queried_again();
        }
        return;
    }
    if !written {
        overflow::queried();
    }
    let asked = &mut owner.asked[masked::<{ ASKED as u64 - 1 }>(owner.queries)];
    owner.queries = owner.queries.wrapping_add(1);
    asked.time_ns = emit::now_ns();
    asked.id = id;
    asked.lost = u16::from(!written);
    asked.waits = 1;
}

/// An answer over UDP. It goes where its query went; when that was the ring, and the ring is full, what it says
/// waits in a map of its own.
#[inline(always)]
fn answers(skb: *mut __sk_buff, owner: &mut DnsOwner, payload: &Payload, id: u32, flags: u16) {
    let now_ns = emit::now_ns();
    let at = waiting(owner, id);
    if at < ASKED {
        let asked = &mut owner.asked[at];
        // A query that was sent after the answer had come is another one with the same id, and goes on waiting.
        if let Some(duration_ns) = elapsed(now_ns, asked.time_ns) {
            asked.waits = 0;
            if asked.lost == 1 {
                overflow::answered(flags, duration_ns);
                return;
            }
        }
    }
    if copy::<false>(skb, owner, payload) {
        return;
    }
    let key = LostAnswerKey {
        // SAFETY: the context.
        cookie: unsafe { bpf_get_socket_cookie(skb.cast()) },
        id,
        pad: 0,
    };
    let answer = LostAnswer {
        time_ns: now_ns,
        flags: u32::from(flags),
        pad: 0,
    };
    if maps::LOST_ANSWERS.insert(key, answer, 0).is_err() {
        emit::count(Counter::RingFull);
    }
}

/// Slot of the unanswered query with this id; [`ASKED`] when there is none.
#[inline(always)]
fn waiting(owner: &DnsOwner, id: u32) -> usize {
    let mut at = 0;
    while at < ASKED {
        let asked = &owner.asked[at];
        if asked.waits == 1 && asked.id == id {
            return at;
        }
        at += 1;
    }
    ASKED
}

/// Copies the payload to user space; false when the ring is full.
#[inline(always)]
fn copy<const EGRESS: bool>(skb: *mut __sk_buff, owner: &DnsOwner, payload: &Payload) -> bool {
    if payload.length as usize <= DNS_SMALL {
        copy_into::<EGRESS, DNS_SMALL>(skb, owner, payload)
    } else {
        copy_into::<EGRESS, DNS_LARGE>(skb, owner, payload)
    }
}

/// Reads the IP and UDP or TCP headers (RFC 791, 8200, 768, 9293). IPv6 extension headers are not followed.
#[inline(always)]
unsafe fn payload<const EGRESS: bool>(
    skb: *mut __sk_buff,
    owner: &mut DnsOwner,
) -> Option<Payload> {
    // SAFETY: the context; a plain member of it.
    let (first, total) = unsafe { (load::<10>(skb, 0)?, (*skb).len) };
    let (header, protocol, family) = match first[0] >> 4 {
        4 => (u32::from(first[0] & 15) * 4, first[9], AF_INET),
        6 => (40, first[6], AF_INET6),
        _ => return None,
    };
    // SAFETY: the context.
    let ports = unsafe { load::<4>(skb, header)? };
    let from = u16::from_be_bytes([ports[0], ports[1]]);
    let to = u16::from_be_bytes([ports[2], ports[3]]);
    let (local_port, remote_port) = if EGRESS { (from, to) } else { (to, from) };
    if remote_port != PORT {
        return None;
    }
    let progress = if EGRESS {
        &mut owner.sent
    } else {
        &mut owner.received
    };
    let (offset, length, position) = match protocol {
        transport::UDP => {
            let offset = header + 8;
            (offset, at_least(bytes_between(offset, total), SHORTEST)?, 0)
        }
        // SAFETY: the context.
        transport::TCP => unsafe { segment(skb, header, total, progress)? },
        _ => return None,
    };
    progress.packets = progress.packets.wrapping_add(1);
    Some(Payload {
        offset,
        length,
        position,
        local_port,
        remote_port,
        family,
        transport: protocol,
    })
}

#[inline(always)]
fn at_least(length: u32, least: u32) -> Option<u32> {
    (length >= least && length <= 0xffff).then_some(length)
}

/// Offset, length and position in the stream of what is, or may be, new in a TCP segment.
#[inline(always)]
unsafe fn segment(
    skb: *mut __sk_buff,
    header: u32,
    total: u32,
    progress: &mut Progress,
) -> Option<(u32, u32, u32)> {
    // SAFETY: the context.
    let tcp = unsafe { load::<14>(skb, header)? };
    let sequence = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
    if tcp[13] & SYN != 0 {
        progress.base = sequence;
        progress.next = sequence.wrapping_add(1);
        progress.started = 1;
        progress.holes = 0;
        return None;
    }
    let offset = header + u32::from(tcp[12] >> 4) * 4;
    let length = at_least(bytes_between(offset, total), 1)?;
    let end = sequence.wrapping_add(length);
    if progress.started == 0 || (!after(end, progress.next) && progress.holes == 0) {
        return None;
    }
    if after(sequence, progress.next) {
        progress.holes = 1;
    }
    if after(end, progress.next) {
        progress.next = end;
    }
    Some((offset, length, bytes_between(progress.base, sequence)))
}

#[inline(always)]
fn copy_into<const EGRESS: bool, const N: usize>(
    skb: *mut __sk_buff,
    owner: &DnsOwner,
    payload: &Payload,
) -> bool {
    // SAFETY: the context.
    let cookie = unsafe { bpf_get_socket_cookie(skb.cast()) };
    emit::try_record(kind::DNS, cookie, |record: &mut DnsRecord<N>| {
        // SAFETY: the context.
        unsafe { describe::<EGRESS>(skb, owner, payload, &mut record.endpoint) };
        record.position = payload.position;
        record.length = payload.length;
        record.direction = if EGRESS {
            direction::EGRESS
        } else {
            direction::INGRESS
        };
        record.transport = payload.transport;
        record.pad = 0;
        let length = if N == DNS_SMALL {
            between_one_and::<{ DNS_SMALL as u64 }>(payload.length)
        } else {
            between_one_and::<{ DNS_LARGE as u64 }>(payload.length)
        };
        record.captured = length as u16;
        let to = (&raw mut record.bytes).cast();
        // SAFETY: the helper writes at most N bytes into `bytes`, or fails.
        if unsafe { bpf_skb_load_bytes(skb.cast(), payload.offset, to, length) } != 0 {
            record.captured = 0;
        }
    })
}

/// Fills an endpoint from the packet and the owner.
#[inline(always)]
unsafe fn describe<const EGRESS: bool>(
    skb: *mut __sk_buff,
    owner: &DnsOwner,
    payload: &Payload,
    endpoint: &mut Endpoint,
) {
    endpoint.cgroup = owner.cgroup;
    endpoint.tgid = owner.tgid;
    endpoint.netns = 0;
    endpoint.family = payload.family;
    endpoint.local_port = payload.local_port;
    endpoint.remote_port = payload.remote_port;
    endpoint.pad = 0;
    endpoint.comm = owner.comm;
    endpoint.local = [0; 16];
    endpoint.remote = [0; 16];
    let (source, destination) = (
        (&raw mut endpoint.local).cast(),
        (&raw mut endpoint.remote).cast(),
    );
    let (source, destination): (*mut c_void, *mut c_void) = if EGRESS {
        (source, destination)
    } else {
        (destination, source)
    };
    // SAFETY: at most 16 bytes into arrays of 16; the packet holds its IP header.
    unsafe {
        if payload.family == AF_INET6 {
            bpf_skb_load_bytes(skb.cast(), 8, source, 16);
            bpf_skb_load_bytes(skb.cast(), 24, destination, 16);
        } else {
            bpf_skb_load_bytes(skb.cast(), 12, source, 4);
            bpf_skb_load_bytes(skb.cast(), 16, destination, 4);
        }
    }
}
