//! Packets to and from port 53, any order and content: no panic, bounded memory, every lookup ends once.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_common::record::Endpoint;
use tracer_core::{
    host_filter::HostFilter,
    dns::{DnsTracker, packet::Packet},
    group::Group,
};

const ENDPOINT: Endpoint = Endpoint {
    cgroup: 0,
    tgid: 1,
    netns: 0,
    family: 2,
    local_port: 40_000,
    remote_port: 53,
    pad: 0,
    local: [0; 16],
    remote: [0; 16],
    comm: [0; 16],
};

fuzz_target!(|input: &[u8]| {
    let mut dns = DnsTracker::new(HostFilter::all(), true);
    let (mut rest, mut time_ns) = (input, 0_u64);
    // What it is, seconds since the last, position, length of its bytes.
    while let Some((&[what, seconds, position, length], after)) = rest.split_first_chunk() {
        let (bytes, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        time_ns += u64::from(seconds) << 26;
        let cookie = u64::from(what >> 6);
        if what & 4 != 0 {
            dns.released(time_ns, cookie);
            continue;
        }
        let packet = Packet {
            time_ns,
            cookie,
            endpoint: &ENDPOINT,
            egress: what & 1 == 0,
            tcp: what & 2 != 0,
            position: position.into(),
            length: bytes.len() as u32 + u32::from(what & 8),
            bytes,
        };
        dns.take(&packet, 0);
    }
    dns.expire(u64::MAX);
    let mut group = Group::default();
    for (_, change) in dns.take_changes() {
        group.look_up(change);
    }
    assert_eq!(
        group.dns.queries,
        group.dns.answered + group.dns.failed.total()
    );
});
