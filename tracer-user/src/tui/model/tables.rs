//! The tables of the screen.

use std::hash::{DefaultHasher, Hash, Hasher};

use tracer_common::record::Traffic;
use tracer_core::{
    group::Group,
    http2::source::Source,
    live::{LiveConnection, LiveHttp2, LiveTls},
    phase::Phase,
    tls::TlsVersion,
};

use super::{
    columns::{Column, Table, group, id, label, row},
    figure::{Figure, Unit, Value},
    look::{Look, Subject},
};

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

const REQUESTS: Column = group("requests", "reqs", 6, 0, |of| {
    of.count(|g| g.requests.count)
});
const REUSE: Column = group("reuse", "reuse", 6, 3, |of| of.reuse());
const CONNECT_50: Column = group("connect.p50", "conn p50", 8, 6, |of| {
    of.quantile(Phase::Connect, 0.5)
});
const CONNECT_99: Column = group("connect.p99", "conn p99", 8, 5, |of| {
    of.quantile(Phase::Connect, 0.99)
});
const TLS_50: Column = group("tls.p50", "tls p50", 7, 6, |of| {
    of.quantile(Phase::Tls, 0.5)
});
const TLS_99: Column = group("tls.p99", "tls p99", 7, 5, |of| {
    of.quantile(Phase::Tls, 0.99)
});
const TTFB_50: Column = group("ttfb.p50", "ttfb p50", 8, 2, |of| {
    of.quantile(Phase::Ttfb, 0.5)
});
const TTFB_99: Column = group("ttfb.p99", "ttfb p99", 8, 1, |of| {
    of.quantile(Phase::Ttfb, 0.99)
});
const TRANSFER_50: Column = group("transfer.p50", "body p50", 8, 9, |of| {
    of.quantile(Phase::Transfer, 0.5)
});
const TRANSFER_99: Column = group("transfer.p99", "body p99", 8, 7, |of| {
    of.quantile(Phase::Transfer, 0.99)
});
const PICKUP: Column = group("pickup.p50", "pickup", 7, 3, |of| of.pickup(0.5));
const UNUSED: Column = group("unused", "unused", 6, 5, |of| {
    of.count(|g| g.connections.never_used())
});
const FAILED: Column = group("failed", "failed", 6, 2, |of| of.failures(Group::failures));
const TIME_WAIT: Column = group("tw", "TIME_WAIT", 9, 6, |of| {
    of.count(|g| g.tcp.time_wait_entered)
});
const OPEN: Column = group("open", "open", 6, 7, |of| {
    of.level(|g| g.connections.open_now)
});
const OPENED: Column = group("opened", "conns", 6, 4, |of| {
    of.count(|g| g.connections.opened + g.connections.adopted)
});
const RESUMED: Column = group("resumed", "resumed", 7, 10, |of| {
    of.count(|g| g.tls.resumed)
});
const TUNNELS: Column = group("tunnels", "tunnels", 8, 1, |of| {
    of.count(|g| g.tunnels.opened)
});
const TUNNELS_FAILED: Column = group("tunnel.failed", "refused", 7, 2, |of| {
    of.failures(|g| g.tunnels.failed.total())
});
const TUNNEL_50: Column = group("tunnel.p50", "tunnel p50", 10, 2, |of| {
    of.quantile(Phase::Tunnel, 0.5)
});
const TUNNEL_99: Column = group("tunnel.p99", "tunnel p99", 10, 1, |of| {
    of.quantile(Phase::Tunnel, 0.99)
});
const RETRANSMITS: Column = group("retrans", "resent", 6, 11, |of| {
    of.failures(|g| g.tcp.retransmits)
});

/// Figures by host and port.
pub(super) static HOSTS: Table = Table {
    columns: &[
        label("host", "host", 0, 0, |look, row| {
            Value::text(&*look.snapshot().hosts[row].key.host)
        }),
        id("port", "port", 5, 4, |of, row| {
            of.hosts[row].key.port.into()
        }),
        REQUESTS,
        OPENED,
        REUSE,
        CONNECT_50,
        CONNECT_99,
        TLS_50,
        TLS_99,
        TTFB_50,
        TTFB_99,
        TRANSFER_50,
        TRANSFER_99,
        PICKUP,
        FAILED,
        UNUSED,
        TIME_WAIT,
        OPEN,
        RESUMED,
        RETRANSMITS,
        label("source", "name from", 9, 12, |look, row| {
            Value::text(look.snapshot().hosts[row].key.source.as_str())
        }),
        label("via", "via", 22, 13, |look, row| {
            Value::text(look.snapshot().hosts[row].via.to_string())
        }),
    ],
    sort: 2,
    nothing: "no host yet: no connection was made, and none was open",
    rows: |snapshot| snapshot.hosts.len(),
    group: Some(|look, row| look.host(row)),
    shared: Some(|snapshot, row| Some(&snapshot.hosts.get(row)?.group)),
    identity: |snapshot, row| hash(&snapshot.hosts[row].key),
    subject: |snapshot, row| Some(Subject::Host(snapshot.hosts.get(row)?.key.clone())),
};

/// Figures of the connections to each proxy: those that lead through it to any site.
pub(super) static PROXIES: Table = Table {
    columns: &[
        label("host", "proxy", 0, 0, |look, row| {
            Value::text(&*look.snapshot().proxies[row].key.host)
        }),
        id("port", "port", 5, 0, |of, row| {
            of.proxies[row].key.port.into()
        }),
        TUNNELS,
        TUNNELS_FAILED,
        TUNNEL_50,
        TUNNEL_99,
        REQUESTS,
        OPENED,
        REUSE,
        CONNECT_50,
        CONNECT_99,
        TTFB_50,
        TTFB_99,
        FAILED,
        OPEN,
        RETRANSMITS,
        label("via", "via", 22, 13, |look, row| {
            Value::text(look.snapshot().proxies[row].via.to_string())
        }),
    ],
    sort: 2,
    nothing: "no proxy yet: no connection asked for a tunnel",
    rows: |snapshot| snapshot.proxies.len(),
    group: Some(|look, row| look.proxy(row)),
    shared: Some(|snapshot, row| Some(&snapshot.proxies.get(row)?.group)),
    identity: |snapshot, row| hash(&snapshot.proxies[row].key),
    subject: |snapshot, row| Some(Subject::Proxy(snapshot.proxies.get(row)?.key.clone())),
};

/// Figures by process.
pub(super) static PROCESSES: Table = Table {
    columns: &[
        label("comm", "process", 0, 0, |look, row| {
            Value::text(look.snapshot().processes[row].comm.as_str())
        }),
        id("pid", "pid", 8, 0, |of, row| of.processes[row].pid.into()),
        REQUESTS,
        OPENED,
        REUSE,
        CONNECT_50,
        CONNECT_99,
        TLS_50,
        TLS_99,
        TTFB_50,
        TTFB_99,
        TRANSFER_50,
        TRANSFER_99,
        PICKUP,
        FAILED,
        UNUSED,
        TIME_WAIT,
        OPEN,
        group("lookups", "dns", 6, 8, |of| of.count(|g| g.dns.queries)),
        label("container", "container", 12, 12, |look, row| {
            Value::text(
                look.snapshot().processes[row]
                    .container
                    .as_deref()
                    .unwrap_or(""),
            )
        }),
        label("exe", "executable", 24, 13, |look, row| {
            Value::text(look.snapshot().processes[row].exe.as_deref().unwrap_or(""))
        }),
    ],
    sort: 2,
    nothing: "no process yet: no connection was made, and none was open",
    rows: |snapshot| snapshot.processes.len(),
    group: Some(|look, row| look.process(row)),
    // Rows are few, and their paths are found only later, so they are not compared by object.
    shared: None,
    identity: |snapshot, row| {
        let process = &snapshot.processes[row];
        hash((process.pid, &process.comm))
    },
    subject: |snapshot, row| {
        let process = snapshot.processes.get(row)?;
        Some(Subject::Process(process.pid, process.comm.clone()))
    },
};

/// Open connections, as of the last listing.
pub(super) static CONNECTIONS: Table = Table {
    columns: &[
        label("host", "host", 0, 0, |look, row| {
            Value::text(&*connection(look, row).host.host)
        }),
        label("state", "state", 13, 0, |look, row| {
            Value::text(connection(look, row).state.as_str())
        }),
        row("age", "age", 7, 1, |look, row| {
            Value::Figure(time(connection(look, row).age_ns))
        }),
        row("idle", "idle", 7, 0, |look, row| {
            Value::Figure(time(connection(look, row).idle_ns))
        }),
        row("requests", "reqs", 6, 2, |look, row| {
            Value::Figure(Figure::count_if_known(
                connection(look, row).turns.map(u64::from),
            ))
        }),
        row("received", "in", 6, 4, |look, row| {
            bytes(look, row, |traffic| traffic.bytes_received)
        }),
        row("sent", "out", 6, 6, |look, row| {
            bytes(look, row, |traffic| traffic.bytes_sent)
        }),
        label("streams", "http/2", 17, 11, |look, row| {
            Value::text(
                connection(look, row)
                    .http2
                    .map_or_else(String::new, streams),
            )
        }),
        row("rtt", "rtt", 7, 3, |look, row| {
            Value::Figure(time(connection(look, row).rtt_ns))
        }),
        label("tls", "tls", 12, 5, |look, row| {
            Value::text(connection(look, row).tls.map_or_else(String::new, session))
        }),
        label("comm", "process", 15, 4, |look, row| {
            Value::text(&*connection(look, row).comm)
        }),
        id("pid", "pid", 8, 6, |of, row| {
            of.connections.shown[row].pid.into()
        }),
        id("port", "port", 5, 7, |of, row| {
            of.connections.shown[row].host.port.into()
        }),
        label("to", "remote", 22, 8, |look, row| {
            Value::text(connection(look, row).remote.to_string())
        }),
        label("from", "local", 22, 9, |look, row| {
            Value::text(connection(look, row).local.to_string())
        }),
        label("via", "via", 22, 10, |look, row| {
            let via = connection(look, row).via.iter();
            let via: Vec<String> = via.map(ToString::to_string).collect();
            Value::text(via.join(" "))
        }),
    ],
    sort: 3,
    nothing: "no connection is open",
    rows: |snapshot| snapshot.connections.shown.len(),
    group: None,
    shared: None,
    identity: |snapshot, row| snapshot.connections.shown[row].cookie,
    subject: |snapshot, row| {
        let host = &snapshot.connections.shown.get(row)?.host;
        Some(Subject::Host(host.clone()))
    },
};

fn connection<'a>(look: &Look<'a>, row: usize) -> &'a LiveConnection {
    &look.snapshot().connections.shown[row]
}

/// Payload bytes of an open connection; unknown in recordings of earlier builds.
fn bytes<'a>(look: &Look<'a>, row: usize, of: fn(&Traffic) -> u64) -> Value<'a> {
    let bytes = connection(look, row).traffic.as_ref().map(of);
    let figure = Figure::new(bytes.map(|bytes| bytes as f64), Unit::Bytes);
    Value::Figure(figure)
}

/// A time that is neither better nor worse when it grows.
fn time(ns: Option<u64>) -> Figure {
    Figure {
        more_is_worse: false,
        ..Figure::ns(ns)
    }
}

/// `3 (max 12/100)`: streams in flight, most at once, and the server's limit; or what is known instead.
fn streams(http2: LiveHttp2) -> String {
    match (http2.source, http2.now) {
        (Source::Frames, Some(now)) => {
            let most = http2.peak.max(now.open);
            let limit = http2
                .limit
                .map_or_else(String::new, |limit| format!("/{limit}"));
            format!("{} (max {most}{limit})", now.open)
        }
        (source, _) if http2.at_least => format!("{}, at least", source.as_str()),
        (Source::None(_), _) => "not known".to_owned(),
        (source, _) => source.as_str().to_owned(),
    }
}

/// `1.3 resumed`
fn session(tls: LiveTls) -> String {
    let version = match tls.version {
        Some(TlsVersion::TLS_1_3) => "1.3",
        Some(TlsVersion::TLS_1_2) => "1.2",
        Some(TlsVersion::TLS_1_1) => "1.1",
        Some(TlsVersion::TLS_1_0) => "1.0",
        _ => "?",
    };
    let kind = if tls.resumed { "resumed" } else { "full" };
    format!("{version} {kind}")
}

/// DNS lookups by name.
pub(super) static NAMES: Table = Table {
    columns: &[
        label("name", "name", 0, 0, |look, row| {
            Value::text(&*look.snapshot().dns_names[row].name)
        }),
        row("queries", "lookups", 8, 0, |look, row| {
            Value::Figure(name_count(look, row, |name| name.queries))
        }),
        row("failed", "failed", 6, 1, |look, row| {
            let figure = name_count(look, row, |name| name.failures);
            Value::Figure(Figure {
                more_is_worse: true,
                ..figure
            })
        }),
        row("p50", "p50", 7, 2, |look, row| {
            Value::Figure(name_time(look, row, 0.5))
        }),
        row("p90", "p90", 7, 4, |look, row| {
            Value::Figure(name_time(look, row, 0.9))
        }),
        row("p99", "p99", 7, 3, |look, row| {
            Value::Figure(name_time(look, row, 0.99))
        }),
        row("max", "max", 7, 5, |look, row| {
            Value::Figure(name_time(look, row, 1.0))
        }),
    ],
    sort: 1,
    nothing: "no lookup seen yet: names may come from a cache or a file, or lookups are encrypted",
    rows: |snapshot| snapshot.dns_names.len(),
    group: None,
    shared: None,
    identity: |snapshot, row| hash(&snapshot.dns_names[row].name),
    subject: |_, _| None,
};

fn name_count(
    look: &Look<'_>,
    row: usize,
    of: fn(&tracer_core::dns::figures::NameFigures) -> u64,
) -> Figure {
    let name = &look.snapshot().dns_names[row];
    let Some(mark) = look.mark else {
        return Figure::count(of(name));
    };
    let Some(before) = mark.names.get(&name.name).map(of) else {
        return Figure::count_if_known(None);
    };
    Figure {
        before: look.scale().map(|scale| before as f64 * scale),
        ..Figure::count(of(name).saturating_sub(before))
    }
}

fn name_time(look: &Look<'_>, row: usize, share: f64) -> Figure {
    let name = &look.snapshot().dns_names[row];
    let Some(mark) = look.mark else {
        return Figure::ns(name.answered.quantile(share));
    };
    let Some(before) = mark.names.get(&name.name) else {
        return Figure::ns(None);
    };
    let compared = Some(&before.answered).filter(|_| look.compares());
    let earlier = compared.and_then(|answered| answered.quantile(share));
    Figure {
        before: earlier.map(|ns| ns as f64),
        ..Figure::ns(name.answered.since(&before.answered).quantile(share))
    }
}

/// TIME_WAIT and local ports by destination.
pub(super) static PORTS: Table = Table {
    columns: &[
        label("to", "destination", 0, 0, |look, row| {
            Value::text(
                look.snapshot().time_wait.destinations[row]
                    .remote
                    .to_string(),
            )
        }),
        row("tw", "TIME_WAIT", 9, 1, |look, row| {
            Value::Figure(Figure::count(
                look.snapshot().time_wait.destinations[row].time_wait,
            ))
        }),
        row("ports", "ports", 7, 0, |look, row| {
            Value::Figure(Figure::count(
                look.snapshot().time_wait.destinations[row].ports_used,
            ))
        }),
        row("use", "of range", 9, 0, |look, row| {
            let ratio = look.snapshot().time_wait.destinations[row].ports_used_ratio;
            Value::Figure(Figure::new(ratio, Unit::Share))
        }),
        label("from", "source", 15, 3, |look, row| {
            Value::text(
                look.snapshot().time_wait.destinations[row]
                    .source
                    .to_string(),
            )
        }),
        label("netns", "namespace", 11, 3, |look, row| {
            Value::text(
                look.snapshot().time_wait.destinations[row]
                    .netns
                    .to_string(),
            )
        }),
    ],
    sort: 2,
    nothing: "no local port is in use toward any destination",
    rows: |snapshot| snapshot.time_wait.destinations.len(),
    group: None,
    shared: None,
    identity: |snapshot, row| {
        let destination = &snapshot.time_wait.destinations[row];
        hash((destination.netns, destination.source, destination.remote))
    },
    subject: |_, _| None,
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of percentiles are named by the key of their phase.
    #[test]
    fn percentiles_are_of_phases() {
        let columns = HOSTS.columns.iter().chain(PROCESSES.columns);
        let names = columns.filter_map(|column| column.key.split_once('.'));
        let mut count = 0;
        for (phase, percentile) in names {
            assert!(Phase::by_key(phase).is_some(), "{phase} is no phase");
            assert!(["p50", "p99"].contains(&percentile), "{percentile}");
            count += 1;
        }
        assert_eq!(count, 18);
    }
}
