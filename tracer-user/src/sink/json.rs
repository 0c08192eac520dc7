//! The export, schema `tracer.export/1`: the only place that knows its shape. Published as JSON Schema in
//! docs/schema.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tracer_common::counter::Counter;
use tracer_core::{
    dns::figures::{Dns, NameFigures},
    group::{Connections, Group, Phases, Requests, Tcp, Tls},
    host::Host,
    latency::Latency,
    process::Process,
    series::{Phase, Point, Series},
    snapshot::{Events, Snapshot},
    time_wait::{Destination, TimeWaitView},
};

use super::{Description, hdr};
use crate::clock;

/// Name and major version of the schema.
pub(crate) const SCHEMA: &str = "tracer.export/1";

/// The whole document, `duration_ns` after the beginning.
pub(crate) fn export(snapshot: &Snapshot, about: &Description, duration_ns: u64) -> Value {
    let knows_doing = snapshot.knows_doing;
    let mut document = json!({
        "schema": SCHEMA,
        "tracer": {"version": env!("CARGO_PKG_VERSION"), "commit": env!("TRACER_COMMIT")},
        "machine": {
            "hostname": about.machine.hostname,
            "kernel": about.machine.kernel,
            "arch": about.machine.arch,
            "cpus": about.machine.cpus,
        },
        "window": {
            "started_at": clock::rfc3339(about.started_at),
            "ended_at": clock::rfc3339(about.started_at + Duration::from_nanos(duration_ns)),
            "duration_ns": duration_ns,
        },
        "filter": about.filter,
        "command": about.command,
        "events": events(&snapshot.events),
        "totals": group(&snapshot.totals, knows_doing),
        "processes": snapshot.processes.iter().map(|entry| process(entry, knows_doing)).collect::<Vec<_>>(),
        "processes_folded": snapshot.processes_folded,
        "hosts": snapshot.hosts.iter().map(|entry| host(entry, knows_doing)).collect::<Vec<_>>(),
        "hosts_folded": snapshot.hosts_folded,
        "time_wait": time_wait(&snapshot.time_wait, snapshot.totals.tcp.time_wait_entered),
        "dns_names": snapshot.dns_names.iter().map(dns_name).collect::<Vec<_>>(),
        "dns_names_folded": snapshot.dns_names_folded,
        "series": series(&snapshot.series),
    });
    if let Some(cpu) = about.command_cpu {
        let cpu = json!({
            "user_ns": cpu.user.as_nanos() as u64,
            "system_ns": cpu.system.as_nanos() as u64,
        });
        join(&mut document, json!({ "command_cpu": cpu }));
    }
    document
}

fn events(events: &Events) -> Value {
    let kernel: Map<String, Value> = Counter::ALL
        .iter()
        .zip(events.kernel)
        .map(|((_, name), value)| ((*name).to_owned(), json!(value)))
        .collect();
    json!({
        "received": events.received,
        "lost": events.lost,
        "undecodable": events.undecodable,
        "overflowed": events.overflowed,
        "map_full": events.map_full,
        "evicted": events.evicted,
        "unmatched": events.unmatched,
        "not_recorded": events.not_recorded,
        "negative_durations": events.negative_durations,
        "by_counter": kernel,
    })
}

fn process(process: &Process, knows_doing: bool) -> Value {
    let mut entry = json!({
        "pid": process.pid,
        "comm": process.comm,
        "exe": process.exe,
        "container": process.container,
    });
    join(&mut entry, group(&process.group, knows_doing));
    entry
}

fn host(host: &Host, knows_doing: bool) -> Value {
    let mut entry = json!({
        "host": host.key.host,
        "host_source": host.key.source.as_str(),
        "port": host.key.port,
        "addresses": host.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    join(&mut entry, group(&host.group, knows_doing));
    entry
}

/// Adds the members of `more` to an object.
fn join(entry: &mut Value, more: Value) {
    if let (Value::Object(entry), Value::Object(more)) = (entry, more) {
        entry.extend(more);
    }
}

/// Without `knows_doing` what connections are doing now is left out: nobody knows.
fn group(group: &Group, knows_doing: bool) -> Value {
    let mut connections = connections(&group.connections);
    let mut requests = requests(&group.requests);
    if knows_doing {
        join(&mut connections, doing(&group.connections));
        join(
            &mut requests,
            json!({"in_flight_now": group.requests.in_flight_now}),
        );
    }
    json!({
        "connections": connections,
        "requests": requests,
        "tls": tls(&group.tls),
        "dns": dns(&group.dns),
        "tcp": tcp(&group.tcp),
        "phases": phases(&group.phases),
    })
}

fn connections(connections: &Connections) -> Value {
    let (failed, closed) = (&connections.failed, &connections.closed_by);
    json!({
        "opened": connections.opened + connections.connecting_now,
        "established": connections.established,
        "adopted": connections.adopted,
        "opens_lost": connections.opens_lost,
        "closes_lost": connections.closes_lost,
        "open_now": connections.open_now,
        "peak_open": connections.peak_open,
        "failed": {
            "refused": failed.refused,
            "timed_out": failed.timed_out,
            "reset": failed.reset,
            "unreachable": failed.unreachable,
            "other": failed.other,
        },
        "aborted_connects": connections.aborted_connects,
        "not_sent": connections.not_sent,
        "never_used": connections.never_used(),
        "closed_by": {
            "client": closed.client,
            "server": closed.server,
            "client_reset": closed.client_reset,
            "server_reset": closed.server_reset,
            "timeout": closed.timeout,
            "unknown": closed.unknown,
        },
    })
}

fn doing(connections: &Connections) -> Value {
    json!({
        "connecting_now": connections.connecting_now,
        "half_closed_now": connections.half_closed_now,
        "idle_now": connections.idle_now,
    })
}

fn requests(requests: &Requests) -> Value {
    let mut entry = json!({
        "count": requests.count,
        "connections": requests.connections,
        "h2_turns": requests.h2_turns,
        "failed": requests.failed,
        "stale": requests.stale,
        "aborted": requests.aborted,
        "in_flight_peak": requests.in_flight.peak().max(requests.in_flight_now),
        "slow_pickups": requests.slow_pickups,
        "slow_pickups_measured": requests.slow_pickups_measured,
        "first_inferred": requests.first_inferred,
        "first_unknown": requests.first_unknown,
    });
    if let Some(ratio) = requests.reuse_ratio() {
        join(&mut entry, json!({"reuse_ratio": ratio}));
    }
    if let Some(ratio) = requests.pickup_cpu_ratio() {
        join(&mut entry, json!({"pickup_cpu_ratio": ratio}));
    }
    entry
}

fn tls(tls: &Tls) -> Value {
    let versions = tls.versions;
    let mut by_version = Map::new();
    for (name, count, always) in [
        ("1.0", versions.v1_0, false),
        ("1.1", versions.v1_1, false),
        ("1.2", versions.v1_2, true),
        ("1.3", versions.v1_3, true),
        ("unknown", versions.unknown, false),
    ] {
        if always || count != 0 {
            by_version.insert(name.to_owned(), json!(count));
        }
    }
    json!({
        "full": tls.full,
        "resumed": tls.resumed,
        "failed": tls.failed,
        "unfinished": tls.unfinished,
        "unknown": tls.unknown,
        "not_tls": tls.not_tls,
        "hello_retry_requests": tls.hello_retry_requests,
        "versions": by_version,
    })
}

fn dns(dns: &Dns) -> Value {
    json!({
        "queries": dns.queries,
        "answered": dns.answered,
        "failed": {
            "nxdomain": dns.failed.nxdomain,
            "servfail": dns.failed.servfail,
            "timeout": dns.failed.timeout,
            "other": dns.failed.other,
        },
        "retries": dns.retries,
        "truncated": dns.truncated,
        "repeated_within_ttl": dns.repeated_within_ttl,
    })
}

fn dns_name(name: &NameFigures) -> Value {
    let answered = name.answered.count() != 0;
    json!({
        "name": &*name.name,
        "queries": name.queries,
        "p50_ns": answered.then(|| name.answered.summary().p50_ns),
        "failures": name.failures,
    })
}

/// Whole intervals only: what happened since the last one ended is in no point yet.
fn series(series: &Series) -> Value {
    let column =
        |figure: fn(&Point) -> Value| -> Value { series.points.iter().map(figure).collect() };
    json!({
        "interval_ns": series.interval_ns,
        "events": column(|point| point.events.into()),
        "requests": column(|point| point.requests.into()),
        "connections_opened": column(|point| point.connections_opened.into()),
        "time_wait": column(|point| point.time_wait.into()),
        "open": column(|point| point.open.into()),
        "p99_dns_ns": column(|point| point.p99(Phase::Dns).into()),
        "p99_connect_ns": column(|point| point.p99(Phase::Connect).into()),
        "p99_tls_ns": column(|point| point.p99(Phase::Tls).into()),
        "p99_ttfb_ns": column(|point| point.p99(Phase::Ttfb).into()),
        "p99_transfer_ns": column(|point| point.p99(Phase::Transfer).into()),
    })
}

fn tcp(tcp: &Tcp) -> Value {
    json!({
        "syn_retransmits": tcp.syn_retransmits,
        "retransmits": tcp.retransmits,
        "bytes_sent": tcp.bytes_sent,
        "bytes_received": tcp.bytes_received,
        "srtt_ns": tcp.srtt.summary().p50_ns,
        "time_wait_entered": tcp.time_wait_entered,
    })
}

fn phases(phases: &Phases) -> Value {
    json!({
        "dns": latency(&phases.dns),
        "dns_failed": latency(&phases.dns_failed),
        "connect": latency(&phases.connect),
        "connect_failed": latency(&phases.connect_failed),
        "tls": latency(&phases.tls),
        "tls_resumed": latency(&phases.tls_resumed),
        "ttfb": latency(&phases.ttfb),
        "ttfb_first": latency(&phases.ttfb_first),
        "ttfb_reused": latency(&phases.ttfb_reused),
        "transfer": latency(&phases.transfer),
        "pickup": latency(&phases.pickup),
        "pickup_cpu": latency(&phases.pickup_cpu),
        "idle": latency(&phases.idle),
        "idle_at_close": latency(&phases.idle_at_close),
        "aborted": latency(&phases.aborted),
        "lifetime": latency(&phases.lifetime),
    })
}

fn latency(latency: &Latency) -> Value {
    let summary = latency.summary();
    json!({
        "count": summary.count,
        "min_ns": summary.min_ns,
        "max_ns": summary.max_ns,
        "mean_ns": summary.mean_ns.round() as u64,
        "stdev_ns": summary.stdev_ns.round() as u64,
        "p50_ns": summary.p50_ns,
        "p75_ns": summary.p75_ns,
        "p90_ns": summary.p90_ns,
        "p95_ns": summary.p95_ns,
        "p99_ns": summary.p99_ns,
        "p999_ns": summary.p999_ns,
        "hdr": hdr::encode(latency),
    })
}

fn time_wait(view: &TimeWaitView, entered: u64) -> Value {
    json!({
        "entered": entered,
        "current": view.current,
        "peak": view.peak,
        "at_start": view.at_start,
        "port_range": view.port_range.map(|(low, high)| [low, high]),
        "orphans_now": view.orphans_now,
        "orphans_lost": view.orphans_lost,
        "namespaces_unseen": view.namespaces_unseen,
        "destinations": view.destinations.iter().map(destination).collect::<Vec<_>>(),
    })
}

fn destination(destination: &Destination) -> Value {
    json!({
        "address": destination.remote.ip().to_string(),
        "port": destination.remote.port(),
        "netns": destination.netns,
        "time_wait": destination.time_wait,
        "ports_used": destination.ports_used,
        "ports_used_ratio": destination.ports_used_ratio,
    })
}
