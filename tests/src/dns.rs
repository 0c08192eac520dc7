//! A small DNS server with scripted faults, its log, and resolver configurations that lead to it.
//!
//! The last label but one of a name decides the answer: `x.ok.test` is answered, `x.nx.test` does not exist,
//! `x.fail.test` is SERVFAIL, `x.refused.test` REFUSED, `x.mute.test` never answered, `x.late.test` answered when
//! asked for the second time, `x.tc.test` truncated over UDP, `x.alias.test` two aliases of an address.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tempfile::NamedTempFile;

use crate::client::Client;
use crate::namespace::Namespace;

const A: u16 = 1;
const AAAA: u16 = 28;
const TO_QUESTION: [u8; 2] = [0xc0, 12];

/// A query as the server read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Name in lower case.
    pub name: String,
    /// Type of the query.
    pub kind: u16,
    /// True if the query came over TCP.
    pub tcp: bool,
}

/// Answers of the server.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// Wait before each answer.
    pub delay: Duration,
    /// TTL of each record in seconds.
    pub ttl_s: u32,
    /// Address of all names.
    pub address: IpAddr,
    /// Address of all names by IPv6, if they have one besides.
    pub v6: Option<Ipv6Addr>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            ttl_s: 60,
            address: Ipv4Addr::LOCALHOST.into(),
            v6: None,
        }
    }
}

type Log = Arc<Mutex<Vec<Asked>>>;

/// Server on port 53 of one address, in a namespace that ends with it.
pub struct DnsServer {
    /// Namespace of the server and its clients.
    pub namespace: Namespace,
    address: IpAddr,
    log: Log,
}

impl DnsServer {
    /// Listens on UDP and TCP of `address` (say `127.0.0.53` or `::1`) in a new namespace.
    pub fn start(address: &str, script: Script) -> Result<Self> {
        let address: IpAddr = address.parse()?;
        let namespace = Namespace::new()?;
        let place = SocketAddr::new(address, 53);
        let (datagrams, listener) =
            namespace.run(move || Ok((UdpSocket::bind(place)?, TcpListener::bind(place)?)))?;
        let log = Log::default();
        let (by_datagram, by_stream) = (Arc::clone(&log), Arc::clone(&log));
        // Both threads wait for packets for ever, and end with the test's process.
        std::thread::spawn(move || serve_datagrams(&datagrams, script, &by_datagram));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&by_stream);
                std::thread::spawn(move || serve_stream(stream, script, &log));
            }
        });
        Ok(Self {
            namespace,
            address,
            log,
        })
    }

    /// Listens on UDP of a further address, with the same log.
    pub fn also_at(&self, address: &str, script: Script) -> Result<()> {
        let place = SocketAddr::new(address.parse()?, 53);
        let datagrams = self.namespace.run(move || Ok(UdpSocket::bind(place)?))?;
        let log = Arc::clone(&self.log);
        std::thread::spawn(move || serve_datagrams(&datagrams, script, &log));
        Ok(())
    }

    /// Queries so far.
    pub fn log(&self) -> Vec<Asked> {
        locked(&self.log).clone()
    }

    /// Counts of the queries so far, and of different questions among them.
    pub fn counts(&self) -> Counts {
        let mut questions = BTreeMap::new();
        for asked in self.log() {
            *questions.entry((asked.name, asked.kind)).or_insert(0) += 1;
        }
        let log = self.log();
        Counts {
            datagrams: log.iter().filter(|asked| !asked.tcp).count() as u64,
            over_tcp: log.iter().filter(|asked| asked.tcp).count() as u64,
            questions: questions.len() as u64,
        }
    }

    /// Moves the client into the namespace, with this server as the only one in its resolv.conf.
    pub fn resolves(&self, client: Client, options: &str) -> Result<Resolving> {
        let mut configuration = NamedTempFile::new()?;
        writeln!(configuration, "nameserver {}\n{options}", self.address)?;
        let script = r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#;
        let fixed = ["unshare", "--mount", "--", "sh", "-c", script];
        let mut client = client;
        let command = fixed.iter().map(std::ffi::OsString::from);
        let path = std::iter::once(configuration.path().as_os_str().to_owned());
        client.command = command.chain(path).chain(client.command).collect();
        Ok(Resolving {
            client: client.inside(&self.namespace),
            _configuration: configuration,
        })
    }
}

/// Counts of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Queries over UDP.
    pub datagrams: u64,
    /// Queries over TCP.
    pub over_tcp: u64,
    /// Different names and types.
    pub questions: u64,
}

/// A client with its resolv.conf.
pub struct Resolving {
    /// Client to run.
    pub client: Client,
    _configuration: NamedTempFile,
}

fn locked(log: &Log) -> MutexGuard<'_, Vec<Asked>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve_datagrams(socket: &UdpSocket, script: Script, log: &Log) {
    let mut buffer = [0; 4096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer) {
        let Some(answer) = buffer
            .get(..length)
            .and_then(|query| reply(query, false, &script, log))
        else {
            continue;
        };
        if script.delay.is_zero() {
            let _ = socket.send_to(&answer, client);
        } else if let Ok(socket) = socket.try_clone() {
            std::thread::spawn(move || {
                std::thread::sleep(script.delay);
                socket.send_to(&answer, client)
            });
        }
    }
}

fn serve_stream(mut stream: TcpStream, script: Script, log: &Log) -> std::io::Result<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        let Some(answer) = reply(&query, true, &script, log) else {
            continue;
        };
        std::thread::sleep(script.delay);
        // The answer is sent in two segments, as servers may do.
        let length = u16::try_from(answer.len()).unwrap_or_default();
        stream.set_nodelay(true)?;
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(&answer)?;
    }
}

/// Logs the query and makes its answer, if there is to be one.
fn reply(query: &[u8], tcp: bool, script: &Script, log: &Log) -> Option<Vec<u8>> {
    let (name, end) = read_name(query)?;
    let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
    let asked = Asked { name, kind, tcp };
    let before = {
        let mut log = locked(log);
        let before = log.iter().filter(|other| **other == asked).count();
        log.push(asked.clone());
        before
    };
    let behaviour = asked.name.rsplit('.').nth(1).unwrap_or_default();
    let (flags, records) = match behaviour {
        "mute" => return None,
        "late" if before == 0 => return None,
        "nx" => (3, Vec::new()),
        "fail" => (2, Vec::new()),
        "refused" => (5, Vec::new()),
        "tc" if !tcp => (0x0200, Vec::new()),
        "alias" => (0, aliases(kind, script)),
        _ => (0, address(&TO_QUESTION, kind, script)),
    };
    let mut answer = query.get(..end + 4)?.to_vec();
    let words = [0x8180 | flags, 1, records.len() as u16, 0, 0];
    let words: Vec<u8> = words
        .iter()
        .flat_map(|word: &u16| word.to_be_bytes())
        .collect();
    answer.splice(2..12, words);
    answer.extend(records.concat());
    Some(answer)
}

/// Reads the name in the question, and gives the offset of its end.
fn read_name(query: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
}

fn record(owner: &[u8], kind: u16, ttl_s: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or_default();
    let fixed = [kind.to_be_bytes(), 1_u16.to_be_bytes()].concat();
    [
        owner,
        &fixed,
        &ttl_s.to_be_bytes(),
        &length.to_be_bytes(),
        data,
    ]
    .concat()
}

/// Makes an address record if the requested type fits the script's address.
fn address(owner: &[u8], kind: u16, script: &Script) -> Vec<Vec<u8>> {
    let data = match (script.address, script.v6, kind) {
        (IpAddr::V4(v4), _, A) => v4.octets().to_vec(),
        (IpAddr::V6(v6), _, AAAA) | (_, Some(v6), AAAA) => v6.octets().to_vec(),
        _ => return Vec::new(),
    };
    vec![record(owner, kind, script.ttl_s, &data)]
}

/// Makes records by which the requested name is an alias of an alias.
fn aliases(kind: u16, script: &Script) -> Vec<Vec<u8>> {
    const FIRST: &[u8] = b"\x01a\x03cdn\x04test\x00";
    const SECOND: &[u8] = b"\x01b\x03cdn\x04test\x00";
    let mut records = vec![
        record(&TO_QUESTION, 5, script.ttl_s, FIRST),
        record(FIRST, 5, script.ttl_s, SECOND),
    ];
    records.extend(address(SECOND, kind, script));
    records
}
