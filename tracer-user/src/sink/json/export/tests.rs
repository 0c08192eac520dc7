//! Tests of the export of what goes through proxies.

use std::{path::Path, sync::Arc, time::SystemTime};

use serde_json::{Value, json};
use tracer_core::host::{HostKey, Via};

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
        via: Arc::new(Via {
            proxies: proxies.iter().map(|&key| Arc::clone(key)).collect(),
            is_cut,
        }),
        group: Arc::new(group),
    }
}

/// Export of a host behind two proxies, of which one is behind the other.
fn exported() -> Value {
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
    };
    serde_json::to_value(export(&snapshot, &about)).unwrap()
}

#[test]
fn it_follows_the_schema() {
    let schema =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/tracer.export.1.schema.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let export = exported();
    let faults = validator.iter_errors(&export);
    let faults: Vec<String> = faults.map(|fault| fault.to_string()).collect();
    assert_eq!(faults, [""; 0]);
}

#[test]
fn hosts_name_their_proxies() {
    let export = exported();
    let host = &export["hosts"][0];
    assert_eq!(host["host_source"], "tunnel");
    assert_eq!(host["via"], json!(["10.0.0.9:3128", "[::2]:1080"]));
    assert_eq!(host["via_cut"], true);
    assert_eq!(host["tunnels"]["by_kind"]["socks5"], 3);
    let direct = &export["hosts"][1];
    assert_eq!(direct["via"], json!([]));
    assert_eq!(direct["via_cut"], Value::Null);
}

#[test]
fn proxies_have_figures_of_their_own() {
    let export = exported();
    assert_eq!(export["proxies_folded"], 2);
    let proxy = &export["proxies"][1];
    assert_eq!(proxy["name"], "[::2]:1080");
    assert_eq!(proxy["via"], json!(["10.0.0.9:3128"]));
    assert_eq!(proxy["tunnels"]["failed"]["closed"], 1);
    assert_eq!(proxy["connections"]["established"], 3);
    assert_eq!(proxy["requests"]["reuse_ratio"], 1.0);
    assert_eq!(proxy["phases"]["tunnel"]["count"], 1);
    for absent in ["never_used", "idle_now"] {
        assert_eq!(proxy["connections"][absent], Value::Null, "{absent}");
    }
    for absent in ["tcp", "dns"] {
        assert_eq!(proxy[absent], Value::Null, "{absent}");
    }
    assert_eq!(proxy["phases"]["dns"], Value::Null);
}
