//! Merging of a fleet: 1,000 exports of 1,000 hosts each, the same hosts in all, one after the other. Prints time, speed
//! and the most memory that was used. `cargo bench -p tracer-export`; a number behind `--` changes how many exports.

#![allow(
    clippy::unwrap_used,
    reason = "a step that fails fails the measurement"
)]

use std::time::Instant;

use tracer_core::{latency::Latency, phase::Phase};
use tracer_export::{Export, Group, Histogram, Host, Phases, Tracer, merge::Merger, read};

const HOSTS: usize = 1000;

/// Figures of a host with a dozen requests on two connections.
fn group(seed: u64) -> Group {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/example.json");
    let example = read(&std::fs::read(docs).unwrap()).unwrap();
    let mut random = seed;
    let phases = Phase::ALL.into_iter().enumerate().map(|(at, phase)| {
        let mut latency = Latency::default();
        let samples = if at % 2 == 0 { 12 } else { 2 };
        for _ in 0..if at % 3 == 0 { 0 } else { samples } {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            latency.record(random >> 36);
        }
        (phase, Histogram::of(&latency))
    });
    Group {
        phases: phases.collect::<Phases>(),
        ..example.totals
    }
}

fn export() -> Export {
    let hosts = (0..HOSTS).map(|number| Host {
        host: format!("host-{number}.example.org"),
        port: 443,
        addresses: vec!["192.0.2.1".into()],
        via: Some(Vec::new()),
        group: group(number as u64),
        ..Host::default()
    });
    Export {
        schema: "tracer.export/1".into(),
        totals: group(0),
        hosts: hosts.collect(),
        ..Export::default()
    }
}

/// Processor time of this process so far, in seconds, from the kernel.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    let ns = stat.split(' ').next().unwrap().parse::<u64>().unwrap();
    ns as f64 / 1e9
}

/// Most memory that this process had at once, from the kernel.
fn most_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().trim().trim_end_matches(" kB").parse();
    number.unwrap()
}

fn main() {
    let number = std::env::args().find_map(|word| word.parse::<u32>().ok());
    let number = number.unwrap_or(1000);
    let text = export().to_text().unwrap();
    println!(
        "{number} exports of {HOSTS} hosts, {} bytes each",
        text.len()
    );
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let (mut merger, mut reading) = (Merger::default(), std::time::Duration::ZERO);
    for machine in 0..number {
        let read_at = Instant::now();
        let mut export = read(text.as_bytes()).unwrap();
        reading += read_at.elapsed();
        export.machine.hostname = format!("machine-{machine}");
        merger.add(export).unwrap();
    }
    let merged = merger.finish(Tracer::default()).to_text().unwrap();
    let took = begun.elapsed();
    let megabytes = f64::from(number) * text.len() as f64 / 1e6;
    println!(
        "{:.1} s of a processor; {:.1} s, of these {:.1} s reading; {:.0} MB/s; at most {} MiB; the result has {} bytes",
        cpu_seconds() - cpu,
        took.as_secs_f64(),
        reading.as_secs_f64(),
        megabytes / took.as_secs_f64(),
        most_memory_kib() / 1024,
        merged.len()
    );
}
