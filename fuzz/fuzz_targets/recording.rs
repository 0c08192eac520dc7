//! A recording, cut and damaged in any way, read and replayed: no panic, bounded memory. Checksums are put right
//! first, else no input would ever come past them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_core::{
    host_filter::HostFilter,
    tracker::{Tracker, TrackerOptions},
};
use tracer_recording::{Entry, Reader, Start, block, preamble, writer::whole};

fn start() -> Entry<'static> {
    Entry::Start(Box::new(Start {
        version: String::new(),
        commit: String::new(),
        hostname: String::new(),
        kernel: String::new(),
        arch: String::new(),
        cpus: 1,
        started_at_ns: 0,
        started_ns: 0,
        filter: Default::default(),
        command: None,
        hosts: Vec::new(),
        max_hosts: 100,
        max_connections: 100,
    }))
}

/// Reads to the end; everything goes to a tracker.
fn replay(bytes: &[u8]) {
    let Ok((mut reader, _)) = Reader::open(bytes) else {
        return;
    };
    let mut tracker = Tracker::new(TrackerOptions {
        max_connections: 100,
        max_hosts: 100,
        hosts: HostFilter::all(),
        traces: 1.0,
    });
    while let Some(entry) = reader.next() {
        if let Entry::Input(input) = entry {
            tracker.input(&input);
        }
    }
    assert!(reader.good_bytes() <= bytes.len() as u64);
    let _ = tracker.snapshot();
}

fuzz_target!(|input: &[u8]| {
    // As a file, whatever it is.
    replay(input);
    // As what follows a good preamble.
    replay(&[&preamble::write()[..], input].concat());
    // As the frames of a block behind a good start.
    if input.len() <= block::MAX_BYTES {
        replay(&[whole([start()]), block::seal(1, input)].concat());
    }
});
