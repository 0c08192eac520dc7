//! Messages of netlink and inet_diag, for which libc has no types.
//!
//! The layouts are defined here, without a type for each attribute: a snapshot may hold 30,000 sockets, and nearly all
//! that tracer needs is in the fixed part of an answer. Source: `include/uapi/linux/netlink.h` and `inet_diag.h`.

use std::io;
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::ControlFlow;

use tracer_core::live::Activity;
use zerocopy::byteorder::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Detail, DiagError, Listing, Socket, StateMask, failure};

/// Type of requests for sockets of one family, and of the answers (`linux/sock_diag.h`).
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// Type of the message that ends a listing.
const NLMSG_DONE: u16 = libc::NLMSG_DONE as u16;
/// Type of a message with an error number.
const NLMSG_ERROR: u16 = libc::NLMSG_ERROR as u16;
/// Flags of a request to list everything.
const LIST: u16 = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
/// Flag of answers to a listing that was interrupted by changes.
const INTERRUPTED: u16 = libc::NLM_F_DUMP_INTR as u16;
/// `INET_DIAG_INFO`: the attribute that holds `struct tcp_info`.
const INFO: u16 = 2;
/// Bytes of `struct nlmsghdr`.
const HEADER_BYTES: usize = size_of::<Header>();
/// Bytes of `struct inet_diag_msg`.
const ANSWER_BYTES: usize = size_of::<Answer>();

const _: () = assert!(HEADER_BYTES == 16 && ANSWER_BYTES == 72);
const _: () = assert!(size_of::<Request>() == HEADER_BYTES + 56 && size_of::<TcpInfo>() == 72);

/// `struct nlmsghdr`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Header {
    length: u32,
    kind: u16,
    flags: u16,
    sequence: u32,
    port_id: u32,
}

/// `struct inet_diag_sockid`.
#[derive(Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct SocketId {
    local_port: U16,
    remote_port: U16,
    local: [u8; 16],
    remote: [u8; 16],
    interface: u32,
    cookie: [u32; 2],
}

/// A dump request: `struct nlmsghdr`, then `struct inet_diag_req_v2`.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct Request {
    header: Header,
    family: u8,
    protocol: u8,
    attributes: u8,
    pad: u8,
    states: u32,
    id: SocketId,
}

/// `struct inet_diag_msg`.
#[derive(FromBytes, Immutable)]
#[repr(C)]
struct Answer {
    family: u8,
    state: u8,
    _timer: u8,
    _retransmits: u8,
    id: SocketId,
    _expires: u32,
    _receive_queue: u32,
    _send_queue: u32,
    uid: u32,
    inode: u32,
}

/// `struct nlattr`.
#[derive(FromBytes, Immutable)]
#[repr(C)]
struct AttributeHead {
    length: u16,
    kind: u16,
}

/// Beginning of `struct tcp_info`; the kernel never moves its members.
#[derive(FromBytes, Immutable)]
#[repr(C)]
struct TcpInfo {
    _before: [u32; 11],
    last_data_sent_ms: u32,
    _last_ack_sent: u32,
    last_data_received_ms: u32,
    _between: [u32; 3],
    rtt_us: u32,
}

/// Bytes of a request for all sockets of a family in these states.
pub(super) fn request(
    family: i32,
    states: StateMask,
    detail: Detail,
    sequence: u32,
) -> impl AsRef<[u8]> {
    let request = Request {
        header: Header {
            length: size_of::<Request>() as u32,
            kind: SOCK_DIAG_BY_FAMILY,
            flags: LIST,
            sequence,
            port_id: 0,
        },
        family: family as u8,
        protocol: libc::IPPROTO_TCP as u8,
        attributes: match detail {
            Detail::Plain => 0,
            Detail::Activity => 1 << (INFO - 1),
        },
        pad: 0,
        states: states.0,
        id: SocketId::default(),
    };
    let bytes: [u8; size_of::<Request>()] = zerocopy::transmute!(request);
    bytes
}

/// Reads the messages of one buffer; breaks at the end of the listing.
pub(super) fn read_answers(
    mut rest: &[u8],
    sequence: u32,
    listing: &mut Listing,
    each: &mut impl FnMut(&Socket),
) -> Result<ControlFlow<()>, DiagError> {
    while !rest.is_empty() {
        let malformed = |expected| DiagError::Malformed {
            got: rest.len(),
            expected,
        };
        let (header, _) = Header::read_from_prefix(rest).map_err(|_| malformed(HEADER_BYTES))?;
        let length = header.length as usize;
        if length < HEADER_BYTES || length > rest.len() {
            return Err(malformed(length.max(HEADER_BYTES)));
        }
        let message = Message {
            kind: header.kind,
            flags: header.flags,
            body: &rest[HEADER_BYTES..length],
        };
        // Messages left over from an abandoned listing have another number.
        if header.sequence == sequence && message.read(listing, each)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        rest = &rest[length.next_multiple_of(4).min(rest.len())..];
    }
    Ok(ControlFlow::Continue(()))
}

/// A netlink message.
struct Message<'a> {
    kind: u16,
    flags: u16,
    body: &'a [u8],
}

impl Message<'_> {
    fn read(
        &self,
        listing: &mut Listing,
        each: &mut impl FnMut(&Socket),
    ) -> Result<ControlFlow<()>, DiagError> {
        if self.flags & INTERRUPTED != 0 {
            *listing = Listing::Interrupted;
        }
        match self.kind {
            SOCK_DIAG_BY_FAMILY => each(&Socket::read(self.body)?),
            NLMSG_DONE | NLMSG_ERROR => return self.end(),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    /// End of the listing; fails with the (negative) error number, if there is one.
    fn end(&self) -> Result<ControlFlow<()>, DiagError> {
        let errno = self
            .body
            .first_chunk::<4>()
            .map_or(0, |b| i32::from_ne_bytes(*b));
        match errno.checked_neg() {
            Some(errno) if errno > 0 => Err(failure(
                "the kernel's answer",
                io::Error::from_raw_os_error(errno),
            )),
            _ => Ok(ControlFlow::Break(())),
        }
    }
}

impl Socket {
    /// Reads a `struct inet_diag_msg` and the attributes that follow it.
    fn read(body: &[u8]) -> Result<Self, DiagError> {
        let (answer, attributes) =
            Answer::read_from_prefix(body).map_err(|_| DiagError::Malformed {
                got: body.len(),
                expected: ANSWER_BYTES,
            })?;
        let Answer { family, id, .. } = answer;
        let [low, high] = id.cookie.map(u64::from);
        Ok(Self {
            cookie: low | high << 32,
            state: answer.state,
            local: SocketAddr::new(address(family, id.local), id.local_port.get()),
            remote: SocketAddr::new(address(family, id.remote), id.remote_port.get()),
            inode: answer.inode,
            uid: answer.uid,
            activity: attribute(attributes, INFO).and_then(activity),
        })
    }
}

/// Content of an attribute. Its length includes the head; the next attribute begins at a multiple of four bytes.
fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (head, _) = AttributeHead::read_from_prefix(rest).ok()?;
        let length = usize::from(head.length);
        let content = rest.get(size_of::<AttributeHead>()..length)?;
        if head.kind == wanted {
            return Some(content);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

/// Traffic in a `struct tcp_info`; None when it is too short.
fn activity(info: &[u8]) -> Option<Activity> {
    const MS: u64 = 1_000_000;
    let (info, _) = TcpInfo::read_from_prefix(info).ok()?;
    Some(Activity {
        rtt_ns: u64::from(info.rtt_us) * 1000,
        sent_ago_ns: u64::from(info.last_data_sent_ms) * MS,
        received_ago_ns: u64::from(info.last_data_received_ms) * MS,
    })
}

/// Address in sixteen bytes; IPv4 uses the first four.
fn address(family: u8, bytes: [u8; 16]) -> IpAddr {
    if i32::from(family) == libc::AF_INET {
        return Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into();
    }
    IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER_BYTES + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend([kind.to_ne_bytes(), flags.to_ne_bytes()].concat());
        bytes.extend([sequence.to_ne_bytes(), [0; 4]].concat());
        bytes.extend(body);
        bytes
    }

    /// Reads messages of listing 7 and gives (sockets, listing, ended) or the error's text.
    fn answers(bytes: &[u8]) -> Result<(usize, Listing, bool), String> {
        let (mut sockets, mut listing) = (0, Listing::Whole);
        let end = read_answers(bytes, 7, &mut listing, &mut |_| sockets += 1)
            .map_err(|e| e.to_string())?;
        Ok((sockets, listing, end.is_break()))
    }

    #[test]
    fn answers_of_the_kernel() {
        let socket = message(SOCK_DIAG_BY_FAMILY, 2, 7, &[0; ANSWER_BYTES]);
        let done = message(NLMSG_DONE, 2, 7, &[0; 4]);
        assert_eq!(
            answers(&[socket.clone(), socket.clone()].concat()),
            Ok((2, Listing::Whole, false))
        );
        assert_eq!(
            answers(&[socket.clone(), done.clone()].concat()),
            Ok((1, Listing::Whole, true))
        );
        let stale = message(NLMSG_DONE, 2, 6, &[0; 4]);
        assert_eq!(
            answers(&[stale, socket.clone()].concat()),
            Ok((1, Listing::Whole, false))
        );
        let interrupted = message(NLMSG_DONE, 2 | INTERRUPTED, 7, &[0; 4]);
        assert_eq!(answers(&interrupted), Ok((0, Listing::Interrupted, true)));
        for kind in [NLMSG_DONE, NLMSG_ERROR] {
            let missing =
                answers(&message(kind, 0, 7, &(-libc::ENOENT).to_ne_bytes())).unwrap_err();
            assert!(missing.contains("tcp_diag"), "{missing}");
        }
        let refused =
            answers(&message(NLMSG_ERROR, 0, 7, &(-libc::EPERM).to_ne_bytes())).unwrap_err();
        assert!(refused.contains("not permitted"), "{refused}");
    }

    #[test]
    fn attributes_that_are_cut_are_none() {
        let mut bytes = vec![8, 0, 1, 0, 9, 9, 9, 9, 76, 0, 2, 0];
        bytes.extend([7; 72]);
        assert_eq!(attribute(&bytes, INFO).map(<[u8]>::len), Some(72));
        for length in 0..bytes.len() {
            assert_eq!(attribute(&bytes[..length], INFO), None, "{length} bytes");
        }
        assert_eq!(attribute(&[0; 16], INFO), None);
        assert_eq!(activity(&[0; 71]), None);
    }

    #[test]
    fn damaged_answers_are_errors() {
        let socket = message(SOCK_DIAG_BY_FAMILY, 2, 7, &[0; ANSWER_BYTES]);
        for len in 1..socket.len() {
            assert!(answers(&socket[..len]).is_err(), "{len} bytes accepted");
        }
        assert!(answers(&message(SOCK_DIAG_BY_FAMILY, 2, 7, &[0; ANSWER_BYTES - 1])).is_err());
        assert!(answers(&[0; HEADER_BYTES]).is_err());
    }
}
