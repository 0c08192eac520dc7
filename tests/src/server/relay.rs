//! A local TCP proxy: it passes bytes on in both directions and looks at none.

use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};

use anyhow::Result;

use super::Threaded;
use crate::port;

/// A running relay on one port of both loopback addresses.
pub struct Relay {
    listeners: [Threaded; 2],
}

impl Relay {
    /// Starts a relay to a port on 127.0.0.1.
    pub fn start(upstream: u16) -> Result<Self> {
        Self::start_to((Ipv4Addr::LOCALHOST, upstream).into())
    }

    /// Starts a relay to an address.
    pub fn start_to(upstream: SocketAddr) -> Result<Self> {
        let port = port::unused()?;
        let serve = move |client| pass_on(client, upstream);
        Ok(Self {
            listeners: [
                Threaded::start_at((Ipv4Addr::LOCALHOST, port).into(), serve)?,
                Threaded::start_at((Ipv6Addr::LOCALHOST, port).into(), serve)?,
            ],
        })
    }

    /// Port of the relay.
    pub fn port(&self) -> u16 {
        self.listeners[0].port()
    }

    /// Number of connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.listeners.iter().map(Threaded::accepted).sum()
    }
}

/// Passes everything on until both sides have closed.
fn pass_on(client: TcpStream, upstream: SocketAddr) {
    let Ok(server) = TcpStream::connect(upstream) else {
        return;
    };
    let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    // Small segments are passed on at once, as a proxy for HTTP does.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let forward = std::thread::spawn(move || copy(from_client, to_server));
    copy(server, client);
    let _ = forward.join();
}

/// Copies until the end of `from`, and passes the end on too.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
