//! Tests of the export of what goes through proxies.

use std::{path::Path, sync::Arc, time::SystemTime};

use tracer_core::{
    finding,
    host::{HostKey, Via},
};

use super::*;
use crate::trace::description::Machine;

fn row(key: HostKey, proxies: &[&Arc<HostKey>], is_cut: bool) -> Host {
    let mut group = Group::default();
    group.connections.established = 3;
    group.requests.count = 30;
    group.tunnels.opened = 3;
    group.tunnels.by_kind.socks5 = 3;
    group.tunnels.failed.closed = 1;
    group.phases.tunnel.record(5_000_000);
    Host {
        key: Arc::new(key),
        addresses: Arc::default(),
        users: Arc::default(),
        via: Arc::new(Via {
            proxies: proxies.iter().map(|&key| Arc::clone(key)).collect(),
            is_cut,
        }),
        group: Arc::new(group),
    }
}

/// Export of a host behind two proxies, of which one is behind the other.
fn exported() -> export::Export {
    let outer = HostKey::address(([10, 0, 0, 9], 3128).into());
    let inner = HostKey::tunnel("::2", 1080);
    let (first, second) = (Arc::new(outer.clone()), Arc::new(inner.clone()));
    let snapshot = Snapshot {
        hosts: vec![
            row(
                HostKey::tunnel("site.example", 443),
                &[&first, &second],
                true,
            ),
            row(HostKey::sni("direct.example", 443), &[], false),
        ],
        proxies: vec![row(outer, &[], false), row(inner, &[&first], false)],
        proxies_folded: 2,
        ..Snapshot::default()
    };
    let about = Description {
        machine: Machine::this(),
        started_at: SystemTime::UNIX_EPOCH,
        started_ns: 0,
        as_of_ns: 0,
        filter: Default::default(),
        command: None,
        command_cpu: None,
        http2: None,
    };
    let findings = finding::evaluate(&snapshot, 0);
    export(&snapshot, &findings, &about)
}

#[test]
fn it_follows_the_schema() {
    let schema =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/tracer.export.1.schema.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let export = serde_json::to_value(exported()).unwrap();
    let faults = validator.iter_errors(&export);
    let faults: Vec<String> = faults.map(|fault| fault.to_string()).collect();
    assert_eq!(faults, [""; 0]);
}

#[test]
fn hosts_name_their_proxies() {
    let export = exported();
    let host = &export.hosts[0];
    assert_eq!(host.host_source, export::HostSource::Tunnel);
    let way = ["10.0.0.9:3128", "[::2]:1080"].map(str::to_owned);
    assert_eq!(host.via.as_deref(), Some(&way[..]));
    assert_eq!(host.via_cut, Some(true));
    assert_eq!(host.group.tunnels.by_kind.socks5, Some(3));
    let direct = &export.hosts[1];
    assert_eq!(
        (direct.via.as_deref(), direct.via_cut),
        (Some(&[][..]), None)
    );
}

#[test]
fn proxies_have_figures_of_their_own() {
    let export = exported();
    assert_eq!(export.proxies_folded, Some(2));
    let proxy = &export.proxies.as_ref().unwrap()[1];
    assert_eq!(
        (&*proxy.name, &*proxy.via[0]),
        ("[::2]:1080", "10.0.0.9:3128")
    );
    assert_eq!(proxy.tunnels.failed.closed, Some(1));
    assert_eq!(proxy.connections.established, Some(3));
    assert_eq!(proxy.requests.reuse_ratio, Some(1.0));
    let tunnel = proxy.phases.get(Phase::Tunnel).unwrap();
    assert_eq!(tunnel.count, Some(1));
    let connections = &proxy.connections;
    assert_eq!((connections.never_used, connections.idle_now), (None, None));
    assert!(proxy.phases.get(Phase::Dns).is_none());
}
