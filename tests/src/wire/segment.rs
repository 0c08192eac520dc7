//! TCP segments, read from Ethernet frames.

use std::net::{IpAddr, SocketAddr};

/// A captured TCP segment.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Time when the capturing host saw the segment, ns since the epoch.
    pub time_ns: u64,
    /// Sender.
    pub source: SocketAddr,
    /// Receiver.
    pub destination: SocketAddr,
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// Next byte expected from the other side.
    pub acknowledged: u32,
    pub(super) flags: u8,
    /// Data of the segment.
    pub payload: Vec<u8>,
}

impl Segment {
    /// Reads an Ethernet frame; None for anything but TCP.
    pub fn parse(time_ns: u64, frame: &[u8]) -> Option<Self> {
        let packet = frame.get(14..)?;
        let (source, destination, tcp) = match u16_at(frame, 12)? {
            0x0800 => ipv4(packet)?,
            0x86dd => ipv6(packet)?,
            _ => return None,
        };
        let header = usize::from(*tcp.get(12)? >> 4) * 4;
        Some(Self {
            time_ns,
            source: SocketAddr::new(source, u16_at(tcp, 0)?),
            destination: SocketAddr::new(destination, u16_at(tcp, 2)?),
            sequence: u32::from_be_bytes(tcp.get(4..8)?.try_into().ok()?),
            acknowledged: u32::from_be_bytes(tcp.get(8..12)?.try_into().ok()?),
            flags: *tcp.get(13)?,
            payload: tcp.get(header..)?.to_vec(),
        })
    }

    /// Tells whether the segment has FIN.
    pub fn is_fin(&self) -> bool {
        self.flags & 0x01 != 0
    }

    /// Tells whether the segment has SYN, of either side.
    pub fn is_syn(&self) -> bool {
        self.flags & 0x02 != 0
    }

    /// Tells whether the segment has RST.
    pub fn is_rst(&self) -> bool {
        self.flags & 0x04 != 0
    }

    /// Tells whether the segment has ACK.
    pub fn is_ack(&self) -> bool {
        self.flags & 0x10 != 0
    }
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(
        bytes.get(offset..offset + 2)?.try_into().ok()?,
    ))
}

fn ipv4(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header = usize::from(*packet.first()? & 0x0f) * 4;
    let total = usize::from(u16_at(packet, 2)?);
    let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let destination: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    (*packet.get(9)? == 6).then_some(())?;
    Some((
        source.into(),
        destination.into(),
        packet.get(header..total)?,
    ))
}

fn ipv6(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let length = usize::from(u16_at(packet, 4)?);
    let source: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
    let destination: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
    (*packet.get(6)? == 6).then_some(())?;
    Some((
        source.into(),
        destination.into(),
        packet.get(40..40 + length)?,
    ))
}
