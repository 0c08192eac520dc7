//! Scripts of connections: what each side sends, and ways to cut that into segments.

use tracer_common::record::{BriefTurn, TunnelRecord, TurnRecord, closer, direction, note};
use tracer_flow::driver::{Driver, Handshake, Report};

/// Sequence numbers near their end, so that every script passes it.
const CLIENT_SYN: u32 = u32::MAX - 100;
const SERVER_SYN: u32 = u32::MAX - 700;

/// Types of TLS records.
pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const DATA: u8 = 23;

/// Side that sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Bytes that a side sends at once.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) side: Side,
    pub(crate) now_ns: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Message {
    /// True if the client sends it.
    pub(crate) fn is_client(&self) -> bool {
        self.side == Side::Client
    }

    /// Places where the message may be cut without a change of what is found out.
    pub(crate) fn cuts(&self) -> std::ops::Range<usize> {
        1..self.bytes.len()
    }
}

/// Message of the client.
pub(crate) fn client(now_ns: u64, parts: &[Vec<u8>]) -> Message {
    message(Side::Client, now_ns, parts)
}

/// Message of the server.
pub(crate) fn server(now_ns: u64, parts: &[Vec<u8>]) -> Message {
    message(Side::Server, now_ns, parts)
}

fn message(side: Side, now_ns: u64, parts: &[Vec<u8>]) -> Message {
    Message {
        side,
        now_ns,
        bytes: parts.concat(),
    }
}

/// TLS record of a type, with so many bytes behind its header, none of which looks like another header.
pub(crate) fn record(kind: u8, length: u16) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let mut bytes = vec![kind, 3, 3, high, low];
    bytes.resize(5 + usize::from(length), 0xaa);
    bytes
}

/// Record of handshake messages that begins with a message of this type.
pub(crate) fn hello(message: u8, length: u16) -> Vec<u8> {
    let mut bytes = record(HANDSHAKE, length);
    bytes[5] = message;
    bytes
}

pub(crate) fn client_hello() -> Vec<u8> {
    hello(1, 517)
}

pub(crate) fn server_hello() -> Vec<u8> {
    hello(2, 122)
}

pub(crate) fn change_cipher_spec() -> Vec<u8> {
    let mut bytes = record(CHANGE_CIPHER_SPEC, 1);
    bytes[5] = 1;
    bytes
}

/// Full handshake of TLS 1.2: it begins at 1000 and ends at 4000.
pub(crate) fn full_12() -> Vec<Message> {
    vec![
        client(1000, &[client_hello()]),
        server(2000, &[server_hello(), hello(11, 3000), hello(14, 4)]),
        client(
            3000,
            &[hello(16, 70), change_cipher_spec(), record(HANDSHAKE, 40)],
        ),
        server(4000, &[change_cipher_spec(), record(HANDSHAKE, 40)]),
    ]
}

/// Resumed handshake of TLS 1.2: it begins at 1000 and ends at 3000.
pub(crate) fn resumed_12() -> Vec<Message> {
    vec![
        client(1000, &[client_hello()]),
        server(
            2000,
            &[server_hello(), change_cipher_spec(), record(HANDSHAKE, 40)],
        ),
        client(3000, &[change_cipher_spec(), record(HANDSHAKE, 40)]),
    ]
}

/// Full handshake of TLS 1.3: it begins at 1000 and ends at 3000.
pub(crate) fn full_13() -> Vec<Message> {
    let flight = [
        server_hello(),
        change_cipher_spec(),
        record(DATA, 36),
        record(DATA, 2900),
        record(DATA, 281),
        record(DATA, 53),
    ];
    vec![
        client(1000, &[client_hello()]),
        server(2000, &flight),
        client(3000, &[change_cipher_spec(), record(DATA, 53)]),
    ]
}

/// Resumed handshake of TLS 1.3: it begins at 1000 and ends at 3000.
pub(crate) fn resumed_13() -> Vec<Message> {
    let flight = [
        server_hello(),
        change_cipher_spec(),
        record(DATA, 36),
        record(DATA, 69),
    ];
    vec![
        client(1000, &[client_hello()]),
        server(2000, &flight),
        client(3000, &[change_cipher_spec(), record(DATA, 69)]),
    ]
}

/// The script with a request at 5000, answered at 6000, and with another one at 7000, answered at 8000.
pub(crate) fn with_turns(mut script: Vec<Message>) -> Vec<Message> {
    script.extend([
        client(5000, &[record(DATA, 400)]),
        server(6000, &[record(DATA, 1800), record(DATA, 900)]),
        client(7000, &[record(DATA, 400)]),
        server(8000, &[record(DATA, 1500)]),
    ]);
    script
}

/// A connection under way, which numbers the bytes of both sides.
pub(crate) struct Play {
    driver: Driver,
    client_next: u32,
    server_next: u32,
}

impl Play {
    pub(crate) fn new() -> Self {
        Self {
            driver: Driver::new(CLIENT_SYN, SERVER_SYN),
            client_next: CLIENT_SYN.wrapping_add(1),
            server_next: SERVER_SYN.wrapping_add(1),
        }
    }

    /// Connection that was open before tracing began.
    pub(crate) fn adopted() -> Self {
        Self {
            driver: Driver::adopted(SERVER_SYN.wrapping_add(1)),
            ..Self::new()
        }
    }

    /// Sequence number of the next byte of a side.
    pub(crate) fn next(&self, side: Side) -> u32 {
        match side {
            Side::Client => self.client_next,
            Side::Server => self.server_next,
        }
    }

    /// Counts bytes of a side that were sent by [`Play::segment`], or never seen.
    pub(crate) fn pass(&mut self, side: Side, length: u32) {
        let next = match side {
            Side::Client => &mut self.client_next,
            Side::Server => {
                self.driver.missed(self.server_next, length);
                &mut self.server_next
            }
        };
        *next = next.wrapping_add(length);
    }

    /// Sends a message in segments whose ends are given, in order; an end beyond the message does nothing.
    pub(crate) fn cut(&mut self, message: &Message, ends: &[usize]) {
        let order: Vec<usize> = (0..=ends.len()).collect();
        self.shuffled(message, ends, &order);
    }

    /// Sends a message in segments whose ends are given in rising order, and these in another order.
    pub(crate) fn shuffled(&mut self, message: &Message, ends: &[usize], order: &[usize]) {
        let length = message.bytes.len();
        let mut edges = vec![0];
        edges.extend(ends.iter().map(|end| (*end).min(length)));
        edges.push(length);
        let next = match message.side {
            Side::Client => &mut self.client_next,
            Side::Server => &mut self.server_next,
        };
        let first = *next;
        *next = first.wrapping_add(length as u32);
        for at in order {
            let (from, to) = (edges[*at], edges[at + 1]);
            let (bytes, sequence) = (&message.bytes[from..to], first.wrapping_add(from as u32));
            self.segment(message.side, sequence, bytes, message.now_ns);
        }
    }

    /// Sends one segment.
    pub(crate) fn segment(&mut self, side: Side, sequence: u32, bytes: &[u8], now_ns: u64) {
        match side {
            Side::Client => self.driver.sent(sequence, bytes, now_ns),
            Side::Server => self.driver.received(sequence, bytes, now_ns),
        }
    }

    /// Sends a message in one segment.
    pub(crate) fn whole(&mut self, message: &Message) {
        self.cut(message, &[]);
    }

    pub(crate) fn driver(&mut self) -> &mut Driver {
        &mut self.driver
    }

    /// Closes the connection and tells what was found out.
    pub(crate) fn end(mut self) -> Story {
        self.driver.close(closer::CLIENT, 1_000_000);
        Story::of(&self.driver)
    }
}

/// Findings about a connection, however its turns were put together into records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) handshakes: Vec<Handshake>,
    pub(crate) turns: Vec<Turn>,
    /// First bytes that the client sent, without what it sent to a proxy.
    pub(crate) sent: Vec<u8>,
    /// Bytes that the client sent to the proxy.
    pub(crate) asked: Vec<u8>,
    /// Exchanges with proxies.
    pub(crate) tunnels: Vec<Tunnel>,
    /// Notes, of `record::note`.
    pub(crate) notes: Vec<u8>,
    /// Time from the last byte of the last response to its last read, µs; 0 where none was reported.
    pub(crate) read_late_us: u32,
    /// Number of losses that were counted.
    pub(crate) counted: usize,
}

/// Exchange with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tunnel {
    pub(crate) kind: u8,
    pub(crate) outcome: u8,
    pub(crate) status: u16,
    pub(crate) inside: u8,
    pub(crate) start_ns: u64,
    pub(crate) duration_ns: u64,
}

/// Times of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) number: u32,
    pub(crate) start_ns: u64,
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    pub(crate) pickup_ns: u64,
    pub(crate) protocol: u8,
    /// Lengths of the first records, in a first turn over TLS 1.3.
    pub(crate) lengths: Vec<u16>,
}

impl Story {
    fn of(driver: &Driver) -> Self {
        let mut story = Self {
            counted: driver.counted().len(),
            ..Self::default()
        };
        for report in driver.reports() {
            match report {
                Report::Bytes(bytes) if bytes.direction == direction::EGRESS => {
                    let kept = match bytes.clear {
                        note::TUNNEL => &mut story.asked,
                        _ => &mut story.sent,
                    };
                    kept.resize(bytes.offset as usize, 0);
                    kept.extend(&bytes.bytes);
                }
                Report::Bytes(_) => {}
                Report::Tunnel(record) => story.tunnels.push(tunnel(record)),
                Report::Note(note) => story.notes.push(*note),
                Report::ReadLate(late_us) => story.read_late_us = *late_us,
                Report::Passed(_) | Report::Late(..) | Report::Bound(..) | Report::Frames(..) => {}
                Report::Handshake(handshake) => story.handshakes.push(*handshake),
                Report::Turn(record) => story.turns.push(turn(record)),
                Report::FirstTurn(record) => {
                    let known = record.lengths.iter().filter(|length| **length != 0);
                    story.turns.push(Turn {
                        lengths: known.copied().collect(),
                        ..turn(&record.turn)
                    });
                }
                Report::Turns(head, turns) => {
                    let mut previous_ns = head.previous_ns;
                    for (number, brief) in (head.number..).zip(turns) {
                        let turn = brief_turn(brief, number, head.protocol, previous_ns);
                        previous_ns = turn.last_ns;
                        story.turns.push(turn);
                    }
                }
            }
        }
        story
    }
}

fn tunnel(record: &TunnelRecord) -> Tunnel {
    Tunnel {
        kind: record.kind,
        outcome: record.outcome,
        status: record.status,
        inside: record.inside,
        start_ns: record.start_ns,
        duration_ns: record.duration_ns,
    }
}

fn turn(record: &TurnRecord) -> Turn {
    Turn {
        number: record.number,
        start_ns: record.start_ns,
        first_ns: record.first_ns,
        last_ns: record.last_ns,
        pickup_ns: record.pickup_ns,
        protocol: record.protocol,
        lengths: Vec::new(),
    }
}

fn brief_turn(brief: &BriefTurn, number: u32, protocol: u8, previous_ns: u64) -> Turn {
    let start_ns = previous_ns + u64::from(brief.idle_ns);
    let first_ns = start_ns + u64::from(brief.ttfb_ns);
    Turn {
        number,
        start_ns,
        first_ns,
        last_ns: first_ns + u64::from(brief.transfer_ns),
        pickup_ns: u64::from(brief.pickup_ns),
        protocol,
        lengths: Vec::new(),
    }
}

/// Plays a script, each message in one segment.
pub(crate) fn play(script: &[Message]) -> Story {
    let mut play = Play::new();
    for message in script {
        play.whole(message);
    }
    play.end()
}
