//! Ports of a site.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};

use anyhow::Result;
use tokio::net::TcpSocket;

/// Ports of a site, which are taken before the plan is made, because the plan names them.
#[derive(Debug)]
pub struct Sockets {
    /// Listener without TLS.
    pub(super) clear: StdListener,
    /// Listener with TLS.
    pub(super) tls: StdListener,
    /// Socket that is held so that nobody else listens on its port.
    pub(super) dead: TcpSocket,
    dead_port: u16,
}

impl Sockets {
    /// Takes free ports of loopback.
    pub fn open() -> Result<Self> {
        let listen = || -> io::Result<StdListener> {
            let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let dead = TcpSocket::new_v4()?;
        dead.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let dead_port = dead.local_addr()?.port();
        Ok(Self {
            clear: listen()?,
            tls: listen()?,
            dead,
            dead_port,
        })
    }

    /// Ports without and with TLS.
    pub(super) fn ports(&self) -> (u16, u16) {
        let port = |listener: &StdListener| listener.local_addr().map_or(0, |at| at.port());
        (port(&self.clear), port(&self.tls))
    }

    /// Port where nobody listens.
    pub(super) fn dead_port(&self) -> u16 {
        self.dead_port
    }
}
