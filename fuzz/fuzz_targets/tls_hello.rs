//! Fragments of both directions, anywhere: no panic, bounded memory, and everything freed at the end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_core::tls::{CAPACITY_BYTES, HelloStream, MAX_ISLANDS, Side};

/// Bytes that the buffers and ranges of both directions may take.
const MAX_BYTES: usize =
    2 * (CAPACITY_BYTES + 2 * MAX_ISLANDS * size_of::<std::ops::Range<usize>>());

/// Takes a fragment off the input: side, offset (two bytes), length (two bytes), then its bytes.
fn next_fragment(input: &[u8]) -> Option<(Side, u32, &[u8], &[u8])> {
    let (&[side, a, b, c, d], rest) = input.split_first_chunk()?;
    let side = if side & 1 == 0 {
        Side::Client
    } else {
        Side::Server
    };
    let length = usize::from(u16::from_be_bytes([c, d])).min(rest.len());
    let (bytes, rest) = rest.split_at(length);
    Some((side, u16::from_be_bytes([a, b]).into(), bytes, rest))
}

fuzz_target!(|input: &[u8]| {
    let mut stream = HelloStream::new();
    let mut rest = input;
    while let Some((side, offset, bytes, after)) = next_fragment(rest) {
        stream.push(side, offset, bytes);
        assert!(stream.buffered_bytes() <= MAX_BYTES);
        rest = after;
    }
    for side in [Side::Client, Side::Server] {
        stream.close(side);
        let _ = stream.server_hello().and_then(|hello| hello.resumed());
    }
    let _ = stream
        .client_hello()
        .and_then(|hello| hello.sni.as_ref())
        .map(|name| name.canonical());
    assert_eq!(stream.buffered_bytes(), 0);
});
