//! Plaintext of HTTP/2 with any bytes, cut anywhere: no panic, and the same frames as without cuts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_common::http2::Frame;
use tracer_flow::{
    driver::Slice,
    frames::{Follower, PREFACE, Taker, follow},
    outside::Loops,
};

struct Plain;

impl Loops for Plain {
    fn repeat(most: u32, mut step: impl FnMut() -> bool) {
        for _ in 0..most {
            if step() {
                return;
            }
        }
    }
}

struct Taken(Vec<Frame>);

impl Taker for Taken {
    fn take(&mut self, frame: &Frame) {
        self.0.push(*frame);
    }
}

/// Frames found in the calls, and whether the bytes were lost.
fn found(server: bool, calls: &[&[u8]]) -> (Vec<Frame>, bool) {
    let mut follower = Follower::zeroed();
    if server {
        follower.begin_server();
    } else {
        follower.begin_client();
    }
    let mut taken = Taken(Vec::new());
    for call in calls {
        let length = call.len() as u32;
        follow::<_, Plain, _>(&mut follower, &Slice(call), 0, length, &mut taken);
    }
    (taken.0, follower.is_lost())
}

fuzz_target!(|input: &[u8]| {
    let Some((&[bits, size], rest)) = input.split_first_chunk() else {
        return;
    };
    let server = bits & 1 != 0;
    let mut bytes = if server { Vec::new() } else { PREFACE.to_vec() };
    bytes.extend_from_slice(rest);
    let calls: Vec<&[u8]> = bytes.chunks(usize::from(size).max(1)).collect();
    assert_eq!(found(server, &calls), found(server, &[&bytes]));
});
