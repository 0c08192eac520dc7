//! Results of a fetch: error classes, remedies, and the durations of phases as the crawler measured them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

/// Timeout that ended a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Name look-up and TCP connect of one new connection.
    Connect,
    /// TLS handshake of one new connection.
    Tls,
    /// A request, from asking for a connection to the last byte of the body.
    Request,
    /// All work on one URL, including waits, retries and redirects. It is never restarted.
    Task,
}

/// Stage that a fetch has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Waiting in the queue: host limit, delay, rate, back-off.
    #[default]
    Turn,
    /// Waiting for a connection from the pool.
    Pool,
    /// Name look-up.
    Dns,
    /// TCP connect, and the handshake with a proxy.
    Connect,
    /// TLS handshake.
    Tls,
    /// Request sent, no response yet.
    Response,
    /// Response under way.
    Body,
}

impl Stage {
    /// Every stage, at the index of its number.
    pub const ALL: [Self; 7] = [
        Self::Turn,
        Self::Pool,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Response,
        Self::Body,
    ];
}

/// Reason why a name has no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAddress {
    /// The name does not exist (NXDOMAIN).
    NotFound,
    /// The name exists but has no A or AAAA record.
    NoRecord,
    /// The server answered SERVFAIL, REFUSED or another error.
    Server,
    /// There was no answer in time.
    Timeout,
    /// Any other error, as the resolver describes it.
    Other(Box<str>),
}

/// Resource that this machine has run out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scarce {
    /// File descriptors: EMFILE, ENFILE.
    Descriptors,
    /// Local ports toward one destination: EADDRNOTAVAIL.
    Ports,
    /// Memory or socket buffers: ENOMEM, ENOBUFS.
    Memory,
}

/// Reason why a fetch failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Failure {
    #[error("no address for {name}: {reason:?}")]
    Dns { name: Box<str>, reason: NoAddress },
    #[error("connect to {address}: {source}")]
    Connect {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(
        "TLS with {host}: certificate not accepted: {detail}; a private authority goes into `ca_file`"
    )]
    Certificate { host: Box<str>, detail: Box<str> },
    #[error("TLS with {host}: {detail}")]
    Tls { host: Box<str>, detail: Box<str> },
    #[error("proxy {proxy}: {detail}")]
    Proxy { proxy: Box<str>, detail: Box<str> },
    #[error("the {clock:?} clock ran out at stage {stage:?}")]
    Timeout { clock: Clock, stage: Stage },
    #[error("cancelled at stage {0:?}")]
    Cancelled(Stage),
    #[error("the server closed the connection before it answered")]
    Closed,
    #[error("the connection was lost at stage {stage:?}: {detail}")]
    Lost { stage: Stage, detail: Box<str> },
    #[error("the answer is not HTTP as RFC 9112 has it: {0}")]
    Malformed(Box<str>),
    #[error("the body is longer than {limit_bytes} bytes on the wire")]
    BodyTooLong { limit_bytes: u64 },
    #[error("the body decodes to more than {limit_bytes} bytes")]
    Bomb { limit_bytes: u64 },
    #[error("content coding {coding}: {detail}")]
    Decode {
        coding: &'static str,
        detail: Box<str>,
    },
    #[error("more than {limit} redirects")]
    TooManyRedirects { limit: u32 },
    #[error("redirect to {target:?}, which is not an address to fetch")]
    BadRedirect { target: Box<str> },
    #[error("{0} is no address this crawler can fetch: http and https with a host")]
    Unsupported(Box<str>),
    #[error("status {status}")]
    Status {
        status: u16,
        retry_after: Option<Duration>,
    },
    #[error("out of {scarce:?}: {source}")]
    System { scarce: Scarce, source: io::Error },
    #[error(
        "{host} is at addresses that are not public alone; a seed or `--allow-host` lets the crawl in"
    )]
    PrivateAddress { host: Box<str> },
    #[error("panic: {0}")]
    Panic(Box<str>),
}

/// Class of a [`Failure`], which statistics count and outputs name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the variant of `Failure` of that name, or a kind of it, says it"
)]
pub enum Class {
    DnsNotFound,
    DnsServer,
    DnsTimeout,
    DnsOther,
    ConnectRefused,
    ConnectTimedOut,
    ConnectReset,
    ConnectUnreachable,
    ConnectOther,
    TlsCertificate,
    TlsHandshake,
    Proxy,
    TimeoutConnect,
    TimeoutTls,
    TimeoutRequest,
    TimeoutTask,
    Cancelled,
    Closed,
    Lost,
    Truncated,
    Malformed,
    BodyTooLong,
    Bomb,
    Decode,
    TooManyRedirects,
    BadRedirect,
    Unsupported,
    Status,
    SystemDescriptors,
    SystemPorts,
    SystemMemory,
    PrivateAddress,
    Panic,
}

impl Class {
    /// Every class in the order of declaration: the index of a class is `class as usize`.
    pub const ALL: [Self; 33] = [
        Self::DnsNotFound,
        Self::DnsServer,
        Self::DnsTimeout,
        Self::DnsOther,
        Self::ConnectRefused,
        Self::ConnectTimedOut,
        Self::ConnectReset,
        Self::ConnectUnreachable,
        Self::ConnectOther,
        Self::TlsCertificate,
        Self::TlsHandshake,
        Self::Proxy,
        Self::TimeoutConnect,
        Self::TimeoutTls,
        Self::TimeoutRequest,
        Self::TimeoutTask,
        Self::Cancelled,
        Self::Closed,
        Self::Lost,
        Self::Truncated,
        Self::Malformed,
        Self::BodyTooLong,
        Self::Bomb,
        Self::Decode,
        Self::TooManyRedirects,
        Self::BadRedirect,
        Self::Unsupported,
        Self::Status,
        Self::SystemDescriptors,
        Self::SystemPorts,
        Self::SystemMemory,
        Self::PrivateAddress,
        Self::Panic,
    ];

    /// Name in outputs and metrics, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::DnsNotFound => "dns_not_found",
            Self::DnsServer => "dns_server",
            Self::DnsTimeout => "dns_timeout",
            Self::DnsOther => "dns_other",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimedOut => "connect_timed_out",
            Self::ConnectReset => "connect_reset",
            Self::ConnectUnreachable => "connect_unreachable",
            Self::ConnectOther => "connect_other",
            Self::TlsCertificate => "tls_certificate",
            Self::TlsHandshake => "tls_handshake",
            Self::Proxy => "proxy",
            Self::TimeoutConnect => "timeout_connect",
            Self::TimeoutTls => "timeout_tls",
            Self::TimeoutRequest => "timeout_request",
            Self::TimeoutTask => "timeout_task",
            Self::Cancelled => "cancelled",
            Self::Closed => "closed",
            Self::Lost => "lost",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::BodyTooLong => "body_too_long",
            Self::Bomb => "bomb",
            Self::Decode => "decode",
            Self::TooManyRedirects => "too_many_redirects",
            Self::BadRedirect => "bad_redirect",
            Self::Unsupported => "unsupported",
            Self::Status => "status",
            Self::SystemDescriptors => "system_descriptors",
            Self::SystemPorts => "system_ports",
            Self::SystemMemory => "system_memory",
            Self::PrivateAddress => "private_address",
            Self::Panic => "panic",
        }
    }
}

/// Kind of reaction to a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// The failure may pass: try again after a pause.
    Transient,
    /// The failure would come again with another try.
    Permanent,
    /// A resource of this machine is lacking: the whole crawl slows down.
    System,
    /// The crawler itself ended the fetch.
    Cancelled,
}

/// Statuses worth another try, from RFC 9110 section 15 and two that caches in front of servers use.
const TRANSIENT_STATUSES: [u16; 8] = [408, 429, 500, 502, 503, 504, 522, 524];

impl Failure {
    /// Failure for an error of the operating system on connect.
    pub fn of_connect(address: SocketAddr, source: io::Error) -> Self {
        match scarce(&source) {
            Some(scarce) => Self::System { scarce, source },
            None => Self::Connect { address, source },
        }
    }

    /// Class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Dns { reason, .. } => dns_class(reason),
            Self::Connect { source, .. } => connect_class(source),
            Self::Certificate { .. } => Class::TlsCertificate,
            Self::Tls { .. } => Class::TlsHandshake,
            Self::Proxy { .. } => Class::Proxy,
            Self::Timeout { clock, .. } => timeout_class(*clock),
            Self::Cancelled(_) => Class::Cancelled,
            Self::Closed => Class::Closed,
            Self::Lost {
                stage: Stage::Body, ..
            } => Class::Truncated,
            Self::Lost { .. } => Class::Lost,
            Self::Malformed(_) => Class::Malformed,
            Self::BodyTooLong { .. } => Class::BodyTooLong,
            Self::Bomb { .. } => Class::Bomb,
            Self::Decode { .. } => Class::Decode,
            Self::TooManyRedirects { .. } => Class::TooManyRedirects,
            Self::BadRedirect { .. } => Class::BadRedirect,
            Self::Unsupported(_) => Class::Unsupported,
            Self::Status { .. } => Class::Status,
            Self::System { scarce, .. } => match scarce {
                Scarce::Descriptors => Class::SystemDescriptors,
                Scarce::Ports => Class::SystemPorts,
                Scarce::Memory => Class::SystemMemory,
            },
            Self::PrivateAddress { .. } => Class::PrivateAddress,
            Self::Panic(_) => Class::Panic,
        }
    }

    /// Kind of reaction that makes sense.
    pub fn remedy(&self) -> Remedy {
        if let Self::Status { status, .. } = self {
            return if TRANSIENT_STATUSES.contains(status) {
                Remedy::Transient
            } else {
                Remedy::Permanent
            };
        }
        match self.class() {
            Class::DnsServer
            | Class::DnsTimeout
            | Class::DnsOther
            | Class::ConnectRefused
            | Class::ConnectTimedOut
            | Class::ConnectReset
            | Class::ConnectUnreachable
            | Class::ConnectOther
            | Class::TlsHandshake
            | Class::Proxy
            | Class::TimeoutConnect
            | Class::TimeoutTls
            | Class::TimeoutRequest
            | Class::Closed
            | Class::Lost
            | Class::Truncated => Remedy::Transient,
            Class::SystemDescriptors | Class::SystemPorts | Class::SystemMemory => Remedy::System,
            Class::Cancelled => Remedy::Cancelled,
            _ => Remedy::Permanent,
        }
    }

    /// Sentence about the fault, with what to do about it where that is known.
    pub fn advice(&self) -> String {
        match self {
            Self::Dns {
                name,
                reason: NoAddress::NotFound | NoAddress::NoRecord,
            } => format!("`{name}` does not resolve; check its spelling: getent hosts {name}"),
            Self::Dns {
                name,
                reason: NoAddress::Server | NoAddress::Timeout,
            } => format!(
                "no name server answers for `{name}`; check /etc/resolv.conf: getent hosts {name}"
            ),
            Self::Certificate { host, detail } => format!(
                "the certificate of {host} is not trusted: {detail}; for an authority of your own type: --ca-file FILE.pem"
            ),
            Self::Connect { address, source }
                if source.kind() == io::ErrorKind::ConnectionRefused =>
            {
                format!("nothing listens at {address}; check host and port of the URL")
            }
            other => other.to_string(),
        }
    }

    /// Wait that the server asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Resource that this machine lacks, according to an error of the operating system.
pub(crate) fn scarce(error: &io::Error) -> Option<Scarce> {
    match error.raw_os_error()? {
        libc::EMFILE | libc::ENFILE => Some(Scarce::Descriptors),
        libc::EADDRNOTAVAIL => Some(Scarce::Ports),
        libc::ENOMEM | libc::ENOBUFS => Some(Scarce::Memory),
        _ => None,
    }
}

fn dns_class(reason: &NoAddress) -> Class {
    match reason {
        NoAddress::NotFound | NoAddress::NoRecord => Class::DnsNotFound,
        NoAddress::Server => Class::DnsServer,
        NoAddress::Timeout => Class::DnsTimeout,
        NoAddress::Other(_) => Class::DnsOther,
    }
}

fn connect_class(error: &io::Error) -> Class {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Class::ConnectRefused,
        io::ErrorKind::TimedOut => Class::ConnectTimedOut,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Class::ConnectReset,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Class::ConnectUnreachable
        }
        _ => Class::ConnectOther,
    }
}

fn timeout_class(clock: Clock) -> Class {
    match clock {
        Clock::Connect => Class::TimeoutConnect,
        Clock::Tls => Class::TimeoutTls,
        Clock::Request => Class::TimeoutRequest,
        Clock::Task => Class::TimeoutTask,
    }
}

/// Durations of one request's phases as the crawler measured them, in nanoseconds; `None` for a phase that did not
/// occur.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Phases {
    /// Wait for a connection from the pool.
    pub pool_ns: Option<u64>,
    /// Name look-up; `None` on a reused connection.
    pub dns_ns: Option<u64>,
    /// TCP connect, including a race between addresses and the handshake with a proxy.
    pub connect_ns: Option<u64>,
    /// TLS handshake.
    pub tls_ns: Option<u64>,
    /// Time from passing the request to the connection until the response's head has arrived.
    pub ttfb_ns: Option<u64>,
    /// Time from the arrival of the head to the last byte of the body.
    pub transfer_ns: Option<u64>,
    /// Duration of the whole request.
    pub total_ns: u64,
}

/// Connection that carried a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ConnectionUse {
    /// Number of the connection, counted from 1 over the life of the pool.
    pub id: u64,
    /// Number of earlier requests on the connection.
    pub reuses: u32,
    /// Age of the connection when this request took it.
    pub age_ns: u64,
    /// Address of the peer: the server or the proxy.
    pub remote: SocketAddr,
    /// Encryption; `None` for clear text.
    pub tls: Option<Tls>,
    /// True for HTTP/2, where other requests share the connection at the same time.
    pub http2: bool,
}

/// Encryption of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// Version: `1.2` or `1.3`.
    pub version: &'static str,
    /// True if the session of an earlier connection was resumed.
    pub resumed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_at_its_own_index_and_has_its_json_name() {
        for (index, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, index);
            assert_eq!(
                serde_json::to_string(&class).unwrap(),
                format!("\"{}\"", class.name())
            );
        }
    }

    #[test]
    fn a_stage_is_at_its_own_index() {
        for (index, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, index);
        }
    }

    fn connect(errno: i32) -> Failure {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        Failure::of_connect(address, io::Error::from_raw_os_error(errno))
    }

    #[test]
    fn what_the_system_lacks_is_not_the_servers_fault() {
        for (errno, class, remedy) in [
            (libc::EMFILE, Class::SystemDescriptors, Remedy::System),
            (libc::ENFILE, Class::SystemDescriptors, Remedy::System),
            (libc::EADDRNOTAVAIL, Class::SystemPorts, Remedy::System),
            (libc::ENOBUFS, Class::SystemMemory, Remedy::System),
            (libc::ECONNREFUSED, Class::ConnectRefused, Remedy::Transient),
            (libc::ETIMEDOUT, Class::ConnectTimedOut, Remedy::Transient),
            (
                libc::EHOSTUNREACH,
                Class::ConnectUnreachable,
                Remedy::Transient,
            ),
        ] {
            let failure = connect(errno);
            assert_eq!(
                (failure.class(), failure.remedy()),
                (class, remedy),
                "{failure}"
            );
        }
    }

    #[test]
    fn a_timeout_is_not_a_cancel_and_the_tasks_clock_is_final() {
        let timeout = |clock| Failure::Timeout {
            clock,
            stage: Stage::Body,
        };
        assert_eq!(timeout(Clock::Request).remedy(), Remedy::Transient);
        assert_eq!(timeout(Clock::Task).remedy(), Remedy::Permanent);
        assert_eq!(Failure::Cancelled(Stage::Body).remedy(), Remedy::Cancelled);
        assert_ne!(
            timeout(Clock::Request).class(),
            Failure::Cancelled(Stage::Body).class()
        );
    }

    #[test]
    fn statuses() {
        for (status, remedy) in [
            (404, Remedy::Permanent),
            (410, Remedy::Permanent),
            (429, Remedy::Transient),
            (501, Remedy::Permanent),
            (503, Remedy::Transient),
        ] {
            let failure = Failure::Status {
                status,
                retry_after: None,
            };
            assert_eq!(failure.remedy(), remedy, "{status}");
        }
    }

    #[test]
    fn advice_names_what_to_type() {
        #[track_caller]
        fn check(failure: &Failure, expected: &str) {
            assert_eq!(failure.advice(), expected);
        }
        let dns = |reason| Failure::Dns {
            name: "nowhere.example".into(),
            reason,
        };
        check(
            &dns(NoAddress::NotFound),
            "`nowhere.example` does not resolve; check its spelling: getent hosts nowhere.example",
        );
        check(
            &dns(NoAddress::Timeout),
            "no name server answers for `nowhere.example`; check /etc/resolv.conf: getent hosts nowhere.example",
        );
        let certificate = Failure::Certificate {
            host: "a.example".into(),
            detail: "UnknownIssuer".into(),
        };
        check(
            &certificate,
            "the certificate of a.example is not trusted: UnknownIssuer; for an authority of your own type: --ca-file FILE.pem",
        );
        check(&Failure::Closed, &Failure::Closed.to_string());
    }
}
