//! Snapshots of the TCP sockets of a network namespace over inet_diag, which `ss` uses too.
//!
//! No tracepoint reports the end of TIME_WAIT, so the number of sockets in this state comes from here. Cookies of
//! sockets are those that the kernel programs see. A netlink socket belongs to the namespace that it was opened in.
//! Source: `include/uapi/linux/inet_diag.h`, sock_diag(7).

use std::io;
use std::net::SocketAddr;
use std::ops::BitOr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};
use tracer_common::tcp_state;
use tracer_core::live::Activity;

use self::message::{read_answers, request};
use self::namespace::in_netns;
pub(crate) use self::namespace::{netns_inum, of_process, port_range, reserved_ports};

mod message;
mod namespace;

/// Size of the buffer for an answer; the kernel fills up to 32 KiB of it at a time.
const BUFFER_BYTES: usize = 256 << 10;
/// Attempts at an uninterrupted snapshot; the last one is taken even if it was interrupted.
const ATTEMPTS: u32 = 3;

/// Reasons why sockets could not be listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiagError {
    /// The netlink family or the TCP part of it is missing.
    #[error(
        "this kernel cannot list TCP sockets: {source}; load the module tcp_diag (modprobe tcp_diag) or use a kernel with CONFIG_INET_DIAG=y and CONFIG_INET_TCP_DIAG=y"
    )]
    NoTcpDiag {
        /// Error of the system.
        source: io::Error,
    },
    /// A step failed, or the kernel answered with an error.
    #[error("cannot list TCP sockets, {what}: {source}")]
    Netlink {
        /// The step that failed.
        what: &'static str,
        /// Error of the system.
        source: io::Error,
    },
    /// The answer is too short.
    #[error(
        "the kernel's list of TCP sockets has a message of {got} bytes, expected at least {expected}; please report this kernel's release"
    )]
    Malformed {
        /// Length in the message, or bytes left.
        got: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// The network namespace cannot be found or entered.
    #[error(
        "cannot {what} the network namespace {path}: {source}; it must exist, and tracer needs CAP_SYS_PTRACE and CAP_SYS_ADMIN (run as root)"
    )]
    Namespace {
        /// The step that failed.
        what: &'static str,
        /// File that the step was about.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The file of the port range does not hold two numbers.
    #[error("net.ipv4.ip_local_port_range is {got:?}, expected two port numbers")]
    PortRange {
        /// The text found.
        got: String,
    },
}

/// A set of TCP states, a bit for each number in [`tcp_state`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StateMask(u32);

impl StateMask {
    /// Sockets that have closed first and wait for late segments.
    pub(crate) const TIME_WAIT: Self = Self::of(tcp_state::TIME_WAIT);
    /// Sockets that accept connections.
    pub(crate) const LISTEN: Self = Self::of(tcp_state::LISTEN);
    /// States from the first SYN until closed, without TIME_WAIT: SYN_SENT to FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING.
    pub(crate) const CONNECTION: Self = Self::of(tcp_state::ESTABLISHED)
        .and(tcp_state::SYN_SENT)
        .and(tcp_state::SYN_RECV)
        .and(tcp_state::FIN_WAIT1)
        .and(tcp_state::FIN_WAIT2)
        .and(tcp_state::CLOSE_WAIT)
        .and(tcp_state::LAST_ACK)
        .and(tcp_state::CLOSING);

    /// A set of one state.
    const fn of(state: u8) -> Self {
        Self(1 << (state & 31))
    }

    /// This set and one more state.
    const fn and(self, state: u8) -> Self {
        Self(self.0 | Self::of(state).0)
    }
}

impl BitOr for StateMask {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A TCP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Socket {
    /// The kernel's number of this socket, kept through TIME_WAIT; what bpf_get_socket_cookie() gives.
    pub(crate) cookie: u64,
    /// State, one of [`tcp_state`].
    pub(crate) state: u8,
    /// Local address. IPv4 in IPv6 (`::ffff:a.b.c.d`) is given as IPv4.
    pub(crate) local: SocketAddr,
    /// Remote address, in the same form.
    pub(crate) remote: SocketAddr,
    /// Inode as in the links of /proc/PID/fd; 0 when no process holds it.
    pub(crate) inode: u32,
    /// User who made the socket; 0 in TIME_WAIT.
    pub(crate) uid: u32,
    /// Traffic of the socket, if it was asked for and the state has any.
    pub(crate) activity: Option<Activity>,
}

/// Data to ask for of each socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// State and addresses.
    Plain,
    /// State, addresses and traffic, which makes each answer four times as large.
    Activity,
}

/// Completeness of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an interrupted listing may lack or repeat sockets"]
pub(crate) enum Listing {
    /// Every socket was listed once.
    Whole,
    /// The kernel's tables changed during the listing, so some sockets may be missing or repeated.
    Interrupted,
}

/// An inet_diag socket in one network namespace.
pub(crate) struct Diag {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Diag {
    /// Opens a socket for the network namespace of the calling thread.
    pub(crate) fn open() -> Result<Self, DiagError> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkSockDiag,
        )
        .map_err(|e| failure("opening a netlink socket", e.into()))?;
        Ok(Self {
            socket,
            buffer: vec![0; BUFFER_BYTES],
            sequence: 0,
        })
    }

    /// Opens a socket for a network namespace, given by its file ([`of_process`], or a name under /run/netns).
    pub(crate) fn open_in(netns: &Path) -> Result<Self, DiagError> {
        in_netns(netns, Self::open)
    }

    /// The sockets in the given states; the listing is repeated when it was interrupted.
    pub(crate) fn snapshot(
        &mut self,
        states: StateMask,
        detail: Detail,
    ) -> Result<Vec<Socket>, DiagError> {
        let mut sockets = Vec::new();
        for _ in 0..ATTEMPTS {
            sockets.clear();
            if self.for_each(states, detail, |s| sockets.push(*s))? == Listing::Whole {
                break;
            }
        }
        Ok(sockets)
    }

    /// Calls `each` for each socket in the given states, IPv4 first, then IPv6.
    pub(crate) fn for_each(
        &mut self,
        states: StateMask,
        detail: Detail,
        mut each: impl FnMut(&Socket),
    ) -> Result<Listing, DiagError> {
        let v4 = self.list(libc::AF_INET, states, detail, &mut each)?;
        let v6 = self.list(libc::AF_INET6, states, detail, &mut each)?;
        Ok(if v4 == Listing::Whole { v6 } else { v4 })
    }

    /// Listening ports of this namespace, ascending.
    pub(crate) fn listening_ports(&mut self) -> Result<Vec<u16>, DiagError> {
        let mut ports: Vec<u16> = self
            .snapshot(StateMask::LISTEN, Detail::Plain)?
            .iter()
            .map(|s| s.local.port())
            .collect();
        ports.sort_unstable();
        ports.dedup();
        Ok(ports)
    }

    /// Lists the sockets of one family.
    fn list(
        &mut self,
        family: i32,
        states: StateMask,
        detail: Detail,
        each: &mut impl FnMut(&Socket),
    ) -> Result<Listing, DiagError> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = request(family, states, detail, self.sequence);
        send(self.socket.as_raw_fd(), request.as_ref(), MsgFlags::empty())
            .map_err(|e| failure("sending the request", e.into()))?;
        let (sequence, mut listing) = (self.sequence, Listing::Whole);
        loop {
            if read_answers(self.receive()?, sequence, &mut listing, each)?.is_break() {
                return Ok(listing);
            }
        }
    }

    /// Waits for the next part of the kernel's answer.
    fn receive(&mut self) -> Result<&[u8], DiagError> {
        loop {
            match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Ok(length) => return Ok(&self.buffer[..length]),
                Err(Errno::EINTR) => {}
                Err(e) => return Err(failure("receiving the answer", e.into())),
            }
        }
    }
}

/// Error of a step. ENOENT and EPROTONOSUPPORT mean that the kernel lacks inet_diag.
fn failure(what: &'static str, source: io::Error) -> DiagError {
    match source.raw_os_error() {
        Some(libc::ENOENT | libc::EPROTONOSUPPORT) => DiagError::NoTcpDiag { source },
        _ => DiagError::Netlink { what, source },
    }
}

#[cfg(test)]
mod tests;
