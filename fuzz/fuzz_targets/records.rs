//! Records in any order and content: no panic in decoding, and none in what reads them on their own.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_core::{
    credentials::Credentials,
    decode::{Event, decode},
    endpoint, http,
    ticket::{TicketHistory, first_byte},
    tunnel::{Exchange, Tunnel},
};

/// Records are eight-byte aligned in the ring buffer.
const WORD: usize = 8;

fuzz_target!(|input: &[u8]| {
    let words: Vec<u64> = input
        .chunks(WORD)
        .map(|chunk| {
            let mut word = [0; WORD];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        })
        .collect();
    // SAFETY: u64 has no padding, and any byte is a u8.
    let bytes = unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len() * WORD) };
    match decode(bytes) {
        Ok(Event::FirstTurn(record)) => {
            let _ = first_byte(record, Some(1_000_000), &mut TicketHistory::default());
        }
        Ok(Event::Connect(record)) => {
            let _ = (
                endpoint::remote(&record.endpoint),
                endpoint::local(&record.endpoint),
            );
            let _ = endpoint::comm(&record.endpoint.comm);
        }
        Ok(Event::Hello(hello)) => {
            let _ = http::host(hello.bytes);
            let mut exchange = Exchange::default();
            exchange.push(hello.offset, hello.bytes);
            let _ = exchange.target();
            assert_eq!(Credentials::default().hide(bytes).len(), bytes.len());
        }
        Ok(Event::Tunnel(record)) => {
            let _ = Tunnel::of(record);
        }
        _ => {}
    }
    let _ = http::host(input);
});
