use std::path::PathBuf;

use schemars::schema_for;
use serde_json::{Value, json};

use super::*;

mod shape;

use shape::Shape;

fn docs(name: &str) -> String {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::read_to_string(docs.join(name)).unwrap()
}

fn published() -> Value {
    serde_json::from_str(&docs("schema/tracer.export.1.schema.json")).unwrap()
}

fn example() -> Export {
    read(docs("schema/example.json").as_bytes()).unwrap()
}

/// Differences between the published schema and another one.
fn differences(published: &Value, derived: &Value) -> Vec<String> {
    Shape::of(published).differences(&Shape::of(derived))
}

#[test]
fn the_published_schema_has_what_the_types_have() {
    let derived = schema_for!(Export).to_value();
    assert_eq!(differences(&published(), &derived), [""; 0]);
}

/// Each change of one side is seen: a key more, a key less, another type, another place.
#[test]
fn a_difference_of_either_side_is_seen() {
    #[track_caller]
    fn check(pointer: &str, change: fn(&mut Value), expected: &str) {
        let derived = schema_for!(Export).to_value();
        let mut published = published();
        change(published.pointer_mut(pointer).unwrap());
        let found = differences(&published, &derived);
        assert!(
            found.iter().any(|line| line.contains(expected)),
            "{found:?}"
        );
    }
    let add = |value: &mut Value| value["news"] = json!({"type": "integer"});
    let take = |value: &mut Value| {
        value.as_object_mut().unwrap().remove("reset").unwrap();
    };
    check("/properties", add, "news: only in the schema");
    check(
        "/$defs/histogram/properties",
        add,
        "totals.phases.dns.news: only in the schema",
    );
    check(
        "/$defs/connections/properties/failed/properties",
        take,
        "hosts[].connections.failed.reset: only in the types",
    );
    check(
        "/$defs/tcp/properties/srtt_ns",
        |value| *value = json!({"type": "string"}),
        "totals.tcp.srtt_ns: ",
    );
    check(
        "/$defs/time_wait/properties/destinations",
        |value| value["type"] = json!("object"),
        "time_wait.destinations: ",
    );
    check(
        "/$defs/host/properties/host_source/enum",
        |value| value[0] = json!("rumour"),
        "hosts[].host_source: ",
    );
}

#[test]
fn what_is_read_is_written_the_same() {
    assert_eq!(example().to_text().unwrap(), docs("schema/example.json"));
}

/// Whatever is absent is not written, and not written as null.
#[test]
fn absent_is_neither_zero_nor_null() {
    let mut export = example();
    export.totals.requests = Requests::default();
    export.totals.connections.connecting_now = None;
    export.totals.tls.versions = Versions::default();
    (export.processes, export.hosts) = (Vec::new(), Vec::new());
    (export.dns_names, export.dns_names_folded) = (None, None);
    (export.series, export.command_cpu) = (Series::default(), None);
    let value = serde_json::to_value(&export).unwrap();
    for pointer in [
        "/totals/requests",
        "/totals/connections/connecting_now",
        "/totals/tls/versions",
        "/dns_names",
        "/dns_names_folded",
        "/series",
        "/command_cpu",
    ] {
        assert_eq!(value.pointer(pointer), None, "{pointer}");
    }
    assert_eq!(value["totals"]["connections"]["adopted"], json!(0));
    let again = read(export.to_text().unwrap().as_bytes()).unwrap();
    assert_eq!(again, export);
    assert_eq!(again.totals.requests.count, None);
}

/// Null stands only where the schema says so.
#[test]
fn null_is_written_where_it_has_a_meaning() {
    let mut export = example();
    (export.processes, export.hosts) = (Vec::new(), Vec::new());
    export.command = None;
    export.time_wait.port_range = None;
    (export.time_wait.current, export.time_wait.peak) = (None, None);
    let validator = jsonschema::validator_for(&published()).unwrap();
    let value = serde_json::to_value(&export).unwrap();
    assert!(value["command"].is_null() && value["time_wait"]["peak"].is_null());
    let broken: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path))
        .collect();
    assert_eq!(broken, [""; 0]);
}

/// A later release of this major version may add keys, phases and sources of names.
#[test]
fn what_is_not_known_is_ignored() {
    let mut value: Value = serde_json::from_str(&docs("schema/example.json")).unwrap();
    let expected = example();
    value["news"] = json!([1, 2]);
    value["totals"]["news"] = json!({"a": 1});
    value["totals"]["phases"]["nap"] = json!("no histogram");
    value["series"]["p99_nap_ns"] = json!("no list");
    value["hosts"][0]["news"] = json!(null);
    assert_eq!(read(value.to_string().as_bytes()).unwrap(), expected);
    value["hosts"][0]["host_source"] = json!("oracle");
    let read = read(value.to_string().as_bytes()).unwrap();
    let source = &read.hosts[0].host_source;
    assert_eq!(source, &HostSource::Other("oracle".into()));
    assert_eq!(serde_json::to_value(source).unwrap(), json!("oracle"));
}

#[test]
fn only_this_major_version_is_read() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    check("{\"schema\": ", "not JSON");
    check("5 and more", "not JSON");
    check(
        "{\"schema\": \"tracer.export/2\"}",
        "reads up to \"tracer.export/1\"",
    );
    for other in [
        "{}",
        "5",
        "[\"tracer.export/1\"]",
        "{\"schema\": 1}",
        "{\"schema\": null}",
        "{\"schema\": \"tracer.diff/1\"}",
        "{\"schema\": \"tracer.export/\"}",
        "{\"schema\": \"tracer.export/0\"}",
    ] {
        check(other, "expected \"tracer.export/1\"");
    }
    check(
        "{\"schema\": \"tracer.export/1\", \"totals\": 5}",
        "breaks its schema",
    );
}

/// Somebody has cut out what was needed.
#[test]
fn every_key_may_be_missing() {
    let text = br#"{"schema": "tracer.export/1", "events": {"lost": 2}, "hosts": [{"port": 80}], "dns_names": [{}],
        "totals": {"tls": {"full": 3}, "phases": {"tls": {"count": 3, "p50_ns": 9}}}, "time_wait": {"destinations": [{}]}}"#;
    let export = read(text).unwrap();
    assert_eq!(export.totals.tls.full, Some(3));
    assert_eq!(export.totals.tls.resumed, None);
    assert_eq!(export.phase(Phase::Tls).unwrap().p50_ns, Some(9));
    assert_eq!(export.phase(Phase::Tls).unwrap().total_ns(), None);
    assert_eq!(
        (export.events.losses(), export.is_complete()),
        (None, false)
    );
    assert_eq!(export.totals.connections.failed.total(), None);
}

/// Exports of the first release, which measured less.
#[test]
fn an_older_export_is_read() {
    let mut value: Value = serde_json::from_str(&docs("schema/example.json")).unwrap();
    let root = value.as_object_mut().unwrap();
    for key in [
        "processes_folded",
        "dns_names",
        "dns_names_folded",
        "series",
        "command_cpu",
    ] {
        root.remove(key);
    }
    let totals = root["totals"].as_object_mut().unwrap();
    totals.remove("requests").unwrap();
    totals.remove("dns").unwrap();
    let phases = totals["phases"].as_object_mut().unwrap();
    phases.retain(|key, _| {
        [
            "connect",
            "connect_failed",
            "tls",
            "tls_resumed",
            "lifetime",
        ]
        .contains(&&**key)
    });
    phases["connect"]["mean_ns"] = json!(12.5);
    let export = read(value.to_string().as_bytes()).unwrap();
    assert_eq!(export.totals.requests, Requests::default());
    assert_eq!(export.totals.dns.failed.total(), None);
    assert!(export.phase(Phase::Ttfb).is_none());
    assert_eq!(export.phase(Phase::Connect).unwrap().mean_ns, Some(12.5));
    assert_eq!(export.totals.phases.iter().count(), 5);
}

/// Every flag of a filter is named by its key.
#[test]
fn a_filter_tells_what_was_given() {
    let filter = Filter {
        pid: vec![1, 2],
        comm: vec!["curl".into()],
        exe: vec!["/usr/bin/curl".into()],
        cgroup: vec!["/a".into()],
        port: vec![80, 443],
        cidr: vec!["10.0.0.0/8".into()],
        host: vec!["*.test".into()],
        include_loopback: Some(true),
    };
    let mut value = serde_json::to_value(&filter).unwrap();
    assert!(
        value
            .as_object_mut()
            .unwrap()
            .remove("include_loopback")
            .is_some()
    );
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    let given = filter.given();
    let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, keys);
    assert_eq!(given[4].1.join(","), "80,443");
    assert_eq!(Filter::default().given(), []);
}

/// Lines of the table with this head in a page of the documentation.
fn table(page: &str, head: &str) -> Vec<String> {
    let text = docs(page);
    let lines = text.lines().skip_while(|line| *line != head).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(str::to_owned).collect()
}

/// The table of phases in the documentation is the list of phases, line by line.
#[test]
fn documented_phases_are_the_list() {
    let row = |phase: Phase| {
        let (key, title, from, to) = (phase.key(), phase.title(), phase.from(), phase.to());
        format!("| `{key}` | {title} | {from} | {to} |")
    };
    let expected: Vec<String> = Phase::ALL.into_iter().map(row).collect();
    let got = table("user/export.md", "| key | name | from | until |");
    assert!(
        got == expected,
        "docs/user/export.md: the table must be\n{}",
        expected.join("\n")
    );
}

/// Phases in the table of exact ends have the titles that they have everywhere.
#[test]
fn exact_ends_are_those_of_phases() {
    let rows = table("user/accuracy-and-limits.md", "| figure | from | to |");
    assert!(rows.len() > 5, "{rows:?}");
    for row in rows {
        let names = row.split('|').nth(1).unwrap();
        for name in names.split(',') {
            let is_named = |phase: &Phase| phase.title() == name.trim();
            assert!(Phase::ALL.iter().any(is_named), "{name} is no phase");
        }
    }
}
