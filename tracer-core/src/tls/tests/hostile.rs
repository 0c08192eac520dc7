//! Tests with other protocols, broken, cut off and oversized hellos, and arbitrary bytes.

use proptest::prelude::*;

use super::super::HelloState::{Incomplete, NotTls, Truncated};
use super::*;

/// End of the first record.
fn hello_end(stream: &[u8]) -> usize {
    5 + usize::from(u16::from_be_bytes([stream[3], stream[4]]))
}

#[test]
fn other_protocols_are_not_tls() {
    let sslv2 = [0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10];
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"PRI * HTTP/2.0",
        b"SSH-2.0-x",
        &[22, 3, 1, 0, 0],
        &[22, 2],
        &sslv2,
    ] {
        assert_eq!(client_state(bytes), NotTls, "{bytes:?}");
    }
    assert_eq!(client_state(&[22, 3, 1, 0, 100, 11]), NotTls);
    assert_eq!(client_state(&[21, 3, 1, 0, 2, 2, 40]), NotTls);
    assert_eq!(client_state(&[22, 3, 1, 0, 100]), Incomplete);
}

fn client_state(bytes: &[u8]) -> HelloState {
    let mut stream = HelloStream::new();
    stream.push(Side::Client, 0, bytes);
    stream.state(Side::Client)
}

#[test]
fn broken_hellos_are_malformed() {
    let short = Malformed::Short {
        message: "ClientHello",
        field: "random",
    };
    assert_eq!(
        client_state(&[22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3]),
        HelloState::Malformed(short)
    );
    let interleaved = [22, 3, 1, 0, 4, 1, 0, 1, 0, 20, 3, 3, 0, 1, 1];
    assert_eq!(
        client_state(&interleaved),
        HelloState::Malformed(Malformed::Interleaved { kind: 20 })
    );
    let data = [22, 3, 1, 0, 4, 1, 0, 1, 0, 23, 3, 3, 0, 1, 1];
    assert_eq!(
        client_state(&data),
        HelloState::Malformed(Malformed::UnexpectedRecord { kind: 23 })
    );
}

#[test]
fn a_cut_off_hello_gives_what_it_has() {
    let recording = recorded!("rustls-pq-full-1.3");
    let mut stream = HelloStream::new();
    stream.push(
        Side::Client,
        0,
        &recording.client[..hello_end(&recording.client) - 10],
    );
    assert_eq!(
        (stream.state(Side::Client), stream.client_hello()),
        (Incomplete, None)
    );
    stream.close(Side::Client);
    assert_eq!(stream.state(Side::Client), Truncated);
    assert!(stream.client_hello().unwrap().partial);
    assert_eq!(stream.buffered_bytes(), 0);
}

#[test]
fn a_hello_beyond_the_cap_is_truncated() {
    let mut bytes = recorded!("go-full-1.3").client;
    let ciphers = 5 + 4 + 2 + 32 + 33;
    let extensions = ciphers + 2 + usize::from(bytes[ciphers + 1]) + 2;
    for (at, length) in [(3, 16000_u16), (7, 15996), (extensions, 15000)] {
        bytes[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    bytes.resize(2 * CAPACITY_BYTES, 0);
    let mut stream = HelloStream::new();
    stream.push(Side::Client, 0, &bytes);
    assert_eq!(stream.state(Side::Client), Truncated);
    assert_eq!(
        stream
            .client_hello()
            .unwrap()
            .sni
            .as_ref()
            .unwrap()
            .as_bytes(),
        b"go.example"
    );
}

#[test]
fn hostile_names_are_kept_and_shown_safely() {
    let name = ServerName::new(b"a\x1b[2J\\\xff \n").unwrap();
    assert_eq!(name.canonical(), "a\\027[2j\\092\\255\\032\\010");
    assert_eq!(name.as_bytes(), b"a\x1b[2J\\\xff \n");
    assert_eq!(ServerName::new(&[b'a'; 256]), None);
    assert_eq!(ServerName::new(b""), None);
}

/// Fragments of bytes, many of them like a record header, at any position of either side.
fn fragments() -> impl Strategy<Value = Vec<(bool, u32, Vec<u8>)>> {
    const COMMON: [u8; 8] = [22, 3, 1, 2, 0, 0, 20, 4];
    let offset = prop_oneof![0..64_u32, 0..9000_u32, any::<u32>()];
    let bytes = any::<Vec<u8>>().prop_map(|mut bytes| {
        for byte in &mut bytes {
            *byte = COMMON
                .get(usize::from(*byte) % 16)
                .copied()
                .unwrap_or(*byte);
        }
        bytes
    });
    proptest::collection::vec((any::<bool>(), offset, bytes), 0..40)
}

/// Limit of the memory of two directions: buffer and ranges.
const MAX_BYTES: usize =
    2 * (CAPACITY_BYTES + 2 * MAX_ISLANDS * size_of::<std::ops::Range<usize>>());

proptest! {
    #[test]
    fn any_bytes_never_panic_nor_exceed_the_cap(fragments in fragments()) {
        let mut stream = HelloStream::new();
        for (client, offset, bytes) in fragments {
            let side = if client { Side::Client } else { Side::Server };
            stream.push(side, offset, &bytes);
            prop_assert!(stream.buffered_bytes() <= MAX_BYTES);
        }
        stream.close(Side::Client);
        stream.close(Side::Server);
        prop_assert_eq!(stream.buffered_bytes(), 0);
    }

    #[test]
    fn any_fragmentation_gives_the_same(cuts in proptest::collection::vec((0..1800_usize, 1..400_usize), 1..40)) {
        let recording = recorded!("rustls-pq-early-1.3");
        let mut stream = HelloStream::new();
        for (start, length) in cuts.into_iter().chain((0..1800).step_by(300).map(|start| (start, 300))) {
            for (side, bytes) in [(Side::Server, &recording.server), (Side::Client, &recording.client)] {
                let end = (start + length).min(bytes.len());
                stream.push(side, start as u32, &bytes[start.min(end)..end]);
            }
        }
        prop_assert_eq!(outcome(&stream), outcome(&whole(&recording)));
    }

    #[test]
    fn changed_recordings_never_panic(at in 0..1700_usize, value in any::<u8>(), cut in 0..1700_usize) {
        let mut recording = recorded!("chrome-pq-1.3");
        recording.client[at] = value;
        recording.server[at] = value;
        let mut stream = split(&recording, cut, true);
        stream.close(Side::Client);
        stream.close(Side::Server);
    }
}
