//! Encoding of numbers, texts and addresses as little-endian bytes, and decoding, which trusts nothing.

use std::net::{IpAddr, SocketAddr};

use tracer_core::{live::Activity, time_wait::Seen};

/// Longest text in bytes; longer ones are cut. Texts are paths and ids.
const MAX_TEXT_BYTES: usize = 8192;

/// Bits in the flags of a socket.
const LOCAL_IS_V6: u8 = 1;
const REMOTE_IS_V6: u8 = 2;
const HAS_ACTIVITY: u8 = 4;

pub(crate) fn put_u16(to: &mut Vec<u8>, value: u16) {
    to.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u32(to: &mut Vec<u8>, value: u32) {
    to.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(to: &mut Vec<u8>, value: u64) {
    to.extend_from_slice(&value.to_le_bytes());
}

/// Adds a text that may be missing: a byte that says whether it is there, its length, its bytes.
pub(crate) fn put_text(to: &mut Vec<u8>, text: Option<&str>) {
    to.push(u8::from(text.is_some()));
    let mut text = text.unwrap_or_default();
    while text.len() > MAX_TEXT_BYTES {
        text = &text[..text.floor_char_boundary(MAX_TEXT_BYTES)];
    }
    put_u16(to, text.len() as u16);
    to.extend_from_slice(text.as_bytes());
}

fn put_address(to: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(v4) => to.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => to.extend_from_slice(&v6.octets()),
    }
    put_u16(to, address.port());
}

/// Adds one socket of a listing.
pub(crate) fn put_seen(to: &mut Vec<u8>, socket: &Seen) {
    put_u64(to, socket.cookie);
    to.push(socket.state);
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    to.push(
        flag(socket.local.is_ipv6(), LOCAL_IS_V6)
            | flag(socket.remote.is_ipv6(), REMOTE_IS_V6)
            | flag(socket.activity.is_some(), HAS_ACTIVITY),
    );
    put_u32(to, socket.netns);
    put_address(to, socket.local);
    put_address(to, socket.remote);
    if let Some(activity) = &socket.activity {
        put_u64(to, activity.rtt_ns);
        put_u64(to, activity.sent_ago_ns);
        put_u64(to, activity.received_ago_ns);
    }
}

/// Bytes that are still to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    pub(crate) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// Takes all bytes that are left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Reads a text that may be missing. The outer None means damage.
    pub(crate) fn text(&mut self) -> Option<Option<&'a str>> {
        let present = self.u8()?;
        let length = usize::from(self.u16()?);
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let text = std::str::from_utf8(text).ok()?;
        Some((present == 1).then_some(text))
    }

    fn address(&mut self, is_v6: bool) -> Option<SocketAddr> {
        let ip = if is_v6 {
            IpAddr::from(self.bytes::<16>()?)
        } else {
            IpAddr::from(self.bytes::<4>()?)
        };
        Some(SocketAddr::new(ip, self.u16()?))
    }

    pub(crate) fn seen(&mut self) -> Option<Seen> {
        let cookie = self.u64()?;
        let (state, flags) = (self.u8()?, self.u8()?);
        Some(Seen {
            cookie,
            state,
            netns: self.u32()?,
            local: self.address(flags & LOCAL_IS_V6 != 0)?,
            remote: self.address(flags & REMOTE_IS_V6 != 0)?,
            activity: match flags & HAS_ACTIVITY {
                0 => None,
                _ => Some(Activity {
                    rtt_ns: self.u64()?,
                    sent_ago_ns: self.u64()?,
                    received_ago_ns: self.u64()?,
                }),
            },
        })
    }
}
