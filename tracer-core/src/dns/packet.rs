//! DNS record of the kernel, validated.

use tracer_common::{
    dns::{DNS_HEAD, DnsRecord, transport},
    record::{Endpoint, direction},
};
use zerocopy::FromBytes;

/// Payload of a packet to or from port 53.
#[derive(Debug)]
pub struct Packet<'a> {
    /// Time of the packet, ns.
    pub time_ns: u64,
    /// Socket cookie.
    pub cookie: u64,
    /// Owner and addresses.
    pub endpoint: &'a Endpoint,
    /// True if the owner sent the packet.
    pub egress: bool,
    /// True for a TCP segment, false for a datagram.
    pub tcp: bool,
    /// Position of the first byte in a TCP stream, counted from 1.
    pub position: u32,
    /// Length of the payload.
    pub length: u32,
    /// First bytes of the payload.
    pub bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a record. The error is the number of bytes needed when there are fewer.
    pub fn read(bytes: &'a [u8]) -> Result<Self, usize> {
        let (head, payload) = DnsRecord::<0>::ref_from_prefix(bytes).map_err(|_| DNS_HEAD)?;
        let captured = usize::from(head.captured);
        let payload = payload.get(..captured).ok_or(DNS_HEAD + captured)?;
        Ok(Self {
            time_ns: head.header.time_ns,
            cookie: head.header.cookie,
            endpoint: &head.endpoint,
            egress: head.direction == direction::EGRESS,
            tcp: head.transport == transport::TCP,
            position: head.position,
            length: head.length,
            bytes: payload,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use tracer_common::record::COMM_LEN;

    use super::*;

    /// Endpoint of process 7.
    pub(crate) static ENDPOINT: Endpoint = Endpoint {
        cgroup: 0,
        tgid: 7,
        netns: 0,
        family: 2,
        local_port: 40_000,
        remote_port: 53,
        pad: 0,
        local: [0; 16],
        remote: [0; 16],
        comm: [0; COMM_LEN],
    };

    /// Datagram that was sent, on socket 1 at time 0.
    pub(crate) fn packet(bytes: &[u8]) -> Packet<'_> {
        Packet {
            time_ns: 0,
            cookie: 1,
            endpoint: &ENDPOINT,
            egress: true,
            tcp: false,
            position: 0,
            length: bytes.len() as u32,
            bytes,
        }
    }
}
