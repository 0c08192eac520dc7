//! Makes the export, schema `tracer.export/1`, from a snapshot. Only this file does; the types are those of
//! tracer-export.

mod findings;
mod hosts;
mod requests;

use std::time::Duration;

use tracer_common::counter::Counter;
use tracer_core::{
    dns::{counts::Dns, figures::NameFigures},
    finding::Finding,
    group::{
        Connections, Group, Requests, Tcp, Tls, Versions, http2::Http2, responses::Responses,
        tunnels::Tunnels,
    },
    host::Host,
    phase::{Phase, Phases},
    process::Process,
    series::{Point, Series},
    snapshot::{Events, Snapshot},
    time_wait::{Destination, TimeWaitView},
};
use tracer_export as export;

use hosts::{host, via};
use requests::requests;

use crate::trace::{clock, description::Description};

/// The whole document.
pub(crate) fn export(
    snapshot: &Snapshot,
    findings: &[Finding],
    about: &Description,
) -> export::Export {
    let duration_ns = about.elapsed_ns();
    let has_activity = snapshot.has_activity;
    let processes = snapshot.processes.iter();
    let hosts = snapshot.hosts.iter();
    export::Export {
        schema: export::SCHEMA.to_owned(),
        tracer: export::Tracer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: env!("TRACER_COMMIT").to_owned(),
        },
        machine: export::Machine {
            hostname: about.machine.hostname.clone(),
            kernel: about.machine.kernel.clone(),
            arch: about.machine.arch.clone(),
            cpus: Some(about.machine.cpus as u64),
        },
        window: export::Window {
            started_at: clock::rfc3339(about.started_at),
            ended_at: clock::rfc3339(about.started_at + Duration::from_nanos(duration_ns)),
            duration_ns: Some(duration_ns),
        },
        filter: about.filter.clone(),
        command: about.command.clone(),
        merged: None,
        events: events(&snapshot.events),
        totals: group(&snapshot.totals, has_activity),
        processes: processes
            .map(|entry| process(entry, has_activity))
            .collect(),
        processes_folded: Some(snapshot.processes_folded),
        hosts: hosts.map(|entry| host(entry, has_activity)).collect(),
        hosts_folded: Some(snapshot.hosts_folded),
        proxies: Some(snapshot.proxies.iter().map(proxy).collect()),
        proxies_folded: Some(snapshot.proxies_folded),
        time_wait: time_wait(&snapshot.time_wait, snapshot.totals.tcp.time_wait_entered),
        dns_names: Some(snapshot.dns_names.iter().map(dns_name).collect()),
        dns_names_folded: Some(snapshot.dns_names_folded),
        series: series(&snapshot.series, &snapshot.totals.requests),
        findings: Some(findings::export(findings, about)),
        verdicts: None,
        command_cpu: about.command_cpu.map(|cpu| export::CommandCpu {
            user_ns: Some(cpu.user.as_nanos() as u64),
            system_ns: Some(cpu.system.as_nanos() as u64),
        }),
    }
}

fn events(events: &Events) -> export::Events {
    let by_counter = Counter::ALL.iter().zip(events.kernel);
    export::Events {
        received: Some(events.received),
        lost: Some(events.lost),
        undecodable: Some(events.undecodable),
        overflowed: Some(events.overflowed),
        map_full: Some(events.map_full),
        evicted: Some(events.evicted),
        unmatched: Some(events.unmatched),
        not_recorded: Some(events.not_recorded),
        negative_durations: Some(events.negative_durations),
        by_counter: by_counter
            .map(|((_, name), value)| ((*name).to_owned(), value))
            .collect(),
    }
}

fn process(process: &Process, has_activity: bool) -> export::Process {
    export::Process {
        machine: None,
        pid: process.pid,
        comm: process.comm.clone(),
        exe: process.exe.clone(),
        container: process.container.clone(),
        group: group(&process.group, has_activity),
    }
}

/// Figures of a proxy. What connections are doing now is counted by process and host alone, and lookups by process.
fn proxy(proxy: &Host) -> export::Proxy {
    let group = group(&proxy.group, false);
    let of_lookups = |phase| matches!(phase, Phase::Dns | Phase::DnsFailed);
    export::Proxy {
        name: proxy.key.to_string(),
        via: via(proxy),
        connections: export::Connections {
            never_used: None,
            ..group.connections
        },
        requests: group.requests,
        tunnels: group.tunnels,
        tls: group.tls,
        phases: Phase::ALL
            .into_iter()
            .filter(|&phase| !of_lookups(phase))
            .map(|phase| (phase, export::Histogram::of(proxy.group.phases.get(phase))))
            .collect(),
    }
}

/// Figures of a group. Without `has_activity` the current state of connections is unknown and left out.
fn group(group: &Group, has_activity: bool) -> export::Group {
    export::Group {
        connections: connections(&group.connections, has_activity),
        requests: requests(&group.requests, has_activity),
        responses: responses(&group.responses),
        http2: http2(&group.http2, group.connections.http2),
        tunnels: tunnels(&group.tunnels),
        tls: tls(&group.tls),
        dns: dns(&group.dns),
        tcp: tcp(&group.tcp, has_activity && group.tells_open_bytes()),
        phases: phases(&group.phases),
    }
}

fn connections(connections: &Connections, has_activity: bool) -> export::Connections {
    let (failed, closed) = (&connections.failed, &connections.closed_by);
    let now = |count: u64| has_activity.then_some(count);
    export::Connections {
        opened: Some(connections.begun()),
        established: Some(connections.established),
        adopted: Some(connections.adopted),
        opens_lost: Some(connections.opens_lost),
        closes_lost: Some(connections.closes_lost),
        dns: Some(connections.dns),
        dns_unread: Some(connections.dns_unread),
        unwatched: Some(connections.unwatched),
        other_protocol: Some(connections.other_protocol),
        upgraded: Some(connections.upgraded),
        one_way: Some(connections.one_way),
        requests_unknown: export::RequestsUnknown {
            open_before: Some(connections.requests_unknown.open_before),
            handshake: Some(connections.requests_unknown.handshake),
            tunnel: Some(connections.requests_unknown.tunnel),
            tls_inside: Some(connections.requests_unknown.tls_inside),
        },
        open_now: Some(connections.open_now),
        peak_open: Some(connections.peak_open),
        failed: export::FailedConnects {
            refused: Some(failed.refused),
            timed_out: Some(failed.timed_out),
            reset: Some(failed.reset),
            unreachable: Some(failed.unreachable),
            other: Some(failed.other),
        },
        aborted_connects: Some(connections.aborted_connects),
        not_sent: Some(connections.not_sent),
        never_used: Some(connections.never_used()),
        closed_by: export::ClosedBy {
            client: Some(closed.client),
            server: Some(closed.server),
            client_reset: Some(closed.client_reset),
            server_reset: Some(closed.server_reset),
            timeout: Some(closed.timeout),
            unknown: Some(closed.unknown),
        },
        asks_close: Some(connections.asks_close),
        server_asks_close: Some(connections.server_asks_close),
        close_wait_now: Some(connections.close_wait_now),
        close_wait_peak: Some(connections.close_wait_peak),
        connecting_now: now(connections.connecting_now),
        half_closed_now: now(connections.half_closed_now),
        idle_now: now(connections.idle_now),
    }
}

fn responses(responses: &Responses) -> export::Responses {
    export::Responses {
        read: Some(responses.read),
        cut: Some(responses.cut),
        text: Some(responses.text),
        plain_asked: Some(responses.plain_asked),
        plain_unasked: Some(responses.plain_unasked),
        plain_sized: Some(responses.plain_sized),
        plain_bytes: Some(responses.plain_bytes),
        bytes: Some(responses.bytes),
    }
}

fn http2(http2: &Http2, connections: u64) -> export::Http2 {
    let (source, because) = (http2.source, http2.none_because);
    export::Http2 {
        connections: Some(connections),
        streams: Some(http2.streams),
        untimed: Some(http2.untimed),
        source: export::Http2Sources {
            frames: Some(source.frames),
            inferred: Some(source.inferred),
            none: Some(source.none),
            never_used: Some(source.never_used),
        },
        none_because: export::Http2Reasons {
            no_library: Some(because.no_library),
            attached_late: Some(because.attached_late),
            lost_sync: Some(because.lost_sync),
        },
        at_least: Some(http2.at_least),
        in_flight_peak: Some(http2.in_flight_peak),
        max_concurrent_streams: http2.max_concurrent_streams.map(u64::from),
        refused: Some(http2.refused),
        reset_by_client: Some(http2.reset_by_client),
        reset_by_server: Some(http2.reset_by_server),
        goaway: Some(http2.goaway),
    }
}

fn tunnels(tunnels: &Tunnels) -> export::Tunnels {
    let (kinds, failed) = (&tunnels.by_kind, &tunnels.failed);
    export::Tunnels {
        opened: Some(tunnels.opened),
        by_kind: export::TunnelKinds {
            connect: Some(kinds.connect),
            socks4: Some(kinds.socks4),
            socks5: Some(kinds.socks5),
        },
        failed: export::FailedTunnels {
            auth: Some(failed.auth),
            refused: Some(failed.refused),
            unreachable: Some(failed.unreachable),
            closed: Some(failed.closed),
            given_up: Some(failed.given_up),
            other: Some(failed.other),
        },
        unknown: Some(tunnels.unknown),
    }
}

fn tls(tls: &Tls) -> export::Tls {
    export::Tls {
        full: Some(tls.full),
        resumed: Some(tls.resumed),
        failed: Some(tls.failed),
        unfinished: Some(tls.unfinished),
        unknown: Some(tls.unknown),
        not_tls: Some(tls.not_tls),
        hello_retry_requests: Some(tls.hello_retry_requests),
        versions: versions(&tls.versions),
    }
}

/// Counts of TLS versions. Old versions are included only when they were negotiated.
fn versions(versions: &Versions) -> export::Versions {
    let spoken = |count: u64| (count != 0).then_some(count);
    export::Versions {
        v1_0: spoken(versions.v1_0),
        v1_1: spoken(versions.v1_1),
        v1_2: Some(versions.v1_2),
        v1_3: Some(versions.v1_3),
        unknown: spoken(versions.unknown),
    }
}

fn dns(dns: &Dns) -> export::Dns {
    export::Dns {
        queries: Some(dns.queries),
        answered: Some(dns.answered),
        failed: export::FailedLookups {
            nxdomain: Some(dns.failed.nxdomain),
            servfail: Some(dns.failed.servfail),
            timeout: Some(dns.failed.timeout),
            other: Some(dns.failed.other),
        },
        retries: Some(dns.retries),
        truncated: Some(dns.truncated),
        repeated_within_ttl: Some(dns.repeated_within_ttl),
    }
}

fn dns_name(name: &NameFigures) -> export::DnsName {
    let answered = name.answered.count() != 0;
    export::DnsName {
        name: name.name.to_string(),
        queries: Some(name.queries),
        p50_ns: answered.then(|| name.answered.summary().p50_ns),
        failures: Some(name.failures),
    }
}

/// Points of complete intervals only: the current interval is not included.
fn series(series: &Series, requests: &Requests) -> export::Series {
    let points = &series.points;
    let column = |figure: fn(&Point) -> u64| -> Option<export::Samples> {
        Some(points.iter().map(|point| Some(figure(point))).collect())
    };
    let p99 = |phase: Phase| points.iter().map(|point| point.p99(phase)).collect();
    export::Series {
        interval_ns: Some(series.interval_ns),
        events: column(|point| point.events),
        requests: column(|point| point.requests),
        connections_opened: column(|point| point.connections_opened),
        time_wait: column(|point| point.time_wait),
        open: column(|point| point.open),
        in_flight_ns: requests
            .timeline
            .as_ref()
            .map(|timeline| timeline.first(points.len()).map(Some).collect()),
        p99: Phase::IN_SERIES
            .into_iter()
            .map(|phase| (phase, p99(phase)))
            .collect(),
    }
}

/// TCP counters. `tells_open`: what open connections have carried is known.
fn tcp(tcp: &Tcp, tells_open: bool) -> export::Tcp {
    let segments = |count: u64| tcp.has_segments().then_some(count);
    export::Tcp {
        syn_retransmits: Some(tcp.syn_retransmits),
        retransmits: Some(tcp.retransmits),
        bytes_sent: Some(tcp.bytes_sent),
        bytes_received: Some(tcp.bytes_received),
        open_bytes_sent: tells_open.then_some(tcp.open_bytes_sent),
        open_bytes_received: tells_open.then_some(tcp.open_bytes_received),
        segments_in: segments(tcp.segments_in),
        segments_out: segments(tcp.segments_out),
        segments_out_of_order: segments(tcp.segments_out_of_order),
        segments_lost_in: segments(tcp.segments_lost_in),
        srtt_ns: Some(tcp.srtt.summary().p50_ns),
        time_wait_entered: Some(tcp.time_wait_entered),
    }
}

fn phases(phases: &Phases) -> export::Phases {
    Phase::ALL
        .into_iter()
        .map(|phase| (phase, export::Histogram::of(phases.get(phase))))
        .collect()
}

fn time_wait(view: &TimeWaitView, entered: u64) -> export::TimeWait {
    export::TimeWait {
        entered: Some(entered),
        current: Some(view.current),
        peak: Some(view.peak),
        at_start: Some(view.at_start),
        port_range: view.port_range.map(|(low, high)| [low, high]),
        orphans_now: Some(view.orphans_now),
        orphans_lost: Some(view.orphans_lost),
        namespaces_unseen: Some(view.namespaces_unseen),
        namespaces_removed: Some(view.namespaces_removed),
        destinations: view.destinations.iter().map(destination).collect(),
    }
}

fn destination(destination: &Destination) -> export::Destination {
    export::Destination {
        address: destination.remote.ip().to_string(),
        port: destination.remote.port(),
        netns: Some(destination.netns),
        source: destination.source.to_string(),
        time_wait: Some(destination.time_wait),
        ports_used: Some(destination.ports_used),
        ports_used_ratio: destination.ports_used_ratio,
    }
}

#[cfg(test)]
mod tests;
