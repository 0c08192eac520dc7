//! DNS messages of traced processes: payload to and from port 53 is copied to user space with the time of the packet.
//!
//! The owner programs mark a socket that queries port 53 in its storage, before its first packet leaves. For all other
//! sockets, the packet programs make a single comparison here.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{__sk_buff, bpf_sock},
    helpers::generated::{bpf_get_socket_cookie, bpf_skb_load_bytes},
};
use tracer_common::{
    counter::Counter,
    dns::{
        DNS_LARGE, DNS_SMALL, DnsRecord, DnsReleaseRecord, LostAnswer, LostAnswerKey, PORT,
        PORT_TLS, transport,
    },
    record::{Endpoint, direction, kind},
};
use tracer_flow::{
    bound::{between_one_and, masked},
    difference::{after, bytes_between, elapsed},
};

use crate::{
    clock::now_ns,
    count::count,
    emit, filter, maps, overflow,
    skb::{ip_header, load},
    sock::{AF_INET, AF_INET6, Sock, Task},
    state::dns::{ASKED, DnsOwner, Progress},
    storage,
};

/// Length of the header, which every message has.
const SHORTEST: u32 = 12;
const SYN: u8 = 0x02;

/// QR of the header's flags (RFC 1035 4.1.1).
const RESPONSE: u16 = 0x8000;

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

/// True if the socket may have a DNS owner: it is connected to port 53, or not connected at all.
///
/// # Safety
/// `sk` is a socket pointer the verifier knows.
#[inline(always)]
pub unsafe fn concerns(sk: *const bpf_sock) -> bool {
    // SAFETY: a member of every socket that such a pointer can be.
    let port = unsafe { (*sk).dst_port };
    port == 0 || port == PORT.to_be()
}

/// True if a TCP connection to this port leads to a name server: what it carries are lookups, not requests.
#[inline(always)]
pub fn is_name_server(port: u16) -> bool {
    port == PORT || port == PORT_TLS
}

/// Makes the task the owner of a socket that queries port 53.
///
/// # Safety
/// `sk` is a socket pointer the verifier knows.
#[inline(always)]
pub unsafe fn own(sk: *mut c_void, task: Task) {
    // SAFETY: as above.
    let Some(owner) = (unsafe { storage::dns_owner_or_new(sk) }) else {
        return;
    };
    owner.tgid = task.tgid();
    owner.cgroup = task.cgroup();
    owner.comm = task.process_comm();
}

/// Makes the task the owner of an open datagram socket, if the socket is connected to port 53.
#[inline(always)]
pub fn adopt(sock: Sock, task: Task) {
    let family = sock.family();
    if (family != AF_INET && family != AF_INET6) || sock.remote_port() != PORT {
        return;
    }
    // SAFETY: a typed socket.
    unsafe {
        if storage::dns_owner(sock.as_ptr()).is_none() && filter::admits_process(task, task.tgid())
        {
            own(sock.as_ptr(), task);
        }
    }
}

/// Reports the end of a socket that carried DNS over TCP, or that may have unanswered queries over UDP.
///
/// # Safety
/// `sk` is the context of a socket program.
#[inline(always)]
pub unsafe fn release(sk: *mut bpf_sock) {
    // SAFETY: the context.
    unsafe {
        if concerns(sk) && storage::dns_owner(sk.cast()).is_some_and(|owner| owner.has_unanswered())
        {
            let cookie = bpf_get_socket_cookie(sk.cast());
            emit::record(kind::DNS_RELEASE, cookie, |_: &mut DnsReleaseRecord| {});
        }
    }
}

/// Copies the packet's payload to user space when it is to or from port 53.
///
/// # Safety
/// `skb` is the program's context and `sk` its socket.
#[inline(always)]
pub unsafe fn packet<const EGRESS: bool>(skb: *mut __sk_buff, sk: *mut bpf_sock) -> Option<()> {
    // SAFETY: as above.
    let owner = unsafe { storage::dns_owner(sk.cast()) }?;
    // SAFETY: the context.
    let payload = unsafe { payload::<EGRESS>(skb, owner) }?;
    if payload.transport != transport::UDP {
        if !copy::<EGRESS>(skb, owner, &payload) {
            count(Counter::RingFull);
        }
        return None;
    }
    // SAFETY: the context; the payload has at least a DNS header.
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

/// Handles a query over UDP. A query that finds the ring full is counted here, and so is its answer later.
#[inline(always)]
fn asks(skb: *mut __sk_buff, owner: &mut DnsOwner, payload: &Payload, id: u32) {
    let again = unanswered(owner, id);
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
    asked.time_ns = now_ns();
    asked.id = id;
    asked.lost = u16::from(!written);
    asked.unanswered = 1;
}

/// Handles an answer over UDP. It is reported in the same place as its query. If that is the ring, and the ring is
/// full, the answer is kept in a map of its own.
#[inline(always)]
fn answers(skb: *mut __sk_buff, owner: &mut DnsOwner, payload: &Payload, id: u32, flags: u16) {
    let now_ns = now_ns();
    let at = unanswered(owner, id);
    if at < ASKED {
        let asked = &mut owner.asked[at];
        // A query that was sent after this answer came is another one with the same id: it stays unanswered.
        if let Some(duration_ns) = elapsed(now_ns, asked.time_ns) {
            asked.unanswered = 0;
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
        count(Counter::RingFull);
    }
}

/// Slot of the unanswered query with this id; [`ASKED`] when there is none.
#[inline(always)]
fn unanswered(owner: &DnsOwner, id: u32) -> usize {
    let mut at = 0;
    while at < ASKED {
        let asked = &owner.asked[at];
        if asked.unanswered == 1 && asked.id == id {
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

/// Reads the IP and UDP or TCP headers (RFC 791, 8200, 768, 9293).
#[inline(always)]
unsafe fn payload<const EGRESS: bool>(
    skb: *mut __sk_buff,
    owner: &mut DnsOwner,
) -> Option<Payload> {
    // SAFETY: the context; a plain member of it.
    let (ip, total) = unsafe { (ip_header(skb)?, (*skb).len) };
    let (header, protocol) = (ip.length, ip.protocol);
    let family = if ip.version == 6 { AF_INET6 } else { AF_INET };
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

/// Offset, length and stream position of the part of a TCP segment that is new, or may be.
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
    let is_syn = tcp[13] & SYN != 0;
    if is_syn && (progress.started == 0 || progress.next == sequence.wrapping_add(1)) {
        progress.base = sequence;
        progress.next = sequence.wrapping_add(1);
        progress.started = 1;
        progress.holes = 0;
    }
    // Data of a SYN come after its own number (RFC 7413).
    let sequence = sequence.wrapping_add(u32::from(is_syn));
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
