//! Segments of both directions, with any bytes and in any order: no panic, and turns numbered one by one. All are reported,
//! except where they were a handshake inside a tunnel: then those not reported yet are dropped.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_common::record::{closer, note};
use tracer_flow::driver::{Driver, Report};

/// Bits of a segment's first byte.
const SENT: u8 = 1;
const READ: u8 = 2;
const ASIDE: u8 = 4;

/// Takes a segment off the input: bits, distance from its place (one byte), length (two bytes), then its bytes.
fn next_segment(input: &[u8]) -> Option<(u8, u8, &[u8], &[u8])> {
    let (&[bits, distance, a, b], rest) = input.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([a, b])).min(rest.len());
    let (bytes, rest) = rest.split_at(length);
    Some((bits, distance, bytes, rest))
}

fn play(input: &[u8]) -> Driver {
    let mut driver = Driver::new(0, u32::MAX - 100);
    let mut next = [1u32, u32::MAX - 99];
    let (mut rest, mut now_ns) = (input, 0);
    while let Some((bits, distance, bytes, after)) = next_segment(rest) {
        now_ns += 1000;
        let next = &mut next[usize::from(bits & SENT == 0)];
        let mut sequence = *next;
        if bits & ASIDE != 0 {
            sequence = sequence.wrapping_add(u32::from(distance)).wrapping_sub(128);
        } else {
            *next = sequence.wrapping_add(bytes.len() as u32);
        }
        if bits & SENT != 0 {
            driver.sent(sequence, bytes, now_ns);
        } else {
            driver.received(sequence, bytes, now_ns);
        }
        if bits & READ != 0 {
            driver.read(now_ns + 500);
        }
        rest = after;
    }
    driver.close(closer::CLIENT, now_ns + 1000);
    driver
}

fuzz_target!(|input: &[u8]| {
    let driver = play(input);
    let mut turns = 0;
    let mut drops = false;
    for report in driver.reports() {
        let first = turns + 1;
        let number = match report {
            Report::Turn(record) => record.number,
            Report::FirstTurn(record) => record.turn.number,
            Report::Turns(head, batch) => {
                turns += batch.len() as u32 - 1;
                head.number
            }
            Report::Note(note::TLS_INSIDE) => {
                drops = true;
                continue;
            }
            _ => continue,
        };
        assert_eq!(number, first);
        turns += 1;
    }
    let number = driver.conn().request.number;
    assert!(
        turns == number || (drops && turns < number),
        "{turns} of {number} turns"
    );
});
