//! What is wrong with the origin, on purpose.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

/// Faults of the origin; the default is none.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Requests before the next one is hit by [`Faults::reset`], [`Faults::slow_first_byte`] and
    /// [`Faults::slow_body`], counted over all connections: 0 hits every request, 9 every tenth.
    pub spared: u64,
    /// A reset instead of a response.
    pub reset: bool,
    /// Silence before a response begins.
    pub slow_first_byte: Duration,
    /// A body takes this much longer, piece by piece.
    pub slow_body: Duration,
    /// After each response the server closes its half without saying so, and keeps the other open.
    pub half_close: bool,
    /// Whether connections come about.
    pub reach: Reach,
}

/// What becomes of a SYN.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Accepted.
    #[default]
    Open,
    /// Answered by a reset: nobody listens on the port, which is held.
    Refused,
    /// Not answered: the queue of the listening socket is full and never emptied.
    BlackHole,
}

impl Faults {
    /// Whether request `number` (the first is 0) is hit.
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

/// Kept open for what it does to others.
#[derive(Debug)]
#[allow(dead_code, reason = "held for the port and the full queue, never read")]
enum Held {
    Bound(TcpSocket),
    Full(tokio::net::TcpListener, Vec<TcpStream>),
}

impl DeadPort {
    /// `reach` is not [`Reach::Open`].
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

/// Connects until the kernel answers no more.
async fn fill_queue(address: SocketAddr) -> io::Result<Vec<TcpStream>> {
    /// Longer than any handshake within a machine.
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
