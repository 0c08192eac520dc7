//! Wire records of DNS: messages to and from port 53, and the sockets that carried them.
//!
//! The kernel copies each message and stamps it. User space reads names and answers and puts them in order. Both ends
//! of a duration carry the kernel's time.

use crate::record::{Endpoint, Header};

/// Port that name servers listen on (RFC 1035 4.2).
pub const PORT: u16 = 53;
/// Port of DNS over TLS (RFC 7858 3.1).
pub const PORT_TLS: u16 = 853;
/// Payload bytes in the small record, enough for nearly every query and most answers.
pub const DNS_SMALL: usize = 256;
/// Payload bytes in the large record: the largest answer that resolvers ask for over UDP (RFC 9715 3.1).
pub const DNS_LARGE: usize = 1232;

/// Transport protocols of a message, by protocol number.
pub mod transport {
    /// TCP: one record is one segment; messages are framed by their length and may be split.
    pub const TCP: u8 = 6;
    /// UDP: one record is one message.
    pub const UDP: u8 = 17;
}

/// Payload of a datagram or segment between a traced process and port 53.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct DnsRecord<const N: usize> {
    /// Header of kind DNS; its time is that of the packet.
    pub header: Header,
    /// Owner and addresses. `netns` is 0, because the packet does not show it.
    pub endpoint: Endpoint,
    /// Position of the first byte in a TCP stream, counted from 1; 0 for UDP.
    pub position: u32,
    /// Length of the packet's payload in bytes.
    pub length: u32,
    /// Number of `bytes` that are set.
    pub captured: u16,
    /// Direction, one of [`crate::record::direction`].
    pub direction: u8,
    /// Transport, one of [`transport`].
    pub transport: u8,
    /// Zero.
    pub pad: u32,
    /// First bytes of the payload.
    pub bytes: [u8; N],
}

/// Record of a socket that carried DNS messages and was closed by its last owner.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct DnsReleaseRecord {
    /// Header of kind DNS_RELEASE.
    pub header: Header,
}

/// Key of an answer that was not recorded because the ring buffer was full.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LostAnswerKey {
    /// Socket cookie.
    pub cookie: u64,
    /// Id of the message.
    pub id: u32,
    /// Zero.
    pub pad: u32,
}

/// Content of such an answer, as far as the figures need it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostAnswer {
    /// Time of arrival, ns.
    pub time_ns: u64,
    /// Flags of the DNS header, including the response code (RFC 1035 4.1.1).
    pub flags: u32,
    /// Zero.
    pub pad: u32,
}

/// Number of bytes before the payload of a [`DnsRecord`].
pub const DNS_HEAD: usize = size_of::<DnsRecord<0>>();

const _: () = {
    assert!(DNS_HEAD == 24 + 72 + 16);
    assert!(size_of::<DnsRecord<DNS_SMALL>>() == DNS_HEAD + DNS_SMALL);
    assert!(size_of::<DnsRecord<DNS_LARGE>>() == DNS_HEAD + DNS_LARGE);
    assert!(core::mem::offset_of!(DnsRecord<0>, position) == 96);
    assert!(size_of::<DnsReleaseRecord>() == 24);
};
