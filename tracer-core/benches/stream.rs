//! Generated stream of records: connections to many hosts, each with a TLS 1.3 handshake and two turns.

use tracer_common::record::{
    COMM_LEN, CloseRecord, ConnectRecord, Endpoint, FirstTurnRecord, HELLO_SMALL, Header,
    HelloRecord, TlsRecord, TurnRecord, VERSION, close_outcome, closer, connect, direction, kind,
    tls, turn,
};
use zerocopy::{FromZeros, Immutable, IntoBytes};

/// Number of records of one connection.
pub(crate) const RECORDS_A_CONNECTION: u64 = 7;
const MS: u64 = 1_000_000;

/// Records one after the other, aligned as in the ring buffer.
#[derive(Default)]
pub(crate) struct Stream {
    words: Vec<u64>,
    lengths: Vec<usize>,
}

impl Stream {
    /// Stream of `count` connections, the first with the cookie `from`, spread over `hosts` hosts.
    pub(crate) fn of(from: u64, count: u64, hosts: u64) -> Self {
        let mut stream = Self::default();
        for cookie in from..from + count {
            stream.connection(cookie, cookie % hosts, cookie / hosts % 2 == 1);
        }
        stream
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = 0;
        self.lengths.iter().map(move |&length| {
            let words = &self.words[at..at + length.div_ceil(8)];
            at += words.len();
            &words.as_bytes()[..length]
        })
    }

    fn push(&mut self, record: &(impl IntoBytes + Immutable)) {
        self.push_bytes(record.as_bytes());
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        let mut word = [0; 8];
        for chunk in bytes.chunks(8) {
            word[..chunk.len()].copy_from_slice(chunk);
            self.words.push(u64::from_ne_bytes(word));
        }
        self.lengths.push(bytes.len());
    }

    fn connection(&mut self, cookie: u64, host: u64, resumed: bool) {
        // Durations are spread over two decades, differently for each connection.
        let spread = |of: u64| of + cookie.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (100 * of);
        let begun = cookie * MS;
        self.push(&connected(cookie, host, begun, spread(MS / 2)));
        let name = format!("host-{host}.example.com");
        self.push_bytes(&hello(cookie, direction::EGRESS, &client_hello(&name)));
        self.push_bytes(&hello(cookie, direction::INGRESS, &server_hello(resumed)));
        self.push(&handshake(cookie, begun, spread(MS)));
        self.push(&first_turn(cookie, begun, spread(2 * MS)));
        self.push(&later_turn(cookie, begun + 5000 * MS, spread(MS)));
        self.push(&closed(cookie, begun, spread(9000 * MS)));
    }
}

fn header<T>(kind: u8, cookie: u64, time_ns: u64) -> Header {
    Header {
        kind,
        version: VERSION,
        pad: 0,
        size: size_of::<T>() as u32,
        time_ns,
        cookie,
    }
}

fn endpoint(host: u64) -> Endpoint {
    let mut endpoint = Endpoint::new_zeroed();
    endpoint.family = 2;
    endpoint.tgid = 4242;
    endpoint.netns = 4_026_531_840;
    endpoint.remote_port = 443;
    endpoint.local_port = 40_000;
    // A thousand addresses, as behind CDNs.
    endpoint.remote[..4].copy_from_slice(&[192, 0, (host / 256 % 4) as u8, host as u8]);
    endpoint.comm[..7].copy_from_slice(b"crawler");
    assert!(endpoint.comm.len() == COMM_LEN);
    endpoint
}

fn connected(cookie: u64, host: u64, begun: u64, duration_ns: u64) -> ConnectRecord {
    let mut record = ConnectRecord::new_zeroed();
    record.header = header::<ConnectRecord>(kind::CONNECT, cookie, begun + duration_ns);
    record.endpoint = endpoint(host);
    (record.start_ns, record.duration_ns) = (begun, duration_ns);
    record.outcome = connect::ESTABLISHED;
    record
}

/// Record of type `HelloRecord<HELLO_SMALL>`.
fn hello(cookie: u64, way: u8, bytes: &[u8]) -> Vec<u8> {
    let header = header::<HelloRecord<HELLO_SMALL>>(kind::HELLO, cookie, 0);
    let length = (bytes.len() as u16).to_ne_bytes();
    let mut record = [header.as_bytes(), &[0; 4], &length, &[way, 0], bytes].concat();
    record.resize(size_of::<HelloRecord<HELLO_SMALL>>(), 0);
    record
}

fn handshake(cookie: u64, start_ns: u64, duration_ns: u64) -> TlsRecord {
    let mut record = TlsRecord::new_zeroed();
    record.header = header::<TlsRecord>(kind::TLS, cookie, start_ns + duration_ns);
    (record.start_ns, record.duration_ns) = (start_ns, duration_ns);
    (record.outcome, record.flow) = (tls::DONE, tls::FLOW_13);
    record
}

fn turn(cookie: u64, number: u32, start_ns: u64, ttfb_ns: u64) -> TurnRecord {
    let mut record = TurnRecord::new_zeroed();
    record.header = header::<TurnRecord>(kind::TURN, cookie, start_ns + 2 * ttfb_ns);
    record.start_ns = start_ns;
    record.first_ns = start_ns + ttfb_ns;
    record.last_ns = record.first_ns + ttfb_ns / 3;
    record.pickup_ns = ttfb_ns / 50;
    record.number = number;
    (record.protocol, record.ended) = (turn::TLS_13, turn::NEXT);
    record
}

fn first_turn(cookie: u64, start_ns: u64, ttfb_ns: u64) -> FirstTurnRecord {
    let mut record = FirstTurnRecord::new_zeroed();
    record.turn = turn(cookie, 1, start_ns, ttfb_ns);
    record.turn.header = header::<FirstTurnRecord>(kind::FIRST_TURN, cookie, start_ns);
    record.finished_ns = start_ns;
    record.records = 3;
    record.times_ns[..3].copy_from_slice(&[start_ns + 10, start_ns + 10, start_ns + ttfb_ns]);
    record.lengths[..3].copy_from_slice(&[255, 255, 4096]);
    record
}

fn later_turn(cookie: u64, start_ns: u64, ttfb_ns: u64) -> TurnRecord {
    let mut record = turn(cookie, 2, start_ns, ttfb_ns);
    record.previous_ns = start_ns - 40 * MS - ttfb_ns;
    record.ended = turn::CLOSE;
    record
}

fn closed(cookie: u64, begun: u64, lifetime_ns: u64) -> CloseRecord {
    let mut record = CloseRecord::new_zeroed();
    record.header = header::<CloseRecord>(kind::CLOSE, cookie, begun + lifetime_ns);
    record.established_ns = begun;
    record.closing_ns = begun + lifetime_ns;
    (record.bytes_sent, record.bytes_received) = (800, 30_000);
    record.srtt_us8 = 8 * (500 + (lifetime_ns % 40_000) as u32);
    (record.closer, record.close_outcome) = (closer::SERVER, close_outcome::NONE);
    record
}

/// Block preceded by its length in `bytes` bytes.
fn sized(bytes: usize, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u64).to_be_bytes();
    [&length[8 - bytes..], body].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized(2, body)].concat()
}

fn record(handshake_type: u8, body: &[u8]) -> Vec<u8> {
    let message = [&[handshake_type][..], &sized(3, body)].concat();
    [&[22, 3, 1][..], &sized(2, &message)].concat()
}

/// ClientHello of 517 bytes as sent by browsers (RFC 8446 4.1.2, padded after RFC 7685).
fn client_hello(name: &str) -> Vec<u8> {
    let name = sized(2, &[&[0][..], &sized(2, name.as_bytes())].concat());
    let protocols = sized(2, &[&sized(1, b"h2")[..], &sized(1, b"http/1.1")].concat());
    let share = [&[0, 29][..], &sized(2, &[7; 32])].concat();
    let mut extensions = [
        extension(0, &name),
        extension(16, &protocols),
        extension(43, &sized(1, &[3, 4, 3, 3])),
        extension(51, &sized(2, &share)),
    ]
    .concat();
    let head = [
        &[3, 3][..],
        &[9; 32],
        &sized(1, &[5; 32]),
        &sized(2, &[19, 1, 19, 2]),
        &[1, 0],
    ]
    .concat();
    let padding = 517 - 9 - head.len() - 2 - extensions.len() - 4;
    extensions.extend(extension(21, &vec![0; padding]));
    record(1, &[head, sized(2, &extensions)].concat())
}

fn server_hello(resumed: bool) -> Vec<u8> {
    let share = [&[0, 29][..], &sized(2, &[8; 32])].concat();
    let mut extensions = [extension(43, &[3, 4]), extension(51, &share)].concat();
    if resumed {
        extensions.extend(extension(41, &[0, 0]));
    }
    let head = [&[3, 3][..], &[6; 32], &sized(1, &[5; 32]), &[19, 1, 0]].concat();
    record(2, &[head, sized(2, &extensions)].concat())
}
