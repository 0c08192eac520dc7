//! Model of a connection that speaks HTTP/2: frames in plaintext, TLS records, segments, and calls of a TLS library. It makes
//! the records that the kernel programs would write.

use tracer_common::{
    http2::{
        BindRecord, FRAMES, Frame, FramesRecord, NO_VALUE, Passed, RECORDS, RecordsRecord, frames,
        passed,
    },
    record::{
        CloseRecord, ConnectRecord, Header, TlsRecord, closer, connect, direction, kind, tls,
    },
};
use zerocopy::{FromZeros, IntoBytes};

use super::super::*;
use super::fixture::{header, take};

pub(super) const MS: u64 = 1_000_000;
pub(super) const HEADERS: u8 = 1;
pub(super) const DATA: u8 = 0;
pub(super) const END: u8 = 1 | 4;
pub(super) const OPEN: u8 = 4;
const OBJECT: u64 = 0xabc0;

/// Frame of a type with flags on a stream, with a payload of some bytes.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, length: u32) -> Frame {
    Frame {
        position: 0,
        stream,
        length,
        value: match kind {
            4 => NO_VALUE,
            _ => 0,
        },
        last_stream: 0,
        kind,
        flags,
        pad: [0; 6],
    }
}

pub(super) fn settings(streams: u32) -> Frame {
    Frame {
        value: streams,
        ..frame(4, 0, 0, 18)
    }
}

pub(super) fn reset(stream: u32, code: u32) -> Frame {
    Frame {
        value: code,
        ..frame(3, 0, stream, 4)
    }
}

pub(super) fn go_away(last_stream: u32) -> Frame {
    Frame {
        last_stream,
        ..frame(7, 0, 0, 8)
    }
}

/// Length of a record with so many bytes of plaintext.
fn cut(plain: u64, most: u64) -> Vec<u64> {
    let mut left = plain;
    let mut cuts = Vec::new();
    while left != 0 {
        cuts.push(left.min(most));
        left -= left.min(most);
    }
    cuts
}

/// Connection of the model.
pub(super) struct Model {
    pub(super) tracker: Tracker,
    pub(super) cookie: u64,
    pub(super) object: u64,
    /// Bytes that a record has besides its plaintext, of the client and of the server.
    pub(super) overheads: [u16; 2],
    /// Longest plaintext of a record.
    pub(super) longest: u64,
    /// Most bytes that a read takes.
    pub(super) read_size: u64,
    /// True if a write returns before its record is sent, as with memory BIOs.
    pub(super) writes_early: bool,
    /// Time from the arrival to the return of the read, ns.
    pub(super) read_after_ns: u64,
    /// Flag of the first call of each direction.
    pub(super) begin: u8,
    /// True if the records of the server are not seen, and flags of those that are.
    pub(super) misses: bool,
    pub(super) flags: u8,
    pub(super) positions: [u64; 2],
    /// Sequence number of the next record of each direction.
    pub(super) sequences: [u32; 2],
    pub(super) is_bound: bool,
}

impl Model {
    /// Connection with a handshake of TLS 1.3 that has ended, to a server that is known to speak HTTP/2 by its frames alone.
    pub(super) fn new() -> Self {
        let mut model = Self {
            tracker: Tracker::new(TrackerOptions::default()),
            cookie: 1,
            object: OBJECT,
            overheads: [17, 17],
            longest: 16_384,
            read_size: 16_384,
            writes_early: false,
            read_after_ns: 1000,
            begin: frames::BEGINS,
            misses: false,
            flags: 0,
            positions: [0, 0],
            sequences: [u32::MAX - 100, 1],
            is_bound: false,
        };
        model.connect();
        model
    }

    /// Opens another connection, whose TLS object has the same address.
    pub(super) fn connect(&mut self) {
        let mut record = ConnectRecord::new_zeroed();
        record.header = header::<ConnectRecord>(kind::CONNECT, self.cookie, 20);
        (record.endpoint.family, record.endpoint.remote_port) = (2, 443);
        (record.start_ns, record.duration_ns) = (10, 10);
        record.outcome = connect::ESTABLISHED;
        take(&mut self.tracker, record.as_bytes());
        let mut record = TlsRecord::new_zeroed();
        record.header = header::<TlsRecord>(kind::TLS, self.cookie, 50);
        (record.start_ns, record.duration_ns) = (30, 20);
        (record.outcome, record.flow) = (tls::DONE, tls::FLOW_12);
        take(&mut self.tracker, record.as_bytes());
        (self.positions, self.is_bound) = ([0, 0], false);
    }

    fn put(&mut self, record: &[u8]) {
        take(&mut self.tracker, record);
    }

    /// TLS records that pass whole in one segment.
    pub(super) fn records(&mut self, side: u8, at_ns: u64, lengths: &[u16], flags: u8) {
        for part in lengths.chunks(RECORDS) {
            let mut record = RecordsRecord::new_zeroed();
            record.sequence = self.sequences[usize::from(side)];
            self.pass(side, part);
            let size = size_of::<RecordsRecord>() - (RECORDS - part.len()) * size_of::<Passed>();
            record.header = Header {
                size: size as u32,
                ..header::<RecordsRecord>(kind::HTTP2_RECORDS, self.cookie, at_ns)
            };
            (record.at_ns, record.direction, record.flags) = (at_ns, side, flags);
            record.count = part.len() as u8;
            for (entry, length) in record.passed.iter_mut().zip(part) {
                *entry = Passed {
                    length: *length,
                    kind: 23,
                    flags: passed::BEGINS | passed::ENDS,
                };
            }
            self.put(&record.as_bytes()[..size]);
        }
    }

    /// Lets records pass that nothing reports.
    fn pass(&mut self, side: u8, lengths: &[u16]) {
        let bytes: u32 = lengths.iter().map(|length| 5 + u32::from(*length)).sum();
        let next = &mut self.sequences[usize::from(side)];
        *next = next.wrapping_add(bytes);
    }

    /// Call with these frames, some of which may be in earlier bytes.
    fn call(&mut self, side: u8, at_ns: u64, (position, length): (u64, u64), all: &[Frame]) {
        let first = match position == self.begin_of(side) {
            true => self.begin,
            false => 0,
        };
        let parts: Vec<&[Frame]> = match all.len() {
            0 => vec![&[]],
            _ => all.chunks(FRAMES).collect(),
        };
        for (at, part) in parts.iter().enumerate() {
            let mut record = FramesRecord::new_zeroed();
            let size = size_of::<FramesRecord>() - (FRAMES - part.len()) * size_of::<Frame>();
            record.header = Header {
                size: size as u32,
                ..header::<FramesRecord>(kind::HTTP2_FRAMES, 0, at_ns)
            };
            (record.at_ns, record.object, record.position) = (at_ns, self.object, position);
            (record.length, record.tgid, record.direction) = (length as u32, 7, side);
            record.flags = first;
            if at + 1 < parts.len() {
                record.flags |= frames::MORE;
            }
            record.count = part.len() as u8;
            record.frames[..part.len()].copy_from_slice(part);
            self.put(&record.as_bytes()[..size]);
        }
    }

    fn begin_of(&self, _side: u8) -> u64 {
        0
    }

    /// Frames with their positions, and the number of bytes that they take.
    fn place(&self, side: u8, preface: u64, all: &[Frame]) -> (Vec<Frame>, u64) {
        let mut position = self.positions[usize::from(side)] + preface;
        let placed = all.iter().map(|one| {
            let header_end = position + 8;
            position = header_end + 1 + u64::from(one.length);
            Frame {
                position: header_end,
                ..*one
            }
        });
        let placed: Vec<Frame> = placed.collect();
        (placed, position - self.positions[usize::from(side)])
    }

    fn bind(&mut self, at_ns: u64, position: u64) {
        let mut record = BindRecord::new_zeroed();
        record.header = header::<BindRecord>(kind::HTTP2_BIND, self.cookie, at_ns);
        (record.at_ns, record.object, record.position) = (at_ns, self.object, position);
        (record.tgid, record.how) = (7, 1);
        self.put(record.as_bytes());
    }

    /// The client writes frames in one call; the first one begins with the preface.
    pub(super) fn write(&mut self, at_ns: u64, all: &[Frame]) {
        let from = self.positions[0];
        let preface = match from == 0 && self.begin == frames::BEGINS {
            true => 24,
            false => 0,
        };
        let (placed, length) = self.place(direction::EGRESS, preface, all);
        self.positions[0] += length;
        if self.writes_early {
            self.call(
                direction::EGRESS,
                (at_ns / MS) * MS,
                (from, length),
                &placed,
            );
        }
        if !std::mem::replace(&mut self.is_bound, true) {
            self.bind(at_ns, from);
        }
        let overhead = self.overheads[0];
        let lengths = cut(length, self.longest).into_iter();
        let lengths: Vec<u16> = lengths.map(|plain| plain as u16 + overhead).collect();
        self.records(direction::EGRESS, at_ns, &lengths, 0);
        if !self.writes_early {
            self.call(direction::EGRESS, at_ns + 1000, (from, length), &placed);
        }
    }

    /// The server sends frames, whose records arrive at this time, and the client reads them.
    pub(super) fn receive(&mut self, at_ns: u64, all: &[Frame]) {
        self.receive_around(at_ns, all, |_| {});
    }

    /// The server sends frames, and something happens before the client reads them.
    pub(super) fn receive_around(
        &mut self,
        at_ns: u64,
        all: &[Frame],
        between: impl FnOnce(&mut Self),
    ) {
        let from = self.positions[1];
        let (placed, length) = self.place(direction::INGRESS, 0, all);
        self.positions[1] += length;
        let overhead = self.overheads[1];
        let records = cut(length, self.longest);
        let lengths: Vec<u16> = records
            .iter()
            .map(|plain| *plain as u16 + overhead)
            .collect();
        match self.misses {
            true => self.pass(direction::INGRESS, &lengths),
            false => self.records(direction::INGRESS, at_ns, &lengths, self.flags),
        }
        between(self);
        let mut position = from;
        for record in records {
            for read in cut(record, self.read_size) {
                let within = |one: &&Frame| (position..position + read).contains(&one.position);
                let part: Vec<Frame> = placed.iter().filter(within).copied().collect();
                let at_ns = at_ns + self.read_after_ns;
                self.call(direction::INGRESS, at_ns, (position, read), &part);
                position += read;
            }
        }
    }

    /// Ends the connection.
    pub(super) fn close(&mut self, at_ns: u64, by: u8) {
        let mut record = CloseRecord::new_zeroed();
        record.header = header::<CloseRecord>(kind::CLOSE, self.cookie, at_ns);
        (record.established_ns, record.closing_ns, record.closer) = (20, at_ns, by);
        self.put(record.as_bytes());
    }

    /// Begins the connection: preface and SETTINGS of both sides.
    pub(super) fn begin(&mut self, at_ns: u64) {
        self.write(at_ns, &[frame(4, 0, 0, 18), frame(8, 0, 0, 4)]);
        self.receive(
            at_ns + MS,
            &[settings(100), frame(8, 0, 0, 4), frame(4, 1, 0, 0)],
        );
        self.write(at_ns + 2 * MS, &[frame(4, 1, 0, 0)]);
    }

    /// Request without a body.
    pub(super) fn request(&mut self, at_ns: u64, stream: u32) {
        self.write(at_ns, &[frame(HEADERS, END, stream, 60)]);
    }

    /// Response of one HEADERS and one DATA.
    pub(super) fn answer(&mut self, at_ns: u64, stream: u32) {
        let headers = frame(HEADERS, OPEN, stream, 50);
        self.receive(at_ns, &[headers, frame(DATA, END, stream, 800)]);
    }

    /// Closes the connection by the client and returns the figures.
    pub(super) fn totals(&mut self, at_ns: u64) -> std::sync::Arc<Group> {
        self.close(at_ns, closer::CLIENT);
        let snapshot = self.tracker.snapshot();
        assert_eq!(snapshot.events.undecodable, 0);
        let host = &snapshot.hosts[0].group;
        assert_eq!(
            (&host.requests.count, &host.http2),
            (&snapshot.totals.requests.count, &snapshot.totals.http2)
        );
        snapshot.totals
    }
}
