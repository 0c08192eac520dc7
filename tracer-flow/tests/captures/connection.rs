//! Connections of a capture. The client is the side that sent the SYN.

use tracer_common::record::closer;

use crate::pcap::Segment;

/// Data that one side sent in a segment.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) is_sent: bool,
    pub(crate) now_ns: u64,
    pub(crate) sequence: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Data {
    /// Sequence number behind the last byte.
    pub(crate) fn end(&self) -> u32 {
        self.sequence.wrapping_add(self.bytes.len() as u32)
    }
}

/// Connection, from its SYN on.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    client: Vec<u8>,
    server: Vec<u8>,
    pub(crate) client_syn: u32,
    pub(crate) server_syn: Option<u32>,
    pub(crate) data: Vec<Data>,
    /// Side that closed first, one of `record::closer`, and the time.
    pub(crate) closed: Option<(u8, u64)>,
}

impl Connection {
    fn open(syn: &Segment) -> Self {
        Self {
            client: syn.source.clone(),
            server: syn.destination.clone(),
            client_syn: syn.sequence,
            server_syn: None,
            data: Vec::new(),
            closed: None,
        }
    }

    fn holds(&self, segment: &Segment) -> bool {
        let ends = [&segment.source, &segment.destination];
        ends == [&self.client, &self.server] || ends == [&self.server, &self.client]
    }

    fn add(&mut self, segment: Segment) {
        let is_sent = segment.source == self.client;
        if segment.is_syn() && !is_sent {
            self.server_syn = Some(segment.sequence);
        }
        let closer = match (segment.is_rst(), segment.is_fin(), is_sent) {
            (true, _, true) => Some(closer::CLIENT_RESET),
            (true, _, false) => Some(closer::SERVER_RESET),
            (_, true, true) => Some(closer::CLIENT),
            (_, true, false) => Some(closer::SERVER),
            _ => None,
        };
        let closed = closer.map(|closer| (closer, segment.now_ns));
        self.closed = self.closed.or(closed);
        if !segment.bytes.is_empty() {
            self.data.push(Data {
                is_sent,
                now_ns: segment.now_ns,
                sequence: segment.sequence,
                bytes: segment.bytes,
            });
        }
    }
}

/// Puts segments together to connections.
pub(crate) fn connections(segments: Vec<Segment>) -> Vec<Connection> {
    let mut connections: Vec<Connection> = Vec::new();
    for segment in segments {
        if segment.opens() {
            connections.push(Connection::open(&segment));
        }
        let of_pair = connections.iter_mut().rev();
        let mut of_pair = of_pair.skip_while(|connection| !connection.holds(&segment));
        of_pair
            .next()
            .expect("every connection begins in the capture")
            .add(segment);
    }
    connections
}
