//! A DNS record of the kernel, checked.

use tracer_common::{
    dns::{DNS_HEAD, DnsRecord, transport},
    record::{Endpoint, direction},
};
use zerocopy::FromBytes;

/// Payload to or from port 53.
#[derive(Debug)]
pub struct Packet<'a> {
    /// When it passed.
    pub time_ns: u64,
    /// Socket cookie.
    pub cookie: u64,
    /// Owner and addresses.
    pub endpoint: &'a Endpoint,
    /// Sent by the owner.
    pub egress: bool,
    /// A segment, not a datagram.
    pub tcp: bool,
    /// TCP: position of its first byte in the stream, from 1 on.
    pub position: u32,
    /// Its length.
    pub length: u32,
    /// Its first bytes.
    pub bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a record; how many bytes it should have had when it has fewer.
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

    /// Of process 7, socket 1, at time 0.
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

    /// A datagram sent.
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
