//! Servers for the clients. Each is started on an unused port, counts by itself, and ends on drop.

mod dante;
mod go;
mod nginx;
mod openssl;
mod postgres;
pub mod proxy;
mod redis;
mod relay;
mod script;
mod sshd;
mod testbed;
mod thread;
mod tinyproxy;

use std::net::TcpStream;
use std::process::Command;

use anyhow::Result;

pub use dante::Dante;
pub use go::{Go, GoOptions};
pub use nginx::{Nginx, NginxOptions};
pub use openssl::OpenSsl;
pub use postgres::Postgres;
pub use redis::Redis;
pub use relay::Relay;
pub use script::Script;
pub use sshd::Sshd;
pub use testbed::{Testbed, origin, tls_13};
pub use thread::{Threaded, answer, chunked, read_client_hello, reset, thinking};
pub use tinyproxy::Tinyproxy;

use crate::process::{PATIENCE, output, wait_for};

/// Counts of a server; `None` for counts that the server cannot know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Connections accepted.
    pub connections: Option<u64>,
    /// Connections that carried a request.
    pub used: Option<u64>,
    /// Requests answered.
    pub requests: Option<u64>,
    /// Full handshakes completed.
    pub full: Option<u64>,
    /// Resumed handshakes completed.
    pub resumed: Option<u64>,
    /// Handshakes that failed.
    pub failed: Option<u64>,
    /// Requests over HTTP/2.
    pub http2: Option<u64>,
}

/// Waits until a server listens on the port. It reads the list of sockets, because a trial connection would be counted.
fn wait_until_listening(prefix: &[String], port: u16) -> Result<()> {
    let filter = format!("sport = :{port}");
    let words: Vec<&str> = prefix
        .iter()
        .map(String::as_str)
        .chain(["ss", "-Htln", &filter])
        .collect();
    wait_for(&format!("a listener on port {port}"), PATIENCE, || {
        let listed = output(Command::new(words[0]).args(&words[1..]))?;
        Ok((!listed.trim().is_empty()).then_some(()))
    })
}

/// Sends the bytes, and ignores that the peer may be gone.
pub(crate) fn write_all(stream: &mut TcpStream, bytes: &[u8]) {
    use std::io::Write;
    let _ = stream.write_all(bytes);
}
