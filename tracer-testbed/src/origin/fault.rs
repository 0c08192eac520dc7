//! Faults that an origin has on purpose.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

/// Faults of the origin; the default is none.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Number of requests, over all connections, that are spared before [`Faults::reset`], [`Faults::slow_first_byte`]
    /// and [`Faults::slow_body`] hit the next one: 0 hits every request, 9 every tenth.
    pub spared: u64,
    /// True if a request is answered by a reset.
    pub reset: bool,
    /// Silence before a response begins.
    pub slow_first_byte: Duration,
    /// Additional time for a body, which is sent in pieces.
    pub slow_body: Duration,
    /// True if the server closes its half after each response without announcing it, and keeps the other half open.
    pub half_close: bool,
    /// Answer to connection attempts.
    pub reach: Reach,
}

/// Answer to a SYN.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Connections are accepted.
    #[default]
    Open,
    /// A reset answers: nobody listens on the port, which is reserved.
    Refused,
    /// No answer comes: the queue of the listening socket is full and never emptied.
    BlackHole,
}

impl Faults {
    /// Tells whether the faults hit request `number`; the first is 0.
    pub(super) fn hits(&self, number: u64) -> bool {
        number % (self.spared + 1) == self.spared
    }
}

/// A port at which nothing is ever accepted.
#[derive(Debug)]
pub(super) struct DeadPort {
    pub(super) address: SocketAddr,
    _socket: Held,
}

/// Sockets that are kept open to make the port dead.
#[derive(Debug)]
#[allow(dead_code, reason = "held for the port and the full queue, never read")]
enum Held {
    Bound(TcpSocket),
    Full(tokio::net::TcpListener, Vec<TcpStream>),
}

impl DeadPort {
    /// Makes a dead port; `reach` is not [`Reach::Open`].
    pub(super) async fn hold(socket: TcpSocket, reach: Reach) -> io::Result<Self> {
        if reach == Reach::Refused {
            return Ok(Self {
                address: socket.local_addr()?,
                _socket: Held::Bound(socket),
            });
        }
        let listener = socket.listen(1)?;
        let address = listener.local_addr()?;
        let own = fill_queue(address).await?;
        Ok(Self {
            address,
            _socket: Held::Full(listener, own),
        })
    }
}

/// Connects until the kernel no longer answers.
async fn fill_queue(address: SocketAddr) -> io::Result<Vec<TcpStream>> {
    /// Time without an answer that is longer than any handshake within a machine.
    const SILENCE: Duration = Duration::from_millis(250);
    let mut own = Vec::new();
    while let Ok(stream) = tokio::time::timeout(SILENCE, TcpStream::connect(address)).await {
        own.push(stream?);
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenth_request_is_hit() {
        let faults = Faults {
            spared: 9,
            ..Faults::default()
        };
        assert_eq!((0..100).filter(|number| faults.hits(*number)).count(), 10);
        assert!((0..5).all(|number| Faults::default().hits(number)));
    }
}
