//! Wire records: what the kernel programs write to the ring buffer and to the socket iterator.
//!
//! Little rules keep both sides honest: the kind comes first, then a version, then the size; every
//! field is an integer or a byte array; padding is spelled out and zero; times are
//! `bpf_ktime_get_ns` (CLOCK_MONOTONIC) in nanoseconds.

/// Version of every record in this file.
pub const VERSION: u8 = 4;
/// The oldest whose records are read: those of version 2 are the same, without [`TurnsRecord`], and those up to version 3
/// have no [`UNMEASURED`] but in a turn. Decoding refuses others.
pub const OLDEST_VERSION: u8 = 2;
/// In place of a time that was not measured.
pub const UNMEASURED: u64 = u64::MAX;
/// Length of a comm, with its NUL (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;
/// Bytes of a path that an exec record carries.
pub const PATH_LEN: usize = 256;
/// Bytes of stream in the least hello record, for a short request in clear.
pub const HELLO_LEAST: usize = 192;
/// Bytes of stream in the small hello record.
pub const HELLO_SMALL: usize = 640;
/// Bytes of stream in the large hello record.
pub const HELLO_LARGE: usize = 2048;

/// Record kinds, the first byte of each record.
pub mod kind {
    /// [`super::ConnectRecord`]
    pub const CONNECT: u8 = 1;
    /// [`super::TlsRecord`]
    pub const TLS: u8 = 2;
    /// [`super::HelloRecord`], any size
    pub const HELLO: u8 = 3;
    /// [`super::CloseRecord`]
    pub const CLOSE: u8 = 4;
    /// [`super::ProcessRecord`]: a traced process forked
    pub const FORK: u8 = 5;
    /// [`super::ExecRecord`]
    pub const EXEC: u8 = 6;
    /// [`super::ProcessRecord`]: the last thread of a traced process exited
    pub const EXIT: u8 = 7;
    /// [`super::SocketRecord`], from the iterator
    pub const SOCKET: u8 = 8;
    /// [`super::TurnRecord`]
    pub const TURN: u8 = 9;
    /// [`super::FirstTurnRecord`]
    pub const FIRST_TURN: u8 = 10;
    /// [`super::TurnsRecord`]
    pub const TURNS: u8 = 11;
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
    /// One of [`kind`].
    pub kind: u8,
    /// [`VERSION`].
    pub version: u8,
    /// Zero.
    pub pad: u16,
    /// Size of the whole record in bytes.
    pub size: u32,
    /// When it was written, ns.
    pub time_ns: u64,
    /// Socket cookie (`bpf_get_socket_cookie`), 0 for process records.
    pub cookie: u64,
}

/// Who owns a socket and where it leads, taken when `connect` was called.
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
    /// Local port, host order; 0 when none was taken.
    pub local_port: u16,
    /// Remote port, host order.
    pub remote_port: u16,
    /// Zero.
    pub pad: u16,
    /// Local address, network order; IPv4 in the first four bytes.
    pub local: [u8; 16],
    /// Remote address, likewise.
    pub remote: [u8; 16],
    /// comm of the process (its thread-group leader).
    pub comm: [u8; COMM_LEN],
}

/// How a connect ended.
pub mod connect {
    /// SYN_SENT to ESTABLISHED.
    pub const ESTABLISHED: u8 = 1;
    /// SYN_SENT to CLOSE; `error` says why.
    pub const FAILED: u8 = 2;
    /// SYN_SENT to CLOSE without an error, after a SYN had left: the client gave up.
    pub const ABORTED: u8 = 3;
    /// As ABORTED, but no SYN ever left: no route, no port.
    pub const NOT_SENT: u8 = 4;
}

/// A connect has ended, one way or the other.
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
    /// Kind CONNECT.
    pub header: Header,
    /// Owner and addresses.
    pub endpoint: Endpoint,
    /// CLOSE to SYN_SENT, ns; 0 when that was before tracing began.
    pub start_ns: u64,
    /// From `start_ns` to the end, ns; 0 when the beginning is not known, [`UNMEASURED`] when the end has the earlier time.
    pub duration_ns: u64,
    /// `sk_err` at the end.
    pub error: u32,
    /// SYN segments sent again.
    pub syn_retransmits: u16,
    /// One of [`connect`].
    pub outcome: u8,
    /// Zero.
    pub pad: u8,
}

/// How a TLS handshake ended, or did not.
pub mod tls {
    /// The client may send application data.
    pub const DONE: u8 = 1;
    /// A fatal alert before that.
    pub const ALERT: u8 = 2;
    /// The connection closed before that.
    pub const CLOSED: u8 = 3;
    /// A stretch of the stream was not seen.
    pub const UNKNOWN: u8 = 4;
    /// The connection carries something else than TLS.
    pub const NOT_TLS: u8 = 5;
    /// The server answered the ClientHello with something else than TLS.
    pub const NO_TLS_ANSWER: u8 = 6;

    /// The flow of records was that of TLS 1.2 or older.
    pub const FLOW_12: u8 = 12;
    /// The flow of records was that of TLS 1.3.
    pub const FLOW_13: u8 = 13;

    /// The alert or the close came from the client.
    pub const BY_CLIENT: u8 = 1;
    /// It came from the server.
    pub const BY_SERVER: u8 = 2;
}

/// A TLS handshake has ended.
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
    /// Kind TLS.
    pub header: Header,
    /// First byte of the ClientHello sent, ns.
    pub start_ns: u64,
    /// From `start_ns` to the end of the handshake, ns; 0 and [`UNMEASURED`] as in [`ConnectRecord`].
    pub duration_ns: u64,
    /// One of [`tls`]'s outcomes.
    pub outcome: u8,
    /// FLOW_12, FLOW_13 or 0.
    pub flow: u8,
    /// TLS 1.2 and older: the server finished first, so the session was resumed.
    pub resumed: u8,
    /// Application data was sent before the ServerHello (0-RTT).
    pub early_data: u8,
    /// BY_CLIENT, BY_SERVER or 0.
    pub ended_by: u8,
    /// Alert level (RFC 8446 6), 0 when none or encrypted.
    pub alert_level: u8,
    /// Alert description.
    pub alert: u8,
    /// Zero.
    pub pad: u8,
}

/// Direction of stream bytes.
pub mod direction {
    /// Sent by the traced process.
    pub const EGRESS: u8 = 0;
    /// Received by it.
    pub const INGRESS: u8 = 1;
}

/// Leading bytes of one direction of a connection that opened like TLS.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct HelloRecord<const N: usize> {
    /// Kind HELLO.
    pub header: Header,
    /// Position of the first byte in the stream.
    pub offset: u32,
    /// How many of `bytes` are set.
    pub length: u16,
    /// One of [`direction`].
    pub direction: u8,
    /// 1: the stream is no TLS, and no [`TlsRecord`] says so.
    pub clear: u8,
    /// The bytes.
    pub bytes: [u8; N],
}

/// Who ended a connection.
pub mod closer {
    /// Not known.
    pub const UNKNOWN: u8 = 0;
    /// The client sent the first FIN.
    pub const CLIENT: u8 = 1;
    /// The server sent the first FIN.
    pub const SERVER: u8 = 2;
    /// The client sent a RST, no FIN before it.
    pub const CLIENT_RESET: u8 = 3;
    /// The server sent a RST, no FIN before it.
    pub const SERVER_RESET: u8 = 4;
    /// Retransmissions or keep-alives went unanswered.
    pub const TIMEOUT: u8 = 5;
}

/// What a connection left behind in the kernel.
pub mod remains {
    /// Nothing.
    pub const NONE: u8 = 0;
    /// A TIME_WAIT socket.
    pub const TIME_WAIT: u8 = 1;
    /// An orphan in FIN_WAIT2 that may still become TIME_WAIT.
    pub const ORPHAN: u8 = 2;
}

/// A connection has closed (state CLOSE).
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
    /// Kind CLOSE.
    pub header: Header,
    /// When it was established, ns; 0 when adopted.
    pub established_ns: u64,
    /// When it left ESTABLISHED, ns.
    pub closing_ns: u64,
    /// Payload bytes sent, retransmissions not counted.
    pub bytes_sent: u64,
    /// Payload bytes received.
    pub bytes_received: u64,
    /// Segments sent again, SYN included (`tcp_sock.total_retrans`).
    pub retransmits: u32,
    /// Smoothed round-trip time, microseconds times eight (`tcp_sock.srtt_us`).
    pub srtt_us8: u32,
    /// `sk_err`.
    pub error: u32,
    /// One of [`closer`].
    pub closer: u8,
    /// One of [`remains`].
    pub remains: u8,
    /// TCP state before CLOSE.
    pub old_state: u8,
    /// Of [`close`].
    pub flags: u8,
}

/// What is said of a connection at its end; bits.
pub mod close {
    /// It was open before tracing began.
    pub const ADOPTED: u8 = 1;
    /// It carried a request. Recordings of earlier builds do not say so.
    pub const USED: u8 = 2;
}

/// A traced process forked or exited.
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
    /// Kind FORK or EXIT.
    pub header: Header,
    /// The process (for FORK the child).
    pub tgid: u32,
    /// For FORK the parent, else 0.
    pub parent: u32,
    /// comm of the process.
    pub comm: [u8; COMM_LEN],
}

/// A process executed a new program.
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
    /// Kind EXEC.
    pub header: Header,
    /// The process.
    pub tgid: u32,
    /// Zero.
    pub pad: u32,
    /// Its new comm.
    pub comm: [u8; COMM_LEN],
    /// The path it was started by (`linux_binprm.filename`), NUL-terminated, perhaps cut.
    pub filename: [u8; PATH_LEN],
}

/// Handshake phase of a socket as the iterator finds it.
pub mod phase {
    /// No payload has been seen.
    pub const WAITING: u8 = 0;
    /// A ClientHello is on its way.
    pub const HANDSHAKE: u8 = 1;
    /// TLS 1.3: the client's last flight has begun with a certificate.
    pub const LAST_FLIGHT: u8 = 2;
    /// Done, failed, not TLS or unknown.
    pub const OVER: u8 = 3;
}

/// An open socket of a traced process, from `iter/task_file`.
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
    /// Kind SOCKET.
    pub header: Header,
    /// Owner and addresses.
    pub endpoint: Endpoint,
    /// When its connect began, ns; 0 when not known.
    pub start_ns: u64,
    /// When it was established, ns; 0 when not known or not yet.
    pub established_ns: u64,
    /// File descriptor in the owner.
    pub fd: u32,
    /// TCP state.
    pub state: u8,
    /// 1: was open before tracing began.
    pub adopted: u8,
    /// One of [`phase`].
    pub phase: u8,
    /// 1: the last request is not answered yet.
    pub pending: u8,
    /// Requests so far.
    pub turns: u32,
    /// 1: the record of its connect found the ring full. 0 in recordings of earlier builds.
    pub untold: u32,
}

/// What a connection carries, and how a turn ended.
pub mod turn {
    /// Not known: open before tracing began, or its handshake was not seen whole.
    pub const UNKNOWN: u8 = 0;
    /// In clear.
    pub const CLEAR: u8 = 1;
    /// TLS 1.2 or older.
    pub const TLS_12: u8 = 2;
    /// TLS 1.3.
    pub const TLS_13: u8 = 3;

    /// The next request began.
    pub const NEXT: u8 = 1;
    /// The connection closed.
    pub const CLOSE: u8 = 2;
    /// Tracing ends; the connection is open.
    pub const OPEN: u8 = 3;

    /// Ingress records of a first turn that are told to user space.
    pub const EVIDENCE: usize = 8;

    /// Only of pickups that take this long it is asked how much of them was waiting for a CPU, ns.
    pub const SLOW_PICKUP_NS: u64 = 1_000_000;

    pub use super::UNMEASURED;

    /// Turns in one record at most.
    pub const TURNS: usize = 8;

    /// A turn waits for others of its connection only while the first of them began less than this ago, ns.
    pub const WAIT_NS: u64 = 10_000_000;
}

/// Request bytes out, then response bytes in, on one connection.
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
    /// Kind TURN.
    pub header: Header,
    /// First byte of the request sent, ns.
    pub start_ns: u64,
    /// First byte of the response received, ns; 0 when none came.
    pub first_ns: u64,
    /// Last byte of the response, ns.
    pub last_ns: u64,
    /// Last byte of the response before this request, ns; 0 for the first turn.
    pub previous_ns: u64,
    /// Longest time that response data waited for the application to read it, ns.
    pub pickup_ns: u64,
    /// Of `pickup_ns`, the time the reading thread was ready to run and waited for a CPU, ns;
    /// [`turn::UNMEASURED`] when not known.
    pub pickup_cpu_ns: u64,
    /// Turns on this connection so far, this one included.
    pub number: u32,
    /// One of [`turn`]'s protocols.
    pub protocol: u8,
    /// NEXT, CLOSE or OPEN.
    pub ended: u8,
    /// 1: the client has sent what looks like an HTTP/2 preface or SETTINGS acknowledgement.
    pub h2: u8,
    /// 1: the connection was open before tracing began.
    pub adopted: u8,
}

/// The first turn over TLS 1.3, with the records received in it: session tickets arrive like a response
/// (RFC 8446 4.6.1), and user space has to tell them apart.
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
    /// Kind FIRST_TURN. `first_ns` is the first record of any sort.
    pub turn: TurnRecord,
    /// When the client's Finished was sent, ns.
    pub finished_ns: u64,
    /// Arrival of each record, ns.
    pub times_ns: [u64; turn::EVIDENCE],
    /// Length of each record without its header.
    pub lengths: [u16; turn::EVIDENCE],
    /// Records received in the turn, those beyond the arrays included.
    pub records: u32,
    /// Records received between the handshake and the request.
    pub early: u16,
    /// 1: segments were out of order, so that records could not be followed.
    pub broken: u8,
    /// Records that the server sent between its own Finished and the client's: its tickets, or data it did
    /// not wait to be asked for (RFC 8446 4.6.1, 2).
    pub half_rtt: u8,
    /// Length of the first of the `early` records.
    pub early_length: u16,
    /// Zero.
    pub pad: [u8; 6],
}

/// A later turn, answered and ended by the next: times that each begin where the one before ends.
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
    /// From the last byte of the response before it to the first byte of the request, ns.
    pub idle_ns: u32,
    /// To the first byte of the response, ns.
    pub ttfb_ns: u32,
    /// To its last byte, ns.
    pub transfer_ns: u32,
    /// Longest time that response data waited for the application to read it, ns; less than
    /// [`turn::SLOW_PICKUP_NS`].
    pub pickup_ns: u32,
}

/// What is common to the turns of one record.
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
    /// Kind TURNS.
    pub header: Header,
    /// Last byte of the response before the first of them, ns.
    pub previous_ns: u64,
    /// [`TurnRecord::number`] of the first; the others follow it.
    pub number: u32,
    /// How many there are.
    pub count: u8,
    /// One of [`turn`]'s protocols.
    pub protocol: u8,
    /// As in [`TurnRecord`].
    pub h2: u8,
    /// As in [`TurnRecord`].
    pub adopted: u8,
}

/// Turns of one connection, one behind the other. Written up to the last of them: `header.size` is that long.
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
    /// What they have in common.
    pub head: TurnsHead,
    /// `head.count` of them are set.
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
    assert!(size_of::<ProcessRecord>() == 24 + 24);
    assert!(size_of::<ExecRecord>() == 24 + 24 + PATH_LEN);
    assert!(size_of::<SocketRecord>() == 24 + 72 + 32);
    assert!(size_of::<TurnRecord>() == 24 + 56);
    assert!(size_of::<FirstTurnRecord>() == 80 + 8 + 64 + 16 + 16);
    assert!(size_of::<TurnsRecord>() == 24 + 16 + 16 * turn::TURNS);
};
