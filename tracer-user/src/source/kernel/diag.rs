//! Snapshots of the TCP sockets of a network namespace over inet_diag, what `ss` reads too.
//!
//! TIME_WAIT has no tracepoint that tells its end, so its current count comes from here; the cookie of a
//! socket is the one the kernel programs see. Source: `include/uapi/linux/inet_diag.h`, sock_diag(7).
//! Requests and answers are laid out by hand: a snapshot may hold 30,000 sockets and the fixed part of
//! an answer is all that is wanted. A netlink socket stays in the namespace it was opened in.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::{BitOr, ControlFlow};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR};
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, SOCK_DIAG_BY_FAMILY};
use netlink_sys::Socket as Netlink;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use nix::sched::{CloneFlags, setns};
use tracer_common::tcp_state;
use tracer_core::live::Activity;

/// Room for one answer; the kernel fills up to 32 KiB of it at a time.
const BUFFER_BYTES: usize = 256 << 10;
/// Bytes of `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// Bytes of `struct inet_diag_req_v2`.
const REQUEST_BYTES: usize = 56;
/// Bytes of `struct inet_diag_msg`.
const ANSWER_BYTES: usize = 72;
/// `INET_DIAG_INFO`: the attribute that holds `struct tcp_info`.
const INFO: u16 = 2;
/// Snapshots that were interrupted before one is taken as it is.
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
    /// Opening, sending, receiving, or an error the kernel answered.
    #[error("cannot list TCP sockets, {what}: {source}")]
    Netlink {
        /// The step that failed.
        what: &'static str,
        /// Error of the system.
        source: io::Error,
    },
    /// An answer that is none.
    #[error(
        "the kernel's list of TCP sockets has a message of {got} bytes, expected at least {expected}; please report this kernel's release"
    )]
    Malformed {
        /// Bytes announced or left.
        got: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// The network namespace cannot be seen or entered.
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
    /// The file of the port range holds something else.
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
    /// Closed by this side first, waiting out late packets.
    pub(crate) const TIME_WAIT: Self = Self::of(tcp_state::TIME_WAIT);
    /// Accepting connections.
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

    /// One state.
    const fn of(state: u8) -> Self {
        Self(1 << (state & 31))
    }

    /// These states and one more.
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
    /// Address of this side. IPv4 in IPv6 (`::ffff:a.b.c.d`) is given as IPv4.
    pub(crate) local: SocketAddr,
    /// Address of the other side, likewise.
    pub(crate) remote: SocketAddr,
    /// Inode as in the links of /proc/PID/fd; 0 when no process holds it.
    pub(crate) inode: u32,
    /// The user who made it; 0 in TIME_WAIT.
    pub(crate) uid: u32,
    /// Traffic of the socket, when that was asked for and the state has any.
    pub(crate) activity: Option<Activity>,
}

/// Amount to ask of each socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// State and addresses.
    Plain,
    /// State, addresses and traffic, which makes each answer four times as large.
    Activity,
}

/// Quality of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an interrupted listing may lack or repeat sockets"]
pub(crate) enum Listing {
    /// Every socket was given once.
    Whole,
    /// The kernel's tables changed meanwhile in a way that may have hidden or repeated some.
    Interrupted,
}

/// An inet_diag socket in one network namespace.
pub(crate) struct Diag {
    socket: Netlink,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Diag {
    /// For the network namespace of the calling thread.
    pub(crate) fn open() -> Result<Self, DiagError> {
        let socket =
            Netlink::new(NETLINK_SOCK_DIAG).map_err(|e| failure("opening a netlink socket", e))?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            sequence: 0,
        })
    }

    /// For a network namespace by its file ([`of_process`], or a name under /run/netns). It stays that one.
    pub(crate) fn open_in(netns: &Path) -> Result<Self, DiagError> {
        in_netns(netns, Self::open)
    }

    /// The sockets in the given states, started over when the listing was interrupted.
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

    /// Gives each socket in the given states to `each`, IPv4 then IPv6, without keeping them.
    pub(crate) fn for_each(
        &mut self,
        states: StateMask,
        detail: Detail,
        mut each: impl FnMut(&Socket),
    ) -> Result<Listing, DiagError> {
        let v4 = self.list(AF_INET, states, detail, &mut each)?;
        let v6 = self.list(AF_INET6, states, detail, &mut each)?;
        Ok(if v4 == Listing::Whole { v6 } else { v4 })
    }

    /// Ports something listens on in this namespace, ascending.
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
        family: u8,
        states: StateMask,
        detail: Detail,
        each: &mut impl FnMut(&Socket),
    ) -> Result<Listing, DiagError> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = request(family, states, detail, self.sequence);
        self.socket
            .send(&request, 0)
            .map_err(|e| failure("sending the request", e))?;
        let mut listing = Listing::Whole;
        loop {
            self.receive()?;
            if read_answers(&self.buffer, self.sequence, &mut listing, each)?.is_break() {
                return Ok(listing);
            }
        }
    }

    /// Fills the buffer with one answer.
    fn receive(&mut self) -> Result<(), DiagError> {
        loop {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, 0) {
                Ok(_) => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(failure("receiving the answer", e)),
            }
        }
    }
}

/// File of the network namespace that a process is in now.
pub(crate) fn of_process(pid: u32) -> PathBuf {
    format!("/proc/{pid}/ns/net").into()
}

/// Inode number of a network namespace: equal for processes that share one.
pub(crate) fn netns_inum(netns: &Path) -> Result<u64, DiagError> {
    let meta = std::fs::metadata(netns);
    Ok(meta
        .map_err(|source| DiagError::Namespace {
            what: "see",
            path: netns.into(),
            source,
        })?
        .ino())
}

/// First and last port the kernel picks local ports from (net.ipv4.ip_local_port_range) in a network
/// namespace.
pub(crate) fn port_range(netns: &Path) -> Result<(u16, u16), DiagError> {
    in_netns(netns, || {
        // This file shows the values of the namespace of the thread that reads it.
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let text = text.map_err(|source| DiagError::Netlink {
            what: "reading the port range",
            source,
        })?;
        parse_port_range(&text).ok_or(DiagError::PortRange { got: text })
    })
}

fn parse_port_range(text: &str) -> Option<(u16, u16)> {
    let mut ports = text.split_whitespace().map(str::parse);
    Some((ports.next()?.ok()?, ports.next()?.ok()?))
}

/// Runs `work` in a network namespace: at once if it is this one, else on a thread that
/// enters it and ends, so that no thread of tracer is ever left in a foreign namespace.
fn in_netns<T: Send>(
    netns: &Path,
    work: impl FnOnce() -> Result<T, DiagError> + Send,
) -> Result<T, DiagError> {
    let failed = |what| {
        move |source| DiagError::Namespace {
            what,
            path: netns.into(),
            source,
        }
    };
    let namespace = File::open(netns).map_err(failed("open"))?;
    let own = std::fs::metadata("/proc/thread-self/ns/net").map_err(failed("compare"))?;
    if namespace.metadata().map_err(failed("compare"))?.ino() == own.ino() {
        return work();
    }
    let enter = || {
        setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(|e| failed("enter")(e.into()))?;
        work()
    };
    let ended = |_| failed("work in")(io::Error::other("the thread for it ended early"));
    std::thread::scope(|scope| scope.spawn(enter).join()).unwrap_or_else(|e| Err(ended(e)))
}

/// A dump request: `struct nlmsghdr`, then `struct inet_diag_req_v2` with an empty socket id.
fn request(
    family: u8,
    states: StateMask,
    detail: Detail,
    sequence: u32,
) -> [u8; HEADER_BYTES + REQUEST_BYTES] {
    let mut bytes = [0; HEADER_BYTES + REQUEST_BYTES];
    let length = (HEADER_BYTES + REQUEST_BYTES) as u32;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
    bytes[16] = family;
    bytes[17] = IPPROTO_TCP;
    bytes[18] = match detail {
        Detail::Plain => 0,
        Detail::Activity => 1 << (INFO - 1),
    };
    bytes[20..24].copy_from_slice(&states.0.to_ne_bytes());
    bytes
}

/// Reads the messages of one buffer; breaks at the end of the listing.
fn read_answers(
    mut rest: &[u8],
    sequence: u32,
    listing: &mut Listing,
    each: &mut impl FnMut(&Socket),
) -> Result<ControlFlow<()>, DiagError> {
    while !rest.is_empty() {
        let malformed = DiagError::Malformed {
            got: rest.len(),
            expected: HEADER_BYTES,
        };
        let header = rest.first_chunk::<HEADER_BYTES>().ok_or(malformed)?;
        let length = u32_at(header, 0) as usize;
        if length < HEADER_BYTES || length > rest.len() {
            return Err(DiagError::Malformed {
                got: rest.len(),
                expected: length.max(HEADER_BYTES),
            });
        }
        let message = Message {
            kind: u16_at(header, 4),
            flags: u16_at(header, 6),
            body: &rest[HEADER_BYTES..length],
        };
        // Left-overs of a listing that was given up have another number.
        if u32_at(header, 8) == sequence && message.read(listing, each)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        rest = &rest[length.next_multiple_of(4).min(rest.len())..];
    }
    Ok(ControlFlow::Continue(()))
}

/// A netlink message.
struct Message<'a> {
    kind: u16,
    flags: u16,
    body: &'a [u8],
}

impl Message<'_> {
    fn read(
        &self,
        listing: &mut Listing,
        each: &mut impl FnMut(&Socket),
    ) -> Result<ControlFlow<()>, DiagError> {
        if self.flags & NLM_F_DUMP_INTR != 0 {
            *listing = Listing::Interrupted;
        }
        match self.kind {
            SOCK_DIAG_BY_FAMILY => each(&Socket::read(self.body)?),
            NLMSG_DONE | NLMSG_ERROR => return self.end(),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The end, with an error number (negative) where there was one.
    fn end(&self) -> Result<ControlFlow<()>, DiagError> {
        let errno = self
            .body
            .first_chunk::<4>()
            .map_or(0, |b| i32::from_ne_bytes(*b));
        match errno.checked_neg() {
            Some(errno) if errno > 0 => Err(failure(
                "the kernel's answer",
                io::Error::from_raw_os_error(errno),
            )),
            _ => Ok(ControlFlow::Break(())),
        }
    }
}

impl Socket {
    /// Reads a `struct inet_diag_msg` and the attributes that follow it.
    fn read(body: &[u8]) -> Result<Self, DiagError> {
        let malformed = DiagError::Malformed {
            got: body.len(),
            expected: ANSWER_BYTES,
        };
        let bytes = body.first_chunk::<ANSWER_BYTES>().ok_or(malformed)?;
        let port = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        Ok(Self {
            cookie: u64::from(u32_at(bytes, 44)) | u64::from(u32_at(bytes, 48)) << 32,
            state: bytes[1],
            local: SocketAddr::new(address(bytes[0], bytes, 8), port(4)),
            remote: SocketAddr::new(address(bytes[0], bytes, 24), port(6)),
            inode: u32_at(bytes, 68),
            uid: u32_at(bytes, 64),
            activity: attribute(&body[ANSWER_BYTES..], INFO).and_then(activity),
        })
    }
}

/// The content of an attribute (`struct nlattr`: length with its four bytes, then type, padded to four).
fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let head = rest.first_chunk::<4>()?;
        let (length, kind) = (usize::from(u16_at(head, 0)), u16_at(head, 2));
        let content = rest.get(4..length)?;
        if kind == wanted {
            return Some(content);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

/// Traffic from a `struct tcp_info`, whose members keep their places; None for a shorter one of another family.
fn activity(info: &[u8]) -> Option<Activity> {
    const MS: u64 = 1_000_000;
    let info = info.first_chunk::<72>()?;
    Some(Activity {
        rtt_ns: u64::from(u32_at(info, 68)) * 1000,
        sent_ago_ns: u64::from(u32_at(info, 44)) * MS,
        received_ago_ns: u64::from(u32_at(info, 52)) * MS,
    })
}

/// The address at byte `at`; IPv4 takes the first four of its sixteen bytes.
fn address(family: u8, bytes: &[u8; ANSWER_BYTES], at: usize) -> IpAddr {
    let mut sixteen = [0; 16];
    sixteen.copy_from_slice(&bytes[at..at + 16]);
    if family == AF_INET {
        return Ipv4Addr::new(sixteen[0], sixteen[1], sixteen[2], sixteen[3]).into();
    }
    IpAddr::from(Ipv6Addr::from(sixteen)).to_canonical()
}

/// ENOENT and EPROTONOSUPPORT say that the kernel lacks inet_diag.
fn failure(what: &'static str, source: io::Error) -> DiagError {
    match source.raw_os_error() {
        Some(libc::ENOENT | libc::EPROTONOSUPPORT) => DiagError::NoTcpDiag { source },
        _ => DiagError::Netlink { what, source },
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::net::{TcpListener, TcpStream};
    use std::process::{Child, Command, Stdio};

    /// A connection over loopback: client, accepted.
    fn connect(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    /// The socket from `local` to `remote`.
    fn find(
        diag: &mut Diag,
        states: StateMask,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<Socket> {
        diag.snapshot(states, Detail::Plain)
            .unwrap()
            .into_iter()
            .find(|s| s.local == local && s.remote == remote)
    }

    #[track_caller]
    fn check_time_wait(bind: &str) {
        let listener = TcpListener::bind(bind).unwrap();
        let (client, mut server) = connect(&listener);
        let canonical = |a: SocketAddr| SocketAddr::new(a.ip().to_canonical(), a.port());
        let (local, remote) = (
            canonical(client.local_addr().unwrap()),
            canonical(client.peer_addr().unwrap()),
        );
        let mut diag = Diag::open().unwrap();
        let open = find(&mut diag, StateMask::CONNECTION, local, remote).expect("connected");
        assert!(
            open.state == tcp_state::ESTABLISHED && open.inode != 0 && open.cookie != 0,
            "{open:?}"
        );
        assert!(
            find(&mut diag, StateMask::CONNECTION, remote, local).is_some(),
            "the server's side"
        );
        drop(client);
        assert_eq!(server.read(&mut [0; 1]).unwrap(), 0);
        drop(server);
        let waiting = find(&mut diag, StateMask::TIME_WAIT, local, remote).expect("in TIME_WAIT");
        assert_eq!(
            (waiting.state, waiting.cookie),
            (tcp_state::TIME_WAIT, open.cookie)
        );
        assert_eq!(find(&mut diag, StateMask::CONNECTION, local, remote), None);
    }

    #[test]
    fn time_wait_keeps_addresses_and_cookie() {
        check_time_wait("127.0.0.1:0");
        check_time_wait("[::1]:0");
    }

    #[test]
    fn connection_states_are_all_but_three() {
        let all = StateMask((1 << (tcp_state::CLOSING + 1)) - 2);
        let others = StateMask::TIME_WAIT | StateMask::LISTEN | StateMask::of(tcp_state::CLOSE);
        assert_eq!(StateMask::CONNECTION | others, all);
        assert_eq!(StateMask::CONNECTION.0 & others.0, 0);
    }

    #[test]
    fn ipv4_in_ipv6_is_ipv4() {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(format!("[::ffff:127.0.0.1]:{port}")).unwrap();
        let local = SocketAddr::new(
            Ipv4Addr::LOCALHOST.into(),
            client.local_addr().unwrap().port(),
        );
        let remote = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let established = StateMask::of(tcp_state::ESTABLISHED);
        assert!(find(&mut Diag::open().unwrap(), established, local, remote).is_some());
    }

    #[test]
    fn listening_ports_are_listed() {
        let (a, b) = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("[::1]:0").unwrap(),
        );
        let mut diag = Diag::open().unwrap();
        let ports = diag.listening_ports().unwrap();
        for listener in [&a, &b] {
            assert!(ports.contains(&listener.local_addr().unwrap().port()));
        }
        assert!(ports.is_sorted());
        let port = a.local_addr().unwrap().port();
        drop(a);
        assert!(!diag.listening_ports().unwrap().contains(&port));
    }

    /// A process in a network namespace of its own, whose port range is 40000 to 40010.
    fn elsewhere() -> Child {
        let script = "echo 40000 40010 > /proc/sys/net/ipv4/ip_local_port_range && echo ready && exec sleep 60";
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n", "needs root, to make a network namespace");
        child
    }

    #[test]
    fn another_network_namespace() {
        let mut child = elsewhere();
        let (pid, own) = (of_process(child.id()), of_process(std::process::id()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = netns_inum(&own).unwrap();
        assert_ne!(netns_inum(&pid).unwrap(), here);
        assert_eq!(port_range(&pid).unwrap(), (40000, 40010));
        assert_ne!(port_range(&own).unwrap(), (40000, 40010));
        let mut diag = Diag::open_in(&pid).unwrap();
        assert!(diag.listening_ports().unwrap().is_empty());
        assert_eq!(netns_inum(&own).unwrap(), here);
        assert!(
            Diag::open_in(&own)
                .unwrap()
                .listening_ports()
                .unwrap()
                .contains(&listener.local_addr().unwrap().port())
        );
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(diag.listening_ports().unwrap().is_empty(), "stays usable");
    }

    #[test]
    fn a_process_that_is_gone() {
        let e = Diag::open_in(Path::new("/proc/4000000000/ns/net"))
            .err()
            .unwrap()
            .to_string();
        assert!(
            e.contains("/proc/4000000000/ns/net") && e.contains("No such file"),
            "{e}"
        );
    }

    fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER_BYTES + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend([kind.to_ne_bytes(), flags.to_ne_bytes()].concat());
        bytes.extend([sequence.to_ne_bytes(), [0; 4]].concat());
        bytes.extend(body);
        bytes
    }

    /// Reads messages of listing 7 and gives (sockets, listing, ended) or the error's text.
    fn answers(bytes: &[u8]) -> Result<(usize, Listing, bool), String> {
        let (mut sockets, mut listing) = (0, Listing::Whole);
        let end = read_answers(bytes, 7, &mut listing, &mut |_| sockets += 1)
            .map_err(|e| e.to_string())?;
        Ok((sockets, listing, end.is_break()))
    }

    #[test]
    fn answers_of_the_kernel() {
        let socket = message(SOCK_DIAG_BY_FAMILY, 2, 7, &[0; ANSWER_BYTES]);
        let done = message(NLMSG_DONE, 2, 7, &[0; 4]);
        assert_eq!(
            answers(&[socket.clone(), socket.clone()].concat()),
            Ok((2, Listing::Whole, false))
        );
        assert_eq!(
            answers(&[socket.clone(), done.clone()].concat()),
            Ok((1, Listing::Whole, true))
        );
        let stale = message(NLMSG_DONE, 2, 6, &[0; 4]);
        assert_eq!(
            answers(&[stale, socket.clone()].concat()),
            Ok((1, Listing::Whole, false))
        );
        let interrupted = message(NLMSG_DONE, 2 | NLM_F_DUMP_INTR, 7, &[0; 4]);
        assert_eq!(answers(&interrupted), Ok((0, Listing::Interrupted, true)));
        for kind in [NLMSG_DONE, NLMSG_ERROR] {
            let missing =
                answers(&message(kind, 0, 7, &(-libc::ENOENT).to_ne_bytes())).unwrap_err();
            assert!(missing.contains("tcp_diag"), "{missing}");
        }
        let refused =
            answers(&message(NLMSG_ERROR, 0, 7, &(-libc::EPERM).to_ne_bytes())).unwrap_err();
        assert!(refused.contains("not permitted"), "{refused}");
    }

    #[test]
    fn activity_of_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut client, mut server) = connect(&listener);
        std::io::Write::write_all(&mut client, b"x").unwrap();
        server.read_exact(&mut [0; 1]).unwrap();
        let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        let mut diag = Diag::open().unwrap();
        let mut of_detail = |detail| {
            let sockets = diag
                .snapshot(StateMask::of(tcp_state::ESTABLISHED), detail)
                .unwrap();
            let socket = sockets
                .into_iter()
                .find(|s| s.local == local && s.remote == remote);
            socket.expect("connected").activity
        };
        assert_eq!(of_detail(Detail::Plain), None);
        let activity = of_detail(Detail::Activity).expect("asked for");
        assert!(
            activity.rtt_ns > 0 && activity.sent_ago_ns < 60_000_000_000,
            "{activity:?}"
        );
    }

    #[test]
    fn attributes_that_are_cut_are_none() {
        let mut bytes = vec![8, 0, 1, 0, 9, 9, 9, 9, 76, 0, 2, 0];
        bytes.extend([7; 72]);
        assert_eq!(attribute(&bytes, INFO).map(<[u8]>::len), Some(72));
        for length in 0..bytes.len() {
            assert_eq!(attribute(&bytes[..length], INFO), None, "{length} bytes");
        }
        assert_eq!(attribute(&[0; 16], INFO), None);
        assert_eq!(activity(&[0; 71]), None);
    }

    #[test]
    fn damaged_answers_are_errors() {
        let socket = message(SOCK_DIAG_BY_FAMILY, 2, 7, &[0; ANSWER_BYTES]);
        for len in 1..socket.len() {
            assert!(answers(&socket[..len]).is_err(), "{len} bytes accepted");
        }
        assert!(answers(&message(SOCK_DIAG_BY_FAMILY, 2, 7, &[0; ANSWER_BYTES - 1])).is_err());
        assert!(answers(&[0; HEADER_BYTES]).is_err());
    }
}
