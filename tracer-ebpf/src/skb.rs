//! A TCP segment in a `cgroup_skb` program: the packet begins with the network header.

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_skb_load_bytes, bpf_tcp_sock},
};
use tracer_common::counter::Counter;
use tracer_flow::{
    segment::Segment,
    source::{Packet, Source},
};

use crate::{clock::now_ns, count::count};

const SYN: u8 = 0x02;
const IPPROTO_TCP: u8 = 6;
/// Extension headers of IPv6 that are passed over; each occurs once, but for destination options (RFC 8200 4.1).
const MOST_EXTENSIONS: u32 = 3;
/// TCP header without options.
const TCP: usize = 20;

/// The current packet.
pub struct SkbPacket {
    skb: *mut __sk_buff,
    /// Offset of the TCP header.
    tcp: u32,
    /// Offset of the payload.
    offset: u32,
}

impl Source for SkbPacket {
    #[inline(always)]
    unsafe fn load(&self, position: u32, to: *mut u8, length: u32) -> bool {
        let offset = self.offset + position;
        // SAFETY: the context; the caller's buffer holds `length` bytes.
        unsafe { bpf_skb_load_bytes(self.skb.cast(), offset, to.cast(), length) == 0 }
    }
}

impl Packet for SkbPacket {
    /// TCP stamps sent segments with the monotonic clock (`__tcp_transmit_skb`), so the clock is read here only for
    /// received ones.
    #[inline(always)]
    fn time_ns<const EGRESS: bool>(&self) -> u64 {
        let stamp_ns = if EGRESS {
            // SAFETY: a member of the context.
            unsafe { (*self.skb).tstamp }
        } else {
            0
        };
        if stamp_ns != 0 { stamp_ns } else { now_ns() }
    }

    #[inline(always)]
    fn readable_to(&self) -> Option<u32> {
        // SAFETY: a member of the context, checked for null; the helper gives figures or null.
        unsafe {
            let sk = (*self.skb).__bindgen_anon_2.sk;
            if sk.is_null() {
                return None;
            }
            let tcp = bpf_tcp_sock(sk);
            if tcp.is_null() {
                return None;
            }
            // Volatile: joined with a load from elsewhere, the pointer would be computed, which the verifier refuses.
            Some((&raw const (*tcp).rcv_nxt).read_volatile())
        }
    }

    #[inline(always)]
    fn acknowledged(&self) -> Option<u32> {
        const ACKNOWLEDGEMENT: u32 = 8;
        // SAFETY: the context.
        unsafe { load::<4>(self.skb, self.tcp + ACKNOWLEDGEMENT) }.map(u32::from_be_bytes)
    }
}

/// True for a TCP segment without payload and SYN. The headers are read only where [`peek`] finds them.
///
/// # Safety
/// `skb` is the program's context.
#[inline(always)]
pub unsafe fn has_no_payload(skb: *mut __sk_buff) -> bool {
    // SAFETY: `skb` is the context.
    match unsafe { peek(skb) } {
        Some((_, segment)) => segment.length == 0 && !segment.syn,
        None => false,
    }
}

/// Reads the IP and TCP headers (RFC 791, RFC 8200, RFC 9293 3.1). A packet whose TCP header is not found is counted as
/// unreadable.
///
/// # Safety
/// `skb` is the program's context.
#[inline(always)]
pub unsafe fn read(skb: *mut __sk_buff) -> Option<(SkbPacket, Segment)> {
    // SAFETY: `skb` is the context.
    let read = unsafe { peek(skb).or_else(|| parse(skb)) };
    if read.is_none() {
        count(Counter::BadPacket);
    }
    read
}

/// Reads the headers without a helper, where they nearly always are: in the linear part of the packet, with IPv4
/// without options or plain IPv6.
///
/// # Safety
/// `skb` is the program's context.
#[inline(always)]
unsafe fn peek(skb: *mut __sk_buff) -> Option<(SkbPacket, Segment)> {
    const IPV4: usize = 20;
    const IPV6: usize = 40;
    // SAFETY: members of the context; the verifier checks each access against `data_end`.
    unsafe {
        let data = (*skb).data as usize as *const u8;
        let end = (*skb).data_end as usize;
        if data as usize + IPV4 + TCP > end {
            return None;
        }
        let version = data.read();
        if version == 0x45 && data.add(9).read() == IPPROTO_TCP {
            return Some(at::<IPV4>(skb, data));
        }
        if version >> 4 != 6 || data as usize + IPV6 + TCP > end {
            return None;
        }
        (data.add(6).read() == IPPROTO_TCP).then(|| at::<IPV6>(skb, data))
    }
}

/// Segment of a packet with its TCP header at `IP`.
///
/// # Safety
/// The packet has been checked to hold `IP + TCP` bytes.
#[inline(always)]
unsafe fn at<const IP: usize>(skb: *mut __sk_buff, data: *const u8) -> (SkbPacket, Segment) {
    // SAFETY: as above.
    unsafe {
        let sequence = data.add(IP + 4).cast::<u32>().read_unaligned();
        let offset = IP as u32 + u32::from(data.add(IP + 12).read() >> 4) * 4;
        let segment = Segment {
            sequence: u32::from_be(sequence),
            length: (*skb).len.saturating_sub(offset),
            syn: data.add(IP + 13).read() & SYN != 0,
        };
        let tcp = IP as u32;
        (SkbPacket { skb, tcp, offset }, segment)
    }
}

#[inline(always)]
unsafe fn parse(skb: *mut __sk_buff) -> Option<(SkbPacket, Segment)> {
    // SAFETY: `skb` is the context.
    let header = unsafe { ip_header(skb) }?;
    if header.protocol != IPPROTO_TCP {
        return None;
    }
    // SAFETY: as above.
    let tcp = unsafe { load::<14>(skb, header.length) }?;
    let offset = header.length + u32::from(tcp[12] >> 4) * 4;
    // SAFETY: a plain member of the context.
    let total = unsafe { (*skb).len };
    let segment = Segment {
        sequence: u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]),
        length: total.saturating_sub(offset),
        syn: tcp[13] & SYN != 0,
    };
    let tcp = header.length;
    Some((SkbPacket { skb, tcp, offset }, segment))
}

/// Header of the network layer.
pub struct IpHeader {
    /// Bytes, those of extension headers included.
    pub length: u32,
    /// Protocol of the header behind it.
    pub protocol: u8,
    /// 4 or 6.
    pub version: u8,
}

/// Reads the IP header. Extension headers of IPv6 that a host may put before TCP are passed over (RFC 8200 4): the
/// kernel itself puts a hop-by-hop header with the length of the payload before segments of more than 64 KiB (BIG TCP,
/// `ip6_xmit`).
///
/// # Safety
/// `skb` is the program's context.
#[inline(always)]
pub unsafe fn ip_header(skb: *mut __sk_buff) -> Option<IpHeader> {
    const IPV6: u32 = 40;
    // SAFETY: `skb` is the context.
    let first = unsafe { load::<10>(skb, 0) }?;
    let version = first[0] >> 4;
    match version {
        4 => Some(IpHeader {
            length: u32::from(first[0] & 15) * 4,
            protocol: first[9],
            version,
        }),
        6 => {
            let mut header = IpHeader {
                length: IPV6,
                protocol: first[6],
                version,
            };
            let mut passed = 0;
            while passed < MOST_EXTENSIONS && is_extension(header.protocol) {
                // SAFETY: as above.
                let [next, eights] = unsafe { load::<2>(skb, header.length) }?;
                header.length += (u32::from(eights) + 1) * 8;
                header.protocol = next;
                passed += 1;
            }
            Some(header)
        }
        _ => None,
    }
}

/// Hop-by-hop options, routing and destination options: the extension headers that say their length in the second byte.
#[inline(always)]
fn is_extension(protocol: u8) -> bool {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const DESTINATION_OPTIONS: u8 = 60;
    matches!(protocol, HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS)
}

/// Copies N bytes from `offset`.
///
/// # Safety
/// `skb` is the program's context.
#[inline(always)]
pub unsafe fn load<const N: usize>(skb: *mut __sk_buff, offset: u32) -> Option<[u8; N]> {
    let mut bytes = [0u8; N];
    // SAFETY: the helper writes exactly N bytes or fails.
    let status =
        unsafe { bpf_skb_load_bytes(skb.cast(), offset, bytes.as_mut_ptr().cast(), N as u32) };
    (status == 0).then_some(bytes)
}
