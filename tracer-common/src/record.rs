//! Wire records, which the kernel programs write to the ring buffer and to the socket iterator.
//!
//! All records follow the same rules: the kind comes first, then a version, then the size; every field is an integer or
//! a byte array; padding is explicit and zero; times are `bpf_ktime_get_ns` (CLOCK_MONOTONIC) in nanoseconds.

/// Version of every record in this file.
pub const VERSION: u8 = 5;
/// Oldest version that can be read; decoding refuses older ones. Version 2 is the same without [`TurnsRecord`], up to
/// version 3 only turns have [`UNMEASURED`], and up to version 4 records of sockets end before their [`Segments`].
pub const OLDEST_VERSION: u8 = 2;
/// In place of a time that was not measured.
pub const UNMEASURED: u64 = u64::MAX;
/// Length of a comm, with its NUL (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;
/// Length of the path in an exec record.
pub const PATH_LEN: usize = 256;
/// Length of the stream bytes in the smallest hello record, for a short request in clear.
pub const HELLO_LEAST: usize = 192;
/// Length of the stream bytes in the small hello record.
pub const HELLO_SMALL: usize = 640;
/// Length of the stream bytes in the large hello record.
pub const HELLO_LARGE: usize = 2048;

/// Record kinds, the first byte of each record.
pub mod kind {
    /// [`super::ConnectRecord`]
    pub const CONNECT: u8 = 1;
    /// [`super::TlsRecord`]
    pub const TLS: u8 = 2;
    /// [`super::HelloRecord`], any size
    pub const HELLO: u8 = 3;
    /// [`super::ClosedRecord`]; up to version 4 [`super::CloseRecord`]
    pub const CLOSE: u8 = 4;
    /// [`super::ProcessRecord`]: a traced process forked
    pub const FORK: u8 = 5;
    /// [`super::ExecRecord`]
    pub const EXEC: u8 = 6;
    /// [`super::ProcessRecord`]: the last thread of a traced process exited
    pub const EXIT: u8 = 7;
    /// [`super::OpenRecord`], from the iterator; up to version 4 [`super::SocketRecord`]
    pub const SOCKET: u8 = 8;
    /// [`super::TurnRecord`]
    pub const TURN: u8 = 9;
    /// [`super::FirstTurnRecord`]
    pub const FIRST_TURN: u8 = 10;
    /// [`super::TurnsRecord`]
    pub const TURNS: u8 = 11;
    /// [`super::TunnelRecord`]
    pub const TUNNEL: u8 = 12;
    /// [`crate::http2::RecordsRecord`]
    pub const HTTP2_RECORDS: u8 = 13;
    /// [`crate::http2::FramesRecord`]
    pub const HTTP2_FRAMES: u8 = 14;
    /// [`crate::http2::BindRecord`]
    pub const HTTP2_BIND: u8 = 15;
    /// [`crate::dns::DnsRecord`], either size
    pub const DNS: u8 = 20;
    /// [`crate::dns::DnsReleaseRecord`]
    pub const DNS_RELEASE: u8 = 21;
}

/// First bytes of every record.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Header {
    /// Kind of the record, one of [`kind`].
    pub kind: u8,
    /// Version of the record, [`VERSION`].
    pub version: u8,
    /// Zero.
    pub pad: u16,
    /// Size of the whole record in bytes.
    pub size: u32,
    /// Time at which the record was written, ns.
    pub time_ns: u64,
    /// Socket cookie (`bpf_get_socket_cookie`), 0 for process records.
    pub cookie: u64,
}

/// Owner and addresses of a socket, taken when `connect` was called.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Endpoint {
    /// cgroup-v2 id of the owner.
    pub cgroup: u64,
    /// Process id (tgid) of the owner, in the initial pid namespace.
    pub tgid: u32,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// `AF_INET` (2) or `AF_INET6` (10).
    pub family: u16,
    /// Local port, host order; 0 when none was assigned.
    pub local_port: u16,
    /// Remote port, host order.
    pub remote_port: u16,
    /// Zero.
    pub pad: u16,
    /// Local address, network order; IPv4 in the first four bytes.
    pub local: [u8; 16],
    /// Remote address, network order; IPv4 in the first four bytes.
    pub remote: [u8; 16],
    /// Name (comm) of the process, that is of its thread-group leader.
    pub comm: [u8; COMM_LEN],
}

/// Outcomes of a connect.
pub mod connect {
    /// SYN_SENT to ESTABLISHED.
    pub const ESTABLISHED: u8 = 1;
    /// SYN_SENT to CLOSE, with the reason in `error`.
    pub const FAILED: u8 = 2;
    /// SYN_SENT to CLOSE without an error, after a SYN was sent: the client gave up.
    pub const ABORTED: u8 = 3;
    /// SYN_SENT to CLOSE without an error, before any SYN was sent: no route, no port.
    pub const NOT_SENT: u8 = 4;
}

/// Record of a connect that has ended.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct ConnectRecord {
    /// Header of kind CONNECT.
    pub header: Header,
    /// Owner and addresses.
    pub endpoint: Endpoint,
    /// Time of the change from CLOSE to SYN_SENT, ns; 0 when that was before tracing began.
    pub start_ns: u64,
    /// Time from `start_ns` to the end, ns; 0 when the beginning is not known, [`UNMEASURED`] when the end has the earlier
    /// time.
    pub duration_ns: u64,
    /// `sk_err` at the end.
    pub error: u32,
    /// SYN segments sent again.
    pub syn_retransmits: u16,
    /// Outcome, one of [`connect`].
    pub outcome: u8,
    /// 1 if packets of the socket are not watched: it is in another cgroup. 0 in recordings of earlier builds.
    pub unwatched: u8,
}

/// Outcomes of a TLS handshake.
pub mod tls {
    /// Handshake complete: the client may send application data.
    pub const DONE: u8 = 1;
    /// A fatal alert before completion.
    pub const ALERT: u8 = 2;
    /// The connection closed before completion.
    pub const CLOSED: u8 = 3;
    /// A part of the stream was not seen.
    pub const UNKNOWN: u8 = 4;
    /// The connection carries something other than TLS.
    pub const NOT_TLS: u8 = 5;
    /// The server answered the ClientHello with something other than TLS.
    pub const NO_TLS_ANSWER: u8 = 6;

    /// The flow of records was that of TLS 1.2 or older.
    pub const FLOW_12: u8 = 12;
    /// The flow of records was that of TLS 1.3.
    pub const FLOW_13: u8 = 13;

    /// The alert or the close came from the client.
    pub const BY_CLIENT: u8 = 1;
    /// The alert or the close came from the server.
    pub const BY_SERVER: u8 = 2;
}

/// Record of a TLS handshake that has ended.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct TlsRecord {
    /// Header of kind TLS.
    pub header: Header,
    /// Time at which the first byte of the ClientHello was sent, ns.
    pub start_ns: u64,
    /// Time from `start_ns` to the end of the handshake, ns; 0 and [`UNMEASURED`] as in [`ConnectRecord`].
    pub duration_ns: u64,
    /// Outcome, one of [`tls`].
    pub outcome: u8,
    /// FLOW_12, FLOW_13 or 0.
    pub flow: u8,
    /// 1 if the server finished first in TLS 1.2 or older, so that the session was resumed.
    pub resumed: u8,
    /// 1 if application data was sent before the ServerHello (0-RTT).
    pub early_data: u8,
    /// BY_CLIENT, BY_SERVER or 0.
    pub ended_by: u8,
    /// Alert level (RFC 8446 6); 0 without an alert or when it is encrypted.
    pub alert_level: u8,
    /// Description of the alert.
    pub alert: u8,
    /// Zero.
    pub pad: u8,
}

/// Directions of stream bytes.
pub mod direction {
    /// Bytes sent by the traced process.
    pub const EGRESS: u8 = 0;
    /// Bytes received by the traced process.
    pub const INGRESS: u8 = 1;
}

/// First bytes of one direction of a connection that began like TLS, or of a request in clear.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct HelloRecord<const N: usize> {
    /// Header of kind HELLO.
    pub header: Header,
    /// Position of the first byte in the stream.
    pub offset: u32,
    /// Number of `bytes` that are set.
    pub length: u16,
    /// Direction, one of [`direction`].
    pub direction: u8,
    /// 1 if the stream is not TLS and no [`TlsRecord`] reports that. One of [`note`] in a record without bytes.
    pub clear: u8,
    /// Bytes of the stream.
    pub bytes: [u8; N],
}

/// Notes on a connection: marks in [`HelloRecord::clear`] of a record without bytes.
pub mod note {
    /// The SYN of the connection carries data, so the next records of the connection come before the record of its
    /// connect (RFC 7413).
    pub const IN_SYN: u8 = 2;
    /// The first bytes of the client begin no request, so the connection carries another protocol.
    pub const OTHER: u8 = 3;
    /// The server has switched protocols (RFC 9110 15.2.2): what follows is not HTTP.
    pub const UPGRADED: u8 = 4;
    /// The bytes of the record, which this mark comes with, are a part of what the client sends to a proxy to get a tunnel.
    /// The position counts from the first byte of this exchange.
    pub const TUNNEL: u8 = 5;
    /// The connection was open before tracing began, and its first bytes since then begin no request in clear: its requests
    /// are not known.
    pub const MIDDLE: u8 = 6;
    /// The connection was open before tracing began, and the client has sent a record that is too short for HTTP/1.1: it
    /// speaks HTTP/2.
    pub const HTTP_2: u8 = 7;
    /// The connection carries TLS inside of TLS, as that to a proxy which is spoken to over TLS: its requests are not
    /// known, and its first turns were none.
    pub const TLS_INSIDE: u8 = 8;
    /// The bytes of the record, which this mark comes with, begin a request to a forward proxy (absolute form, RFC 9112
    /// 3.2.2) that is not the first one of its connection. The position is the number of the request.
    pub const FORWARDED: u8 = 9;
    /// The application was slow to read the last response: the position is the time from its last byte to the last read, in
    /// microseconds. It comes before the record of that turn.
    pub const READ_LATE: u8 = 10;
    /// The client goes on sending after pauses although nothing has been answered: it sends messages that need no answer,
    /// and its first turn was none.
    pub const ONE_WAY: u8 = 11;
    /// The bytes of the record, which this mark comes with, begin a response in clear. The position is the number of its
    /// request. Only some responses of a connection are reported.
    pub const RESPONSE: u8 = 12;
    /// As [`RESPONSE`], of a request that is not the first one and asks for the head only (HEAD).
    pub const HEAD_RESPONSE: u8 = 13;
}

/// Tunnels through a proxy: kinds of the exchange, and its outcomes.
pub mod tunnel {
    /// HTTP CONNECT (RFC 9110 9.3.6).
    pub const CONNECT: u8 = 1;
    /// SOCKS 4 and 4a.
    pub const SOCKS_4: u8 = 2;
    /// SOCKS 5 (RFC 1928).
    pub const SOCKS_5: u8 = 3;

    /// The proxy has made the tunnel.
    pub const OPENED: u8 = 1;
    /// The proxy has refused.
    pub const REFUSED: u8 = 2;
    /// The connection closed before the proxy's answer was complete.
    pub const CLOSED: u8 = 3;
    /// The exchange could not be followed.
    pub const UNKNOWN: u8 = 4;

    /// Added to a status of SOCKS 5 that is about the choice of a method (RFC 1928 3).
    pub const METHOD: u16 = 0x100;
    /// Added to a status of SOCKS 5 that is about user and password (RFC 1929 2).
    pub const PASSWORD: u16 = 0x200;
}

/// Record of an exchange with a proxy that has ended: the client asked for a tunnel.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct TunnelRecord {
    /// Header of kind TUNNEL.
    pub header: Header,
    /// Time of the first byte that the client sent to get the tunnel, ns.
    pub start_ns: u64,
    /// Time from `start_ns` to the last byte of the proxy's answer (the empty line of CONNECT), or to the close, ns;
    /// [`UNMEASURED`] when the end has the earlier time.
    pub duration_ns: u64,
    /// Status of the answer: of HTTP 100 to 999, the reply of SOCKS 5 (0 is success) or of SOCKS 4 (90 is success);
    /// for SOCKS 5 with [`tunnel::METHOD`] or [`tunnel::PASSWORD`] when the refusal is about these. 0 without an answer.
    pub status: u16,
    /// Kind of the exchange: [`tunnel::CONNECT`], [`tunnel::SOCKS_4`] or [`tunnel::SOCKS_5`].
    pub kind: u8,
    /// Outcome: [`tunnel::OPENED`], [`tunnel::REFUSED`], [`tunnel::CLOSED`] or [`tunnel::UNKNOWN`].
    pub outcome: u8,
    /// Number of tunnels that the connection had before: 1 for the second of a chain.
    pub inside: u8,
    /// Side that has ended the connection so far, one of [`closer`]. 0 in recordings of earlier builds.
    pub closer: u8,
    /// Zero.
    pub pad: [u8; 2],
}

/// Ways in which a connection was ended.
pub mod closer {
    /// The way is not known.
    pub const UNKNOWN: u8 = 0;
    /// The client sent the first FIN.
    pub const CLIENT: u8 = 1;
    /// The server sent the first FIN.
    pub const SERVER: u8 = 2;
    /// The client sent a RST, without a FIN before it.
    pub const CLIENT_RESET: u8 = 3;
    /// The server sent a RST, without a FIN before it.
    pub const SERVER_RESET: u8 = 4;
    /// Retransmissions or keep-alives went unanswered.
    pub const TIMEOUT: u8 = 5;
}

/// Outcomes of a close: kinds of sockets that a closed connection leaves behind in the kernel.
pub mod close_outcome {
    /// No socket is left behind.
    pub const NONE: u8 = 0;
    /// A TIME_WAIT socket is left behind.
    pub const TIME_WAIT: u8 = 1;
    /// An orphan in FIN_WAIT2 is left behind, which may still become TIME_WAIT.
    pub const ORPHAN: u8 = 2;
}

/// Record of a connection that has closed (state CLOSE).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct CloseRecord {
    /// Header of kind CLOSE.
    pub header: Header,
    /// Time at which the connection was established, ns; 0 when adopted.
    pub established_ns: u64,
    /// Time at which the connection left ESTABLISHED, ns.
    pub closing_ns: u64,
    /// Payload bytes sent, without retransmissions.
    pub bytes_sent: u64,
    /// Payload bytes received.
    pub bytes_received: u64,
    /// Segments sent again, SYN included (`tcp_sock.total_retrans`).
    pub retransmits: u32,
    /// Smoothed round-trip time, microseconds times eight (`tcp_sock.srtt_us`).
    pub srtt_us8: u32,
    /// Error of the socket (`sk_err`).
    pub error: u32,
    /// Way in which the connection was ended, one of [`closer`].
    pub closer: u8,
    /// Outcome of the close, one of [`close_outcome`].
    pub close_outcome: u8,
    /// TCP state before CLOSE.
    pub old_state: u8,
    /// Bits of [`close`].
    pub flags: u8,
}

/// Segments of a connection.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Segments {
    /// Segments received (`tcp_sock.segs_in`).
    pub received: u32,
    /// Segments sent, those sent again included (`tcp_sock.segs_out`).
    pub sent: u32,
    /// Segments received out of order (`tcp_sock.rcv_ooopack`).
    pub out_of_order: u32,
    /// Segments of the server that did not come at first, told by the gaps that they left.
    pub missing: u32,
}

/// Record of a connection that has closed, with its segments.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct ClosedRecord {
    /// Record as it was up to version 4.
    pub close: CloseRecord,
    /// Segments of the connection.
    pub segments: Segments,
}

/// Bits that describe a closed connection.
pub mod close {
    /// The connection was open before tracing began.
    pub const ADOPTED: u8 = 1;
    /// The connection carried a request. Recordings of earlier builds lack this bit.
    pub const USED: u8 = 2;
}

/// Record of a traced process that forked or exited.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct ProcessRecord {
    /// Header of kind FORK or EXIT.
    pub header: Header,
    /// Id of the process (for FORK the child).
    pub tgid: u32,
    /// Id of the parent for FORK, else 0.
    pub parent: u32,
    /// Name (comm) of the process.
    pub comm: [u8; COMM_LEN],
}

/// Record of a process that executed a new program.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct ExecRecord {
    /// Header of kind EXEC.
    pub header: Header,
    /// Id of the process.
    pub tgid: u32,
    /// Zero.
    pub pad: u32,
    /// New name (comm) of the process.
    pub comm: [u8; COMM_LEN],
    /// Path by which the program was started (`linux_binprm.filename`), NUL-terminated, possibly cut off.
    pub filename: [u8; PATH_LEN],
}

/// States of the handshake of a socket that the iterator finds.
pub mod handshake {
    /// No payload has been seen.
    pub const WAITING: u8 = 0;
    /// A ClientHello was sent, and the handshake goes on.
    pub const HANDSHAKE: u8 = 1;
    /// In TLS 1.3, the client's last flight has begun with a certificate.
    pub const LAST_FLIGHT: u8 = 2;
    /// The handshake is complete, failed, unknown, or the stream is not TLS.
    pub const OVER: u8 = 3;
    /// As OVER, on a connection of which no requests are told: it leads to a name server, carries another protocol, or
    /// its bytes have no known meaning.
    pub const NO_REQUESTS: u8 = 4;
    /// The client has asked a proxy for a tunnel.
    pub const TUNNEL: u8 = 5;
    /// The bytes of the connection have no known meaning: it was open before tracing began, its handshake could not be
    /// followed, or it carries another protocol.
    pub const UNKNOWN: u8 = 6;
}

/// Record of an open socket of a traced process, from `iter/task_file`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct SocketRecord {
    /// Header of kind SOCKET.
    pub header: Header,
    /// Owner and addresses.
    pub endpoint: Endpoint,
    /// Time at which its connect began, ns; 0 when not known.
    pub start_ns: u64,
    /// Time at which it was established, ns; 0 when not known or not yet.
    pub established_ns: u64,
    /// File descriptor in the owner.
    pub fd: u32,
    /// TCP state.
    pub state: u8,
    /// 1 if the connection was open before tracing began.
    pub adopted: u8,
    /// State of the handshake, one of [`handshake`].
    pub handshake: u8,
    /// 1 if the last request is not answered yet.
    pub pending: u8,
    /// Number of requests so far.
    pub turns: u32,
    /// 1: the record of its connect found the ring full. 0 in recordings of earlier builds.
    pub untold: u8,
    /// 1 as in [`ConnectRecord`].
    pub unwatched: u8,
    /// 1 if response data waits in the socket for the application to read it. 0 in recordings of earlier builds.
    pub unread: u8,
    /// Zero.
    pub pad: u8,
}

/// Payload and segments of an open connection so far.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Traffic {
    /// Payload bytes sent, without retransmissions.
    pub bytes_sent: u64,
    /// Payload bytes received.
    pub bytes_received: u64,
    /// Segments of the connection.
    pub segments: Segments,
}

/// Record of an open socket, with its traffic so far.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct OpenRecord {
    /// Record as it was up to version 4.
    pub socket: SocketRecord,
    /// Traffic of the socket.
    pub traffic: Traffic,
}

/// Protocols of a connection, ways in which a turn ended, and limits of turn records.
pub mod turn {
    /// The protocol is not known: open before tracing began, or the handshake was not seen completely.
    pub const UNKNOWN: u8 = 0;
    /// The connection carries clear text.
    pub const CLEAR: u8 = 1;
    /// The connection carries TLS 1.2 or older.
    pub const TLS_12: u8 = 2;
    /// The connection carries TLS 1.3.
    pub const TLS_13: u8 = 3;

    /// The turn ended because the next request began.
    pub const NEXT: u8 = 1;
    /// The turn ended because the connection closed.
    pub const CLOSE: u8 = 2;
    /// The turn was cut off by the end of tracing; the connection is open.
    pub const OPEN: u8 = 3;

    /// Number of ingress records of a first turn that are passed to user space.
    pub const EVIDENCE: usize = 8;

    /// Length of a wait for the application, in ns, from which its share of run-queue latency is measured.
    pub const SLOW_PICKUP_NS: u64 = 1_000_000;

    pub use super::UNMEASURED;

    /// Limit of the turns in one record.
    pub const TURNS: usize = 8;

    /// Time in ns during which a turn waits for others of its connection, counted from the begin of the first of them.
    pub const WAIT_NS: u64 = 10_000_000;

    /// In place of a pickup on a socket whose reads are not seen (MPTCP). Earlier builds wrote small negative numbers for
    /// stamps out of order; this value is none of them.
    pub const UNSEEN: u64 = 1 << 63;
    /// Bit of [`super::TurnsHead::adopted`]: the connection was open before tracing began.
    pub const ADOPTED: u8 = 1;
    /// Bit of [`super::TurnsHead::adopted`]: reads of the socket are not seen, so the turns have no pickup.
    pub const READS_UNSEEN: u8 = 2;
}

/// Record of a turn on one connection: request bytes out, then response bytes in.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct TurnRecord {
    /// Header of kind TURN.
    pub header: Header,
    /// Time at which the first byte of the request was sent, ns.
    pub start_ns: u64,
    /// Time at which the first byte of the response was received, ns; 0 when none came.
    pub first_ns: u64,
    /// Time of the last byte of the response, ns.
    pub last_ns: u64,
    /// Time of the last byte of the previous response, ns; 0 for the first turn.
    pub previous_ns: u64,
    /// Longest time that response data waited for the application to read it, ns; [`turn::UNSEEN`] when reads are not
    /// seen.
    pub pickup_ns: u64,
    /// Part of `pickup_ns` that is run-queue latency: the reading thread was ready to run and waited for a CPU, ns;
    /// [`turn::UNMEASURED`] when not known.
    pub pickup_run_queue_ns: u64,
    /// Number of turns on this connection so far, including this one.
    pub number: u32,
    /// Protocol, one of [`turn`].
    pub protocol: u8,
    /// NEXT, CLOSE or OPEN.
    pub ended: u8,
    /// 1 if the client has sent what looks like an HTTP/2 preface or SETTINGS acknowledgement.
    pub h2: u8,
    /// 1 if the connection was open before tracing began.
    pub adopted: u8,
}

/// Record of the first turn over TLS 1.3, with the TLS records received in it. Session tickets arrive like a response
/// (RFC 8446 4.6.1), and user space has to distinguish the two.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct FirstTurnRecord {
    /// Turn with a header of kind FIRST_TURN; its `first_ns` is that of the first TLS record of any sort.
    pub turn: TurnRecord,
    /// Time at which the client's Finished was sent, ns.
    pub finished_ns: u64,
    /// Time of arrival of each record, ns.
    pub times_ns: [u64; turn::EVIDENCE],
    /// Length of each record without its header.
    pub lengths: [u16; turn::EVIDENCE],
    /// Number of records received in the turn, including those beyond the arrays.
    pub records: u32,
    /// Number of records received between the handshake and the request.
    pub early: u16,
    /// 1 if segments came out of order, so that records could not be followed.
    pub broken: u8,
    /// Number of records that the server sent between its own Finished and the client's: its tickets, or data that it
    /// sent without waiting for a request (RFC 8446 4.6.1, 2).
    pub half_rtt: u8,
    /// Length of the first of the `early` records.
    pub early_length: u16,
    /// Length of the client's first record after the handshake, without its padding; 0 if it is not known, as in
    /// recordings of earlier builds.
    pub sent_length: u16,
    /// Zero.
    pub pad: [u8; 4],
}

/// Later turn that was answered and ended by the next one. Each of the first three times begins where the previous one
/// ends.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct BriefTurn {
    /// Time from the last byte of the previous response to the first byte of the request, ns.
    pub idle_ns: u32,
    /// Time until the first byte of the response, ns.
    pub ttfb_ns: u32,
    /// Time until the last byte of the response, ns.
    pub transfer_ns: u32,
    /// Longest time that response data waited for the application to read it, ns; less than [`turn::SLOW_PICKUP_NS`].
    pub pickup_ns: u32,
}

/// Data common to the turns of one record.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct TurnsHead {
    /// Header of kind TURNS.
    pub header: Header,
    /// Time of the last byte of the response before the first turn, ns.
    pub previous_ns: u64,
    /// [`TurnRecord::number`] of the first turn; the others follow it.
    pub number: u32,
    /// Number of turns.
    pub count: u8,
    /// Protocol, one of [`turn`].
    pub protocol: u8,
    /// HTTP/2 flag as in [`TurnRecord::h2`].
    pub h2: u8,
    /// Bits ADOPTED and READS_UNSEEN of [`turn`].
    pub adopted: u8,
}

/// Record of consecutive turns of one connection. Only the turns that are set are written, and `header.size` is the
/// length up to the last of them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct TurnsRecord {
    /// Data common to the turns.
    pub head: TurnsHead,
    /// Turns, of which the first `head.count` are set.
    pub turns: [BriefTurn; turn::TURNS],
}

const _: () = {
    assert!(size_of::<Header>() == 24);
    assert!(size_of::<Endpoint>() == 72);
    assert!(size_of::<ConnectRecord>() == 24 + 72 + 24);
    assert!(size_of::<TlsRecord>() == 24 + 24);
    assert!(size_of::<HelloRecord<HELLO_LEAST>>() == 32 + HELLO_LEAST);
    assert!(size_of::<HelloRecord<HELLO_SMALL>>() == 32 + HELLO_SMALL);
    assert!(size_of::<HelloRecord<HELLO_LARGE>>() == 32 + HELLO_LARGE);
    assert!(size_of::<CloseRecord>() == 24 + 48);
    assert!(size_of::<ClosedRecord>() == 72 + 16);
    assert!(size_of::<ProcessRecord>() == 24 + 24);
    assert!(size_of::<ExecRecord>() == 24 + 24 + PATH_LEN);
    assert!(size_of::<SocketRecord>() == 24 + 72 + 32);
    assert!(size_of::<OpenRecord>() == 128 + 32);
    assert!(size_of::<TurnRecord>() == 24 + 56);
    assert!(size_of::<FirstTurnRecord>() == 80 + 8 + 64 + 16 + 16);
    assert!(size_of::<TurnsRecord>() == 24 + 16 + 16 * turn::TURNS);
};
