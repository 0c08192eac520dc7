//! Connections and byte streams, put together from segments.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use super::Segment;

/// Side that ended a connection, and how: the sender of the first FIN or RST, as the client saw it.
/// When two of them cross, the client has sent its own before it received the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closer {
    /// FIN from the client.
    Client,
    /// FIN from the server.
    Server,
    /// RST from the client.
    ClientReset,
    /// RST from the server.
    ServerReset,
}

/// Bytes that one side sent, in order, each with the time when it was first seen.
#[derive(Debug, Default)]
pub struct Stream {
    start: Option<u32>,
    segments: BTreeMap<u32, (u64, Vec<u8>)>,
}

impl Stream {
    fn add(&mut self, segment: &Segment) {
        let Some(start) = self.start.filter(|_| !segment.payload.is_empty()) else {
            return;
        };
        let offset = segment.sequence.wrapping_sub(start);
        let kept = self
            .segments
            .get(&offset)
            .map_or(0, |(_, bytes)| bytes.len());
        if segment.payload.len() > kept {
            self.segments
                .insert(offset, (segment.time_ns, segment.payload.clone()));
        }
    }

    /// Gives the stream up to its first gap, with the time when each byte arrived.
    pub fn bytes(&self) -> (Vec<u8>, Times) {
        let mut bytes: Vec<u8> = Vec::new();
        let mut times = Vec::new();
        for (&offset, (time_ns, payload)) in &self.segments {
            let Some(known) = bytes.len().checked_sub(offset as usize) else {
                break;
            };
            if let Some(new) = payload.get(known..).filter(|new| !new.is_empty()) {
                times.push((bytes.len(), *time_ns));
                bytes.extend_from_slice(new);
            }
        }
        (bytes, Times(times))
    }
}

/// Times by stream offset.
#[derive(Debug)]
pub struct Times(Vec<(usize, u64)>);

impl Times {
    /// Times from which each byte could be read: when it and all bytes before it were there.
    pub(super) fn readable(mut self) -> Self {
        let mut latest_ns = 0;
        for (_, time_ns) in &mut self.0 {
            latest_ns = latest_ns.max(*time_ns);
            *time_ns = latest_ns;
        }
        self
    }

    /// Time when the byte at `offset` was first seen.
    pub fn at(&self, offset: usize) -> Option<u64> {
        let after = self.0.partition_point(|(start, _)| *start <= offset);
        self.0
            .get(after.checked_sub(1)?)
            .map(|(_, time_ns)| *time_ns)
    }
}

/// A connection, or an attempt at it.
#[derive(Debug)]
pub struct Flow {
    /// The client's address.
    pub client: SocketAddr,
    /// The server's address.
    pub server: SocketAddr,
    /// Times of the SYNs; all but the first are retransmissions.
    pub syn_ns: Vec<u64>,
    /// Time of the first SYN/ACK.
    pub syn_ack_ns: Option<u64>,
    /// The client's bytes.
    pub sent: Stream,
    /// The server's bytes.
    pub received: Stream,
    /// Side that ended the connection.
    pub closer: Option<Closer>,
    /// Acknowledgement number for the server's FIN.
    server_fin_end: Option<u32>,
}

impl Flow {
    fn open(syn: &Segment) -> Self {
        let sent = Stream {
            start: Some(syn.sequence.wrapping_add(1)),
            ..Stream::default()
        };
        Self {
            client: syn.source,
            server: syn.destination,
            syn_ns: Vec::new(),
            syn_ack_ns: None,
            sent,
            received: Stream::default(),
            closer: None,
            server_fin_end: None,
        }
    }

    fn is_same_attempt(&self, syn: &Segment) -> bool {
        self.sent.start == Some(syn.sequence.wrapping_add(1))
    }

    fn add(&mut self, segment: &Segment) {
        let from_client = segment.source == self.client;
        if segment.is_syn() && from_client {
            self.syn_ns.push(segment.time_ns);
        } else if segment.is_syn() {
            self.syn_ack_ns.get_or_insert(segment.time_ns);
            self.received.start = Some(segment.sequence.wrapping_add(1));
        } else if from_client {
            self.sent.add(segment);
        } else {
            self.received.add(segment);
        }
        self.end(segment, from_client);
    }

    /// Tells whether the client sent its FIN or RST before it had the server's. A socket that has received an RST
    /// is gone: it sends nothing itself, and the answers that the kernel sends in its place have no ACK.
    fn crossed(&self, segment: &Segment) -> bool {
        match self.closer {
            Some(Closer::Server) => self
                .server_fin_end
                .is_some_and(|end| segment.acknowledged != end),
            Some(Closer::ServerReset) => segment.is_ack(),
            _ => false,
        }
    }

    fn end(&mut self, segment: &Segment, from_client: bool) {
        let closer = match (segment.is_rst(), segment.is_fin(), from_client) {
            (true, _, true) => Closer::ClientReset,
            (true, _, false) => Closer::ServerReset,
            (_, true, true) => Closer::Client,
            (_, true, false) => Closer::Server,
            _ => return,
        };
        let crossed = from_client && self.crossed(segment);
        if self.closer.is_none() || crossed {
            self.closer = Some(closer);
        }
        if closer == Closer::Server {
            let length = u32::try_from(segment.payload.len()).unwrap_or_default();
            self.server_fin_end = Some(segment.sequence.wrapping_add(length).wrapping_add(1));
        }
    }
}

/// Puts segments together to connections. Those without a SYN in the capture are left out.
pub fn flows(segments: &[Segment], server_port: u16) -> Vec<Flow> {
    let mut flows: Vec<Flow> = Vec::new();
    let mut latest: HashMap<(SocketAddr, SocketAddr), usize> = HashMap::new();
    for segment in segments {
        let key = match segment.destination.port() == server_port {
            true => (segment.source, segment.destination),
            false => (segment.destination, segment.source),
        };
        let opens = segment.is_syn() && !segment.is_ack();
        let known = latest.get(&key).and_then(|&index| flows.get(index));
        if opens && !known.is_some_and(|flow| flow.is_same_attempt(segment)) {
            latest.insert(key, flows.len());
            flows.push(Flow::open(segment));
        }
        if let Some(flow) = latest.get(&key).and_then(|&index| flows.get_mut(index)) {
            flow.add(segment);
        }
    }
    flows
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIN_ACK: u8 = 0x11;
    const RST: u8 = 0x04;
    const RST_ACK: u8 = 0x14;

    /// Finds the closer among the ends `(from the client, flags, sequence, acknowledged)` after the SYN.
    fn closer(ends: &[(bool, u8, u32, u32)]) -> Option<Closer> {
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let server = SocketAddr::from(([127, 0, 0, 1], 443));
        let segment = |&(from_client, flags, sequence, acknowledged)| Segment {
            time_ns: 0,
            source: if from_client { client } else { server },
            destination: if from_client { server } else { client },
            sequence,
            acknowledged,
            flags,
            payload: Vec::new(),
        };
        let mut flow = Flow::open(&segment(&(true, 0x02, 0, 0)));
        for end in ends {
            flow.add(&segment(end));
        }
        flow.closer
    }

    #[test]
    fn the_client_saw_its_own_end_first_when_two_cross() {
        use Closer::{Client, ClientReset, Server, ServerReset};
        let (server_fin, server_rst) = ((false, FIN_ACK, 900, 100), (false, RST, 900, 0));
        for (ends, expected) in [
            (vec![server_fin, (true, FIN_ACK, 100, 901)], Server),
            (vec![server_fin, (true, FIN_ACK, 100, 900)], Client),
            (vec![server_fin, (true, RST_ACK, 100, 900)], ClientReset),
            (vec![server_rst], ServerReset),
            (vec![server_rst, (true, RST, 100, 0)], ServerReset),
            (vec![server_rst, (true, RST_ACK, 100, 900)], ClientReset),
            (vec![server_rst, (true, FIN_ACK, 100, 900)], Client),
            (vec![(true, RST_ACK, 100, 900), server_rst], ClientReset),
        ] {
            assert_eq!(closer(&ends), Some(expected), "{ends:?}");
        }
    }
}
