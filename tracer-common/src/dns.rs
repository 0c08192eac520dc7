//! Wire records of DNS: messages as they pass by port 53, and the sockets they passed through.
//!
//! The kernel copies the messages and stamps them; names, answers and their order in a lookup are user
//! space's to read. Both ends of a duration carry the kernel's time.

use crate::record::{Endpoint, Header};

/// Bytes in the small record: nearly every query and most answers.
pub const DNS_SMALL: usize = 256;
/// Bytes in the large record: the largest answer that resolvers ask for over UDP (RFC 9715 3.1).
pub const DNS_LARGE: usize = 1232;

/// Record kinds, in one numbering with [`crate::record::kind`].
pub mod kind {
    /// [`super::DnsRecord`], either size
    pub const DNS: u8 = 20;
    /// [`super::DnsReleaseRecord`]
    pub const DNS_RELEASE: u8 = 21;
}

/// Transport of a message, by protocol number.
pub mod transport {
    /// One record is one segment: messages are framed by their length and may be split.
    pub const TCP: u8 = 6;
    /// One record is one message.
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
    /// Kind DNS; its time is that of the packet.
    pub header: Header,
    /// Owner and addresses. `netns` is 0: the packet does not tell.
    pub endpoint: Endpoint,
    /// TCP: position of the first byte in the stream, from 1 on. UDP: 0.
    pub position: u32,
    /// Payload bytes of the packet.
    pub length: u32,
    /// How many of `bytes` are set.
    pub captured: u16,
    /// One of [`crate::record::direction`].
    pub direction: u8,
    /// One of [`transport`].
    pub transport: u8,
    /// Zero.
    pub pad: u32,
    /// The first bytes of the payload.
    pub bytes: [u8; N],
}

/// A socket that DNS messages passed through was closed by its last owner.
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
    /// Kind DNS_RELEASE.
    pub header: Header,
}

/// The query of an answer that found the ring buffer full.
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

/// What it said, as far as figures need it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostAnswer {
    /// When it arrived, ns.
    pub time_ns: u64,
    /// Flags of the header, response code included (RFC 1035 4.1.1).
    pub flags: u32,
    /// Zero.
    pub pad: u32,
}

/// Bytes before the payload of a [`DnsRecord`].
pub const DNS_HEAD: usize = size_of::<DnsRecord<0>>();

const _: () = {
    assert!(DNS_HEAD == 24 + 72 + 16);
    assert!(size_of::<DnsRecord<DNS_SMALL>>() == DNS_HEAD + DNS_SMALL);
    assert!(size_of::<DnsRecord<DNS_LARGE>>() == DNS_HEAD + DNS_LARGE);
    assert!(core::mem::offset_of!(DnsRecord<0>, position) == 96);
    assert!(size_of::<DnsReleaseRecord>() == 24);
};
