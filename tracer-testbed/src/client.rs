//! A small HTTP/1.1 client without TLS that has bad habits, each of which real crawlers have.

mod exchange;

use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use exchange::{Head, read_body, read_head, send_request};

/// Longest wait for the server when the habit sets none.
const PATIENCE: Duration = Duration::from_secs(30);
/// Number of connections that [`Habit::PoolOfTwo`] keeps.
const POOL: usize = 2;

/// Bad habit of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// No bad habit: one connection, on which every body is read, and which is closed at the end.
    None,
    /// A connection for each request, which is read to the end, never closed and never used again.
    Leak,
    /// Bodies are not read: the connection is closed before, which resets it.
    UnreadBody,
    /// Bodies are not read and responses not closed: their connections stay open and unusable.
    UnclosedResponse,
    /// The client computes for this time before it reads a response.
    BusyReader(Duration),
    /// A request is given up after this time.
    ShortTimeout(Duration),
    /// A DNS server is asked for the host before each request, whatever the TTL.
    DnsEachTime(SocketAddr),
    /// Requests are sent so many at once, with a pool that keeps two idle connections.
    PoolOfTwo(usize),
}

/// Requests of a client, and its habit.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Address of the origin.
    pub origin: SocketAddr,
    /// Host field of the requests.
    pub host: String,
    /// Path of all requests.
    pub path: String,
    /// Number of requests.
    pub requests: u64,
    /// Bad habit of the client.
    pub habit: Habit,
}

/// Result of a client. Connections that the habit keeps stay open until the report is dropped.
#[derive(Debug, Default)]
pub struct Report {
    /// Responses whose head arrived.
    pub answered: u64,
    /// Connections opened.
    pub connections: u64,
    /// Requests given up after the time limit.
    pub timeouts: u64,
    /// Requests that ended in a reset.
    pub resets: u64,
    /// Connections refused.
    pub refused: u64,
    /// Requests that ended otherwise.
    pub failures: u64,
    /// Lookups answered.
    pub lookups: u64,
    /// Longest time from a request to the whole response.
    pub longest: Duration,
    /// Connections that are still open.
    pub held: Vec<TcpStream>,
}

impl Report {
    /// Gives the report as it is printed at the end, with times in ms.
    pub fn to_json(&self) -> Value {
        json!({
            "answered": self.answered,
            "connections": self.connections,
            "timeouts": self.timeouts,
            "resets": self.resets,
            "refused": self.refused,
            "failures": self.failures,
            "lookups": self.lookups,
            "longest_ms": self.longest.as_secs_f64() * 1e3,
            "held": self.held.len(),
        })
    }

    fn add_error(&mut self, error: &io::Error) {
        *match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => &mut self.timeouts,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => &mut self.resets,
            io::ErrorKind::ConnectionRefused => &mut self.refused,
            _ => &mut self.failures,
        } += 1;
    }

    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.connections += other.connections;
        self.timeouts += other.timeouts;
        self.resets += other.resets;
        self.refused += other.refused;
        self.failures += other.failures;
        self.lookups += other.lookups;
        self.longest = self.longest.max(other.longest);
        self.held.extend(other.held);
    }
}

/// Sends all requests and counts the failures.
pub fn run(options: &ClientOptions) -> Report {
    match options.habit {
        Habit::PoolOfTwo(workers) => pool_of_two(options, workers.max(1)),
        _ => one_by_one(options),
    }
}

fn one_by_one(options: &ClientOptions) -> Report {
    let mut report = Report::default();
    let mut idle = None;
    for _ in 0..options.requests {
        if let Habit::DnsEachTime(server) = options.habit {
            match look_up(server, &options.host) {
                Ok(_) => report.lookups += 1,
                Err(error) => {
                    report.add_error(&error);
                    continue;
                }
            }
        }
        match request(options, idle.take(), &mut report) {
            Ok(Some(stream)) if options.habit == Habit::Leak => report.held.push(stream),
            Ok(stream) => idle = stream,
            Err(error) => report.add_error(&error),
        }
    }
    report
}

/// Sends rounds of `workers` requests at once. After each round all connections but two are closed.
fn pool_of_two(options: &ClientOptions, workers: usize) -> Report {
    let mut report = Report::default();
    let mut pool: Vec<TcpStream> = Vec::new();
    let mut left = usize::try_from(options.requests).unwrap_or(usize::MAX);
    while left > 0 {
        let round = left.min(workers);
        left -= round;
        let idle: Vec<_> = (0..round).map(|_| pool.pop()).collect();
        let ended: Vec<_> = std::thread::scope(|scope| {
            let worker = |stream| {
                let mut report = Report::default();
                let stream = request(options, stream, &mut report);
                (stream.map_err(|error| report.add_error(&error)), report)
            };
            let threads: Vec<_> = idle
                .into_iter()
                .map(|stream| scope.spawn(move || worker(stream)))
                .collect();
            threads.into_iter().filter_map(|t| t.join().ok()).collect()
        });
        for (stream, part) in ended {
            report.add(part);
            pool.extend(stream.ok().flatten());
        }
        pool.truncate(POOL);
    }
    report
}

/// Sends one request, on an idle connection if there is one. Gives the connection back if it can be used again.
fn request(
    options: &ClientOptions,
    idle: Option<TcpStream>,
    report: &mut Report,
) -> io::Result<Option<TcpStream>> {
    let limit = match options.habit {
        Habit::ShortTimeout(limit) => limit,
        _ => PATIENCE,
    };
    let mut stream = match idle {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect_timeout(&options.origin, limit)?;
            report.connections += 1;
            stream
        }
    };
    let start = Instant::now();
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(limit))?;
    send_request(&mut stream, &options.host, &options.path)?;
    if let Habit::BusyReader(busy) = options.habit {
        compute(busy);
    }
    let Head {
        body_bytes,
        already_bytes,
        keep_alive,
    } = read_head(&mut stream)?;
    report.answered += 1;
    match options.habit {
        Habit::UnreadBody => return Ok(None),
        Habit::UnclosedResponse => {
            report.held.push(stream);
            return Ok(None);
        }
        _ => read_body(&mut stream, already_bytes, body_bytes)?,
    }
    report.longest = report.longest.max(start.elapsed());
    Ok(keep_alive.then_some(stream))
}

/// Keeps the processor busy, as parsing a large page would.
fn compute(time: Duration) {
    let start = Instant::now();
    let mut sum = 0_u64;
    while start.elapsed() < time {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
    }
}

/// Asks a server for the first address of a name over UDP.
pub fn look_up(server: SocketAddr, name: &str) -> io::Result<IpAddr> {
    let unspecified: IpAddr = match server {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((unspecified, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let id = (std::process::id() as u16).wrapping_mul(31);
    socket.send(&exchange::dns_query(id, name))?;
    let mut answer = [0; 1500];
    loop {
        let length = socket.recv(&mut answer)?;
        if answer[..2] == id.to_be_bytes() {
            return exchange::dns_address(&answer[..length])
                .ok_or_else(|| io::Error::other(format!("{name} has no address")));
        }
    }
}

/// Tells whether the peer has closed its half. No data is taken out of the socket.
pub fn is_half_closed(stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let looked = stream.peek(&mut [0; 1]);
    stream.set_nonblocking(false)?;
    match looked {
        Ok(bytes) => Ok(bytes == 0),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads until the peer closes, for tests of the time after a response.
pub fn read_to_close(stream: &mut TcpStream) -> io::Result<usize> {
    stream.read_to_end(&mut Vec::new())
}
