//! Connections played through the driver, and what it finds out.

use tracer_common::{
    counter::Counter,
    record::{direction, note, tls, tunnel},
};
use tracer_core::tls::{HelloStream, Side};
use tracer_flow::driver::{Driver, Report};

use crate::connection::{Connection, Data};

/// Time after which the application reads what has come.
const READ_AFTER_NS: u64 = 1000;

/// Findings about a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Tunnels that the proxy has opened.
    pub(crate) tunnels: u64,
    /// Outcomes of other exchanges with the proxy, of `record::tunnel`.
    pub(crate) refusals: Vec<u8>,
    /// Handshakes that were completed, and whether each resumed a session.
    pub(crate) full: u64,
    pub(crate) resumed: u64,
    /// Outcomes of handshakes that were not completed, of `record::tls`.
    pub(crate) others: Vec<u8>,
    pub(crate) turns: u64,
    /// Turns without an answer.
    pub(crate) unanswered: u64,
    /// True if a turn looks like HTTP/2.
    pub(crate) is_h2: bool,
    /// Notes, of `record::note`.
    pub(crate) notes: Vec<u8>,
    pub(crate) counted: Vec<Counter>,
}

/// Plays a connection and gives what was found out.
pub(crate) fn play(connection: &Connection, data: &[Data]) -> Found {
    found(&driver(connection, data))
}

/// Driver after the whole connection.
pub(crate) fn driver(connection: &Connection, data: &[Data]) -> Driver {
    let server_syn = connection.server_syn.unwrap_or_default();
    let mut driver = Driver::new(connection.client_syn, server_syn);
    let mut now_ns = 0;
    for data in data {
        // A segment that is reordered comes later, and no clock goes back.
        now_ns = data.now_ns.max(now_ns);
        if data.is_sent {
            driver.sent(data.sequence, &data.bytes, now_ns);
        } else {
            driver.received(data.sequence, &data.bytes, now_ns);
            driver.read(now_ns + READ_AFTER_NS);
        }
    }
    let (closer, closed_ns) = connection.closed.unwrap_or_default();
    driver.close(closer, closed_ns.max(now_ns));
    driver
}

fn found(driver: &Driver) -> Found {
    let mut found = Found {
        counted: driver.counted().to_vec(),
        ..Found::default()
    };
    let mut hellos = HelloStream::new();
    for report in driver.reports() {
        match report {
            // What the client sends to get a tunnel is no hello.
            Report::Bytes(bytes) if bytes.clear == note::TUNNEL => {}
            Report::Bytes(bytes) => {
                let side = match bytes.direction {
                    direction::EGRESS => Side::Client,
                    _ => Side::Server,
                };
                hellos.push(side, bytes.offset, &bytes.bytes);
            }
            Report::Handshake(handshake) if handshake.outcome == tls::DONE => {
                let hello = hellos.server_hello().expect("a done handshake has hellos");
                let resumed = hello.resumed().expect("hellos are whole");
                found.full += u64::from(!resumed);
                found.resumed += u64::from(resumed);
            }
            Report::Handshake(handshake) => found.others.push(handshake.outcome),
            Report::Turn(record) => found.turn(record.first_ns, record.h2),
            Report::FirstTurn(record) => found.turn(record.turn.first_ns, record.turn.h2),
            // Only turns with an answer get into a batch.
            Report::Turns(head, turns) => turns.iter().for_each(|_| found.turn(1, head.h2)),
            Report::Tunnel(record) if record.outcome == tunnel::OPENED => found.tunnels += 1,
            Report::Tunnel(record) => found.refusals.push(record.outcome),
            Report::Note(note) => found.notes.push(*note),
            Report::ReadLate(_)
            | Report::Passed(_)
            | Report::Late(..)
            | Report::Bound(..)
            | Report::Frames(..) => {}
        }
    }
    found
}

impl Found {
    fn turn(&mut self, first_ns: u64, h2: u8) {
        self.turns += 1;
        self.unanswered += u64::from(first_ns == 0);
        self.is_h2 |= h2 == 1;
    }
}
