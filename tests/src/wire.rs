//! Reading of packets: connections, the side that closed first, TLS handshakes and their times.
//! Written from the RFCs without any code of tracer, so that the two can disagree.

mod flow;
mod handshake;
mod http2;
mod secrets;
mod segment;

pub use flow::{Closer, Flow, Stream, flows};
pub use handshake::{Handshake, Version, handshake};
pub use http2::{Exchange, exchanges};
pub use secrets::{Plaintext, Secrets};
pub use segment::Segment;

/// Sums that a test compares with an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Connections whose SYN was answered by SYN/ACK.
    pub established: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Complete full handshakes.
    pub full: u64,
    /// Complete resumed handshakes.
    pub resumed: u64,
    /// Complete TLS 1.2 handshakes.
    pub tls12: u64,
    /// Complete TLS 1.3 handshakes.
    pub tls13: u64,
    /// Connections the client ended first with FIN.
    pub by_client: u64,
    /// Connections the server ended first with FIN.
    pub by_server: u64,
    /// Connections the client ended first with RST.
    pub by_client_reset: u64,
    /// Connections the server ended first with RST.
    pub by_server_reset: u64,
    /// SYN segments sent again.
    pub syn_retransmits: u64,
}

/// Adds up `flows`.
pub fn sums(flows: &[Flow]) -> Sums {
    let mut sums = Sums::default();
    for flow in flows {
        sums.syn_retransmits += flow.syn_ns.len().saturating_sub(1) as u64;
        if flow.syn_ack_ns.is_none() {
            sums.refused += u64::from(flow.closer == Some(Closer::ServerReset));
            continue;
        }
        sums.established += 1;
        match flow.closer {
            Some(Closer::Client) => sums.by_client += 1,
            Some(Closer::Server) => sums.by_server += 1,
            Some(Closer::ClientReset) => sums.by_client_reset += 1,
            Some(Closer::ServerReset) => sums.by_server_reset += 1,
            None => {}
        }
        if let Some(handshake) = handshake(flow) {
            sums.full += u64::from(!handshake.resumed);
            sums.resumed += u64::from(handshake.resumed);
            sums.tls12 += u64::from(handshake.version == Version::Tls12);
            sums.tls13 += u64::from(handshake.version == Version::Tls13);
        }
    }
    sums
}
