//! The metrics.

use super::{
    Figure::{Activity, Count, Durations},
    Kind, Label, Metric, Part, TraceMetric,
};

/// Method of a request that is not known: what conventions ask for when it cannot be read.
const METHOD: Label = ("http.request.method", "_OTHER");
/// Error of a kind that is not told apart.
const ERROR: Label = ("error.type", "_OTHER");

/// A figure with its attributes.
const fn part(labels: &'static [Label], figure: super::Figure) -> Part {
    Part { labels, figure }
}

/// A distribution of each host.
const fn durations(
    name: &'static str,
    description: &'static str,
    parts: &'static [Part],
) -> Metric {
    Metric {
        name,
        unit: "s",
        description,
        kind: Kind::Durations,
        by_host: true,
        parts,
    }
}

/// A count of each host.
const fn counter(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    parts: &'static [Part],
) -> Metric {
    Metric {
        name,
        unit,
        description,
        kind: Kind::Counter,
        by_host: true,
        parts,
    }
}

/// A current number of each host.
const fn up_down(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    parts: &'static [Part],
) -> Metric {
    Metric {
        kind: Kind::UpDown,
        ..counter(name, unit, description, parts)
    }
}

/// Metric with values of the whole trace only, and otherwise like another one.
const fn of_trace(metric: Metric) -> Metric {
    Metric {
        by_host: false,
        ..metric
    }
}

/// Metrics of groups of connections: distributions, then counts, then current numbers.
pub const METRICS: &[Metric] = &[
    durations(
        "http.client.request.duration",
        "Time from the first byte of a request to the first byte of its response.",
        &[part(&[METHOD], Durations(|it| &it.phases.ttfb))],
    ),
    durations(
        "http.client.connection.duration",
        "Time from the establishment of a connection to its close.",
        &[part(&[], Durations(|it| &it.phases.lifetime))],
    ),
    of_trace(durations(
        "dns.lookup.duration",
        "Time from the first query of a lookup to its answer, or to the moment it was given up.",
        &[
            part(&[], Durations(|it| &it.phases.dns)),
            part(&[ERROR], Durations(|it| &it.phases.dns_failed)),
        ],
    )),
    durations(
        "tracer.connect.duration",
        "Time from the SYN to the establishment of a connection, or to the failure of the connect.",
        &[
            part(&[], Durations(|it| &it.phases.connect)),
            part(&[ERROR], Durations(|it| &it.phases.connect_failed)),
        ],
    ),
    durations(
        "tracer.tunnel.duration",
        "Time from the first byte that asks a proxy for a tunnel to the end of its answer.",
        &[
            part(&[], Durations(|it| &it.phases.tunnel)),
            part(&[ERROR], Durations(|it| &it.phases.tunnel_failed)),
        ],
    ),
    durations(
        "tracer.tls.duration",
        "Time from the ClientHello to the end of the handshake.",
        &[
            part(&[("tls.resumed", "false")], Durations(|it| &it.phases.tls)),
            part(
                &[("tls.resumed", "true")],
                Durations(|it| &it.phases.tls_resumed),
            ),
        ],
    ),
    durations(
        "tracer.ttfb.duration",
        "Time to the first byte of a response, for the first and for later requests of a connection.",
        &[
            part(
                &[("tracer.connection.reused", "false")],
                Durations(|it| &it.phases.ttfb_first),
            ),
            part(
                &[("tracer.connection.reused", "true")],
                Durations(|it| &it.phases.ttfb_reused),
            ),
        ],
    ),
    durations(
        "tracer.transfer.duration",
        "Time from the first to the last byte of a response.",
        &[part(&[], Durations(|it| &it.phases.transfer))],
    ),
    durations(
        "tracer.pickup.duration",
        "Time that response data waited in the socket for the application to read it.",
        &[part(&[], Durations(|it| &it.phases.pickup))],
    ),
    durations(
        "tracer.pickup.run_queue.duration",
        "Time of slow reads in which the reading thread waited for a processor.",
        &[part(&[], Durations(|it| &it.phases.pickup_cpu))],
    ),
    durations(
        "tracer.request.aborted.duration",
        "Time from the first byte of a request to the moment the client gave it up.",
        &[part(&[], Durations(|it| &it.phases.aborted))],
    ),
    durations(
        "tracer.connection.idle.duration",
        "Time from the last byte of a response to the next request on the connection.",
        &[part(&[], Durations(|it| &it.phases.idle))],
    ),
    durations(
        "tracer.connection.idle_at_close.duration",
        "Time from the last byte of a response to the end of the connection.",
        &[part(&[], Durations(|it| &it.phases.idle_at_close))],
    ),
    durations(
        "tracer.connection.idle_at_server_close.duration",
        "Time from the last byte of a response to the moment the server ended the connection.",
        &[part(&[], Durations(|it| &it.phases.idle_at_server_close))],
    ),
    durations(
        "tracer.tcp.rtt.duration",
        "Smoothed round-trip time of connections when they closed.",
        &[part(&[], Durations(|it| &it.tcp.srtt))],
    ),
    counter(
        "tracer.requests",
        "{request}",
        "Requests, by version of HTTP.",
        &[
            part(
                &[("network.protocol.version", "1.1")],
                Count(|it| it.requests.count.saturating_sub(it.requests.http2)),
            ),
            part(
                &[("network.protocol.version", "2")],
                Count(|it| it.requests.http2),
            ),
        ],
    ),
    counter(
        "tracer.requests.failed",
        "{request}",
        "Requests that were unanswered when their connection closed.",
        &[part(&[], Count(|it| it.requests.failed))],
    ),
    counter(
        "tracer.requests.aborted",
        "{request}",
        "Requests that the client gave up.",
        &[part(&[], Count(|it| it.requests.aborted))],
    ),
    counter(
        "tracer.requests.stale",
        "{request}",
        "Requests on a reused connection that the server closed in answer.",
        &[part(&[], Count(|it| it.requests.stale))],
    ),
    counter(
        "tracer.requests.slow_pickup",
        "{request}",
        "Requests whose response waited 1 ms or longer for the application.",
        &[part(&[], Count(|it| it.requests.slow_pickups))],
    ),
    counter(
        "tracer.connections.opened",
        "{connection}",
        "Connects that began.",
        &[part(&[], Count(|it| it.connections.opened))],
    ),
    counter(
        "tracer.connections.established",
        "{connection}",
        "Connects that succeeded.",
        &[part(&[], Count(|it| it.connections.established))],
    ),
    counter(
        "tracer.connections.adopted",
        "{connection}",
        "Connections that were open before tracing began.",
        &[part(&[], Count(|it| it.connections.adopted))],
    ),
    counter(
        "tracer.connections.used",
        "{connection}",
        "Connections that carried at least one request.",
        &[part(&[], Count(|it| it.requests.connections))],
    ),
    counter(
        "tracer.connections.never_used",
        "{connection}",
        "Connections closed without a request.",
        &[part(&[], Count(|it| it.connections.never_used))],
    ),
    counter(
        "tracer.connections.failed",
        "{connection}",
        "Connects that failed, by reason.",
        &[
            part(
                &[("error.type", "refused")],
                Count(|it| it.connections.failed.refused),
            ),
            part(
                &[("error.type", "timed_out")],
                Count(|it| it.connections.failed.timed_out),
            ),
            part(
                &[("error.type", "reset")],
                Count(|it| it.connections.failed.reset),
            ),
            part(
                &[("error.type", "unreachable")],
                Count(|it| it.connections.failed.unreachable),
            ),
            part(
                &[("error.type", "other")],
                Count(|it| it.connections.failed.other),
            ),
        ],
    ),
    counter(
        "tracer.connections.closed",
        "{connection}",
        "Closed connections, by the side that ended them.",
        &[
            part(
                &[("tracer.closed_by", "client")],
                Count(|it| it.connections.closed_by.client),
            ),
            part(
                &[("tracer.closed_by", "server")],
                Count(|it| it.connections.closed_by.server),
            ),
            part(
                &[("tracer.closed_by", "client_reset")],
                Count(|it| it.connections.closed_by.client_reset),
            ),
            part(
                &[("tracer.closed_by", "server_reset")],
                Count(|it| it.connections.closed_by.server_reset),
            ),
            part(
                &[("tracer.closed_by", "timeout")],
                Count(|it| it.connections.closed_by.timeout),
            ),
            part(
                &[("tracer.closed_by", "unknown")],
                Count(|it| it.connections.closed_by.unknown),
            ),
        ],
    ),
    counter(
        "tracer.tls.failed",
        "{handshake}",
        "TLS handshakes that failed.",
        &[part(&[], Count(|it| it.tls.failed))],
    ),
    counter(
        "tracer.tcp.retransmits",
        "{segment}",
        "Segments sent again, counted when their connection closed.",
        &[part(&[], Count(|it| it.tcp.retransmits))],
    ),
    counter(
        "tracer.tcp.syn_retransmits",
        "{segment}",
        "SYN segments sent again.",
        &[part(&[], Count(|it| it.tcp.syn_retransmits))],
    ),
    counter(
        "tracer.tcp.io",
        "By",
        "Payload bytes, counted when their connection closed.",
        &[
            part(
                &[("network.io.direction", "transmit")],
                Count(|it| it.tcp.bytes_sent),
            ),
            part(
                &[("network.io.direction", "receive")],
                Count(|it| it.tcp.bytes_received),
            ),
        ],
    ),
    counter(
        "tracer.time_wait.entered",
        "{connection}",
        "Connections that entered TIME_WAIT.",
        &[part(&[], Count(|it| it.tcp.time_wait_entered))],
    ),
    of_trace(counter(
        "tracer.dns.failed",
        "{lookup}",
        "Lookups that failed, by reason.",
        &[
            part(
                &[("error.type", "nxdomain")],
                Count(|it| it.dns.failed.nxdomain),
            ),
            part(
                &[("error.type", "servfail")],
                Count(|it| it.dns.failed.servfail),
            ),
            part(
                &[("error.type", "timeout")],
                Count(|it| it.dns.failed.timeout),
            ),
            part(&[("error.type", "other")], Count(|it| it.dns.failed.other)),
        ],
    )),
    of_trace(counter(
        "tracer.dns.retries",
        "{query}",
        "Queries sent again because there was no answer.",
        &[part(&[], Count(|it| it.dns.retries))],
    )),
    of_trace(counter(
        "tracer.dns.repeated_within_ttl",
        "{lookup}",
        "Lookups of a name whose answer the process had and might still have used.",
        &[part(&[], Count(|it| it.dns.repeated_within_ttl))],
    )),
    up_down(
        "http.client.open_connections",
        "{connection}",
        "Open connections now, by whether a request is under way.",
        &[
            part(
                &[("http.connection.state", "idle")],
                Activity(|it| it.connections.idle_now + it.connections.unused_now),
            ),
            part(
                &[("http.connection.state", "active")],
                Activity(|it| {
                    let idle = it.connections.idle_now + it.connections.unused_now;
                    it.connections.open_now.saturating_sub(idle)
                }),
            ),
        ],
    ),
    up_down(
        "http.client.active_requests",
        "{request}",
        "Requests that wait for their response now.",
        &[part(&[METHOD], Activity(|it| it.requests.in_flight_now))],
    ),
    up_down(
        "tracer.connections.close_wait",
        "{connection}",
        "Connections that the server has closed a while ago and the client has not.",
        &[part(&[], Count(|it| it.connections.close_wait_now))],
    ),
];

/// Metrics of the trace as a whole.
pub const TRACE_METRICS: &[TraceMetric] = &[
    TraceMetric {
        name: "tracer.time_wait.current",
        unit: "{connection}",
        description: "Traced connections in TIME_WAIT now.",
        kind: Kind::UpDown,
        parts: &[(&[], |it| it.time_wait.current)],
    },
    TraceMetric {
        name: "tracer.records.received",
        unit: "{record}",
        description: "Records read from the kernel.",
        kind: Kind::Counter,
        parts: &[(&[], |it| it.events.received)],
    },
    TraceMetric {
        name: "tracer.records.lost",
        unit: "{record}",
        description: "Records that some figure lacks, by reason; the figures are too small when this grows.",
        kind: Kind::Counter,
        parts: &[
            (&[("tracer.loss", "ring_full")], |it| it.events.lost),
            (&[("tracer.loss", "undecodable")], |it| {
                it.events.undecodable
            }),
            (&[("tracer.loss", "map_full")], |it| it.events.map_full),
            (&[("tracer.loss", "table_full")], |it| it.events.evicted),
            (&[("tracer.loss", "negative_duration")], |it| {
                it.events.negative_durations
            }),
        ],
    },
    TraceMetric {
        name: "tracer.records.overflowed",
        unit: "{record}",
        description: "Records that are in the totals but in the figures of no host.",
        kind: Kind::Counter,
        parts: &[(&[], |it| it.events.overflowed)],
    },
    TraceMetric {
        name: "tracer.hosts.folded",
        unit: "{host}",
        description: "Hosts beyond the limit of hosts with figures of their own.",
        kind: Kind::Counter,
        parts: &[(&[], |it| it.hosts_folded)],
    },
];
