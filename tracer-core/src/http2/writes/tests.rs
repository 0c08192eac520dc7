//! Tests of writes that wait in the socket.

use tracer_common::http2::Frame;

use super::*;
use crate::tls::Side;

const OVERHEAD: u16 = 17;
const HEADERS: u8 = 1;
const PING: u8 = 6;
/// Plaintext of each write: a frame with a payload of eight bytes.
const LENGTH: u32 = 17;

fn write(number: u64, kind: u8) -> Call {
    let position = number * u64::from(LENGTH);
    Call {
        side: Side::Client,
        at_ns: 1,
        position,
        length: LENGTH,
        flags: 0,
        frames: vec![Frame {
            position: position + 8,
            stream: u32::from(kind == HEADERS),
            length: LENGTH - 9,
            kind,
            ..Frame::default()
        }],
    }
}

fn record(at_ns: u64) -> TlsRecord {
    TlsRecord {
        sequence: 0,
        length: LENGTH as u16 + OVERHEAD,
        begin_ns: at_ns,
        end_ns: at_ns,
    }
}

/// A server that reads nothing for a while lets what its client has written wait in the client's socket, and the request with it.
#[test]
fn a_request_behind_writes_that_wait() {
    const WAITING: u64 = 50_000;
    let (mut writes, mut happenings) = (Writes::new(&[OVERHEAD]), Vec::new());
    writes.bind(0);
    assert!(writes.wrote(write(0, PING)).is_ok());
    assert!(writes.passed([record(1)].into_iter()).is_ok());
    for number in 1..WAITING {
        let kind = if number == WAITING / 2 { HEADERS } else { PING };
        assert!(writes.wrote(write(number, kind)).is_ok());
        assert!(writes.join(&mut happenings).is_ok());
    }
    assert!(happenings.is_empty());
    for number in 1..WAITING {
        assert!(writes.passed([record(10 + number)].into_iter()).is_ok());
        assert!(writes.join(&mut happenings).is_ok());
    }
    let [Happening::Begins(frame, begin_ns), Happening::Ends(..)] = happenings[..] else {
        panic!("{happenings:?}");
    };
    assert_eq!((frame.kind, begin_ns), (HEADERS, 10 + WAITING / 2));
}
