//! The kernel's list of sockets, read through `ss`: the witness for TIME_WAIT and open connections.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{output, wait_for};

/// A TCP socket as `ss` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// `ESTAB`, `TIME-WAIT`, ….
    pub state: String,
    /// Local address and port.
    pub local: String,
    /// Remote address and port.
    pub remote: String,
    /// True if only the kernel's mini-socket (`struct inet_timewait_sock`) is left of a closed connection, in whichever state it is shown.
    pub is_mini_socket: bool,
}

/// Lists sockets without listeners whose remote port is `port`: the clients' side.
pub fn toward(port: u16) -> Result<Vec<Socket>> {
    list(&format!("dport = :{port}"))
}

/// Lists sockets without listeners whose local port is `port`: the server's side.
pub fn from(port: u16) -> Result<Vec<Socket>> {
    list(&format!("sport = :{port}"))
}

fn list(filter: &str) -> Result<Vec<Socket>> {
    let text = output(Command::new("ss").args(["-Htano", filter]))?;
    Ok(text
        .lines()
        .filter_map(parse)
        .filter(|socket| socket.state != "LISTEN")
        .collect())
}

fn parse(line: &str) -> Option<Socket> {
    let mut words = line.split_whitespace();
    let state = words.next()?.to_owned();
    let (local, remote) = (words.nth(2)?.to_owned(), words.next()?.to_owned());
    Some(Socket {
        state,
        local,
        remote,
        is_mini_socket: line.contains("timer:(timewait"),
    })
}

/// Number of retransmitted SYNs in the network namespace of the calling thread.
pub fn syn_retransmits() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/net/netstat")?;
    let mut rows = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (
        rows.next().unwrap_or_default(),
        rows.next().unwrap_or_default(),
    );
    let column = names
        .split(' ')
        .position(|name| name == "TCPSynRetrans")
        .context("no such count")?;
    Ok(values
        .split(' ')
        .nth(column)
        .context("a short row")?
        .parse()?)
}

/// Number of `sockets` in TIME_WAIT.
pub fn time_wait(sockets: &[Socket]) -> u64 {
    sockets
        .iter()
        .filter(|socket| socket.state == "TIME-WAIT")
        .count() as u64
}

/// Waits until every connection with `port` on either side is closed or in TIME_WAIT.
pub fn settle(port: u16) -> Result<()> {
    wait_for(
        &format!("connections on port {port} to close"),
        Duration::from_secs(10),
        || {
            let open = |socket: &Socket| socket.state != "TIME-WAIT";
            let busy = toward(port)?.iter().any(open) || from(port)?.iter().any(open);
            Ok((!busy).then_some(()))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_ss_is_read() {
        let socket = parse("TIME-WAIT 0      0          127.0.0.1:40000    127.0.0.1:443").unwrap();
        assert_eq!(
            (&*socket.state, &*socket.local, &*socket.remote),
            ("TIME-WAIT", "127.0.0.1:40000", "127.0.0.1:443")
        );
        assert_eq!(parse("ESTAB 0"), None);
    }
}
