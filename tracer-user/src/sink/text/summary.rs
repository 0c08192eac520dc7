//! The text summary, printed at the end.

use std::fmt::Write;

use tracer_core::{
    finding::Finding,
    group::{Connections, Group, Requests, tunnels::Tunnels},
    phase::Phase,
    snapshot::{Events, Snapshot},
};
use tracer_text::number;

use super::{
    findings::findings,
    tables::{self, Paint},
};

/// The whole summary; `duration_ns` is the length of the trace.
pub(crate) fn summary(
    snapshot: &Snapshot,
    judged: &[Finding],
    duration_ns: u64,
    color: bool,
) -> String {
    let mut text = String::new();
    let paint = Paint::new(color);
    head(&mut text, snapshot, duration_ns, &paint);
    if snapshot.processes.is_empty() {
        text.push_str("no connection was made, and none was open\n");
        return text;
    }
    phases(&mut text, &snapshot.totals, &paint);
    counts(&mut text, snapshot);
    tables::hosts(&mut text, &snapshot.hosts, &paint);
    tables::proxies(&mut text, &snapshot.proxies, &paint);
    tables::processes(&mut text, &snapshot.processes, &paint);
    findings(&mut text, judged, &paint);
    text
}

fn head(text: &mut String, snapshot: &Snapshot, duration_ns: u64, paint: &Paint) {
    let events = &snapshot.events;
    let losses = match events.losses() {
        0 => format!("nothing lost{}", totals_only(snapshot)),
        _ => paint.alarm(&format!("LOST: {}", lost(events))),
    };
    let _ = writeln!(
        text,
        "{}  {}, {} records, {losses}",
        paint.bold("tracer"),
        number::time(duration_ns as f64),
        events.received
    );
}

/// Losses by kind, with their numbers.
fn lost(events: &Events) -> String {
    let mut parts = Vec::new();
    if events.lost + events.undecodable + events.map_full + events.evicted != 0 {
        parts.push(format!(
            "{} records, {} undecodable, {} map full, {} evicted",
            events.lost, events.undecodable, events.map_full, events.evicted
        ));
    }
    if events.not_recorded != 0 {
        parts.push(format!("{} not recorded", events.not_recorded));
    }
    if events.negative_durations != 0 {
        let count = events.negative_durations;
        parts.push(format!("{count} durations that end before they begin"));
    }
    parts.join(", ")
}

/// Remark on connections and records that are counted in the totals but in no host or process.
fn totals_only(snapshot: &Snapshot) -> String {
    let named = |count, what| (count != 0).then(|| format!("{count} {what}"));
    let parts: Vec<String> = [
        named(snapshot.events.overflowed, "records"),
        named(snapshot.hosts_folded, "hosts"),
        named(snapshot.processes_folded, "processes"),
    ]
    .into_iter()
    .flatten()
    .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(" ({} in the totals only)", parts.join(", ")),
    }
}

fn phases(text: &mut String, group: &Group, paint: &Paint) {
    let header = format!(
        "{:<16}{:>9}{:>10}{:>10}{:>10}{:>10}",
        "phase", "count", "p50", "p90", "p99", "max"
    );
    let _ = writeln!(text, "\n{}", paint.bold(&header));
    for phase in Phase::IN_SUMMARY {
        let latency = group.phases.get(phase);
        if latency.count() != 0 {
            let s = latency.summary();
            let _ = writeln!(
                text,
                "{:<16}{:>9}{:>10}{:>10}{:>10}{:>10}",
                phase.title(),
                s.count,
                number::time(s.p50_ns as f64),
                number::time(s.p90_ns as f64),
                number::time(s.p99_ns as f64),
                number::time(s.max_ns as f64)
            );
        }
    }
}

fn requests(text: &mut String, requests: &Requests) {
    let reuse = requests.reuse_ratio().map_or_else(String::new, |ratio| {
        format!(", {:.1} % on a reused connection", ratio * 100.0)
    });
    let _ = writeln!(
        text,
        "requests      {} on {} connections{reuse}, {} failed, {} in flight (at most {} at once), {} turns of HTTP/2",
        requests.count,
        requests.connections,
        requests.failed,
        requests.in_flight_now,
        requests.in_flight.peak().max(requests.in_flight_now),
        requests.h2_turns
    );
    if let Some(ratio) = requests.pickup_cpu_ratio() {
        let _ = writeln!(
            text,
            "              {} responses waited 1 ms or more for the client; of {} it is known that {:.0} % of that time its thread waited for a CPU",
            requests.slow_pickups,
            requests.slow_pickups_measured,
            ratio * 100.0
        );
    }
    also(
        text,
        requests.pickups_unseen,
        "responses came on MPTCP sockets, whose reads are NOT SEEN: no pickup",
    );
    also(
        text,
        requests.inferred,
        "are INFERRED: only the lengths of records tell them",
    );
    also(
        text,
        requests.first_unknown,
        "first responses could not be told from session tickets: no ttfb, transfer, pickup",
    );
}

/// Adds a line to the paragraph when there is something to say.
fn also(text: &mut String, count: u64, words: &str) {
    if count != 0 {
        let _ = writeln!(text, "              {count} {words}");
    }
}

/// Connections that carry no requests, so that nobody looks for any.
fn not_requests(text: &mut String, connections: &Connections) {
    if connections.dns != 0 {
        let unread = match connections.dns_unread {
            0 => String::new(),
            unread => format!("; the lookups of {unread} of these are not known"),
        };
        let _ = writeln!(
            text,
            "              {} to name servers, which count no requests{unread}",
            connections.dns
        );
    }
    also(
        text,
        connections.other_protocol,
        "carried another protocol than HTTP: no requests",
    );
    also(
        text,
        connections.upgraded,
        "were upgraded (101 Switching Protocols): what followed is no HTTP",
    );
    also(
        text,
        connections.one_way,
        "were one-way: what the client sent was never answered, so it counts no requests",
    );
    let unknown = connections.requests_unknown;
    if unknown.total() != 0 {
        let _ = writeln!(
            text,
            "              of {} the requests are NOT KNOWN: {} were open before the trace, {} with a handshake and {} with a tunnel that could not be followed, {} with TLS inside of TLS",
            unknown.total(),
            unknown.open_before,
            unknown.handshake,
            unknown.tunnel,
            unknown.tls_inside
        );
    }
    also(
        text,
        connections.unwatched,
        "NOT SEEN, made by processes that left their cgroup: their handshakes, requests and lookups are missing",
    );
}

/// Connections that speak HTTP/2, if there are any.
fn http2(text: &mut String, group: &Group) {
    let (http2, connections) = (&group.http2, group.connections.http2);
    if connections == 0 {
        return;
    }
    let source = http2.source;
    let limit = http2
        .max_concurrent_streams
        .map_or_else(String::new, |limit| {
            format!(" of {limit} that a server allows")
        });
    let unused = match source.never_used {
        0 => String::new(),
        count => format!(", {count} never used"),
    };
    let _ = writeln!(
        text,
        "HTTP/2        {} requests on {connections} connections: {} with frames read, {} inferred, {} not known{unused}; at most {} at once on one{limit}",
        group.requests.http2, source.frames, source.inferred, source.none, http2.in_flight_peak
    );
    let failed = http2.refused + http2.reset_by_client + http2.reset_by_server;
    if failed + http2.goaway != 0 {
        let _ = writeln!(
            text,
            "              {} refused, {} reset by the client, {} by the server, GOAWAY on {} connections",
            http2.refused, http2.reset_by_client, http2.reset_by_server, http2.goaway
        );
    }
    also(
        text,
        http2.at_least,
        "connections carried AT LEAST the requests that are counted: theirs are inferred",
    );
    let because = http2.none_because;
    if source.none != 0 {
        let _ = writeln!(
            text,
            "              of {} connections the requests are NOT KNOWN: {} without a readable TLS library, {} attached too late, {} where records and frames did not fit",
            source.none, because.no_library, because.attached_late, because.lost_sync
        );
    }
}

/// Tunnels through proxies, if a proxy was asked for one.
fn tunnels(text: &mut String, tunnels: &Tunnels) {
    if tunnels.total() == 0 {
        return;
    }
    let (kinds, failed) = (tunnels.by_kind, tunnels.failed);
    let _ = writeln!(
        text,
        "tunnels       {} opened ({} CONNECT, {} SOCKS 4, {} SOCKS 5), {} unknown",
        tunnels.opened, kinds.connect, kinds.socks4, kinds.socks5, tunnels.unknown
    );
    if failed.total() != 0 {
        let _ = writeln!(
            text,
            "              failed: {} auth, {} refused, {} unreachable, {} closed, {} other",
            failed.auth, failed.refused, failed.unreachable, failed.closed, failed.other
        );
    }
}

fn counts(text: &mut String, snapshot: &Snapshot) {
    let group = &snapshot.totals;
    let (connections, tls, closed) = (&group.connections, &group.tls, &group.connections.closed_by);
    let failed = connections.failed;
    let _ = writeln!(
        text,
        "\nconnections   {} opened, {} established, {} adopted, {} open now (peak {}), {} connecting",
        connections.opened + connections.connecting_now,
        connections.established,
        connections.adopted,
        connections.open_now,
        connections.peak_open,
        connections.connecting_now
    );
    not_requests(text, connections);
    requests(text, &group.requests);
    http2(text, group);
    let _ = writeln!(
        text,
        "failed        {} refused, {} timed out, {} reset, {} unreachable, {} other",
        failed.refused, failed.timed_out, failed.reset, failed.unreachable, failed.other
    );
    let _ = writeln!(
        text,
        "closed by     {} client, {} server, {} client RST, {} server RST, {} timeout, {} unknown",
        closed.client,
        closed.server,
        closed.client_reset,
        closed.server_reset,
        closed.timeout,
        closed.unknown
    );
    tunnels(text, &group.tunnels);
    let _ = writeln!(
        text,
        "tls           {} full, {} resumed, {} failed, {} unfinished, {} unknown, {} connections not TLS",
        tls.full, tls.resumed, tls.failed, tls.unfinished, tls.unknown, tls.not_tls
    );
    let dns = group.dns;
    if dns.queries != 0 {
        let _ = writeln!(
            text,
            "dns           {} lookups, {} answered, {} NXDOMAIN, {} SERVFAIL, {} timeout, {} other; {} retries, {} again within TTL",
            dns.queries,
            dns.answered,
            dns.failed.nxdomain,
            dns.failed.servfail,
            dns.failed.timeout,
            dns.failed.other,
            dns.retries,
            dns.repeated_within_ttl
        );
    }
    let _ = writeln!(
        text,
        "TIME_WAIT     {} entered, {} now, peak {}",
        group.tcp.time_wait_entered, snapshot.time_wait.current, snapshot.time_wait.peak
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_is_named() {
        #[track_caller]
        fn check(change: fn(&mut Events), expected: &str) {
            let mut snapshot = Snapshot::default();
            change(&mut snapshot.events);
            let text = summary(&snapshot, &[], 0, false);
            assert!(text.contains(expected), "{text}");
            assert_eq!(text.contains("nothing lost"), expected == "nothing lost");
        }
        check(|_| {}, "nothing lost");
        check(|events| events.overflowed = 3, "nothing lost");
        check(
            |events| events.lost = 2,
            "LOST: 2 records, 0 undecodable, 0 map full, 0 evicted",
        );
        check(|events| events.not_recorded = 4, "LOST: 4 not recorded");
        check(
            |events| events.negative_durations = 5,
            "LOST: 5 durations that end before they begin",
        );
        check(
            |events| (events.evicted, events.negative_durations) = (1, 5),
            "1 evicted, 5 durations that end before they begin",
        );
    }

    #[test]
    fn tunnels_have_a_line_when_there_were_any() {
        let mut all = Tunnels::default();
        let mut text = String::new();
        tunnels(&mut text, &all);
        assert_eq!(text, "");
        all.opened = 3;
        (all.by_kind.connect, all.by_kind.socks5) = (2, 1);
        tunnels(&mut text, &all);
        let opened = "tunnels       3 opened (2 CONNECT, 0 SOCKS 4, 1 SOCKS 5), 0 unknown\n";
        assert_eq!(text, opened);
        (all.failed.auth, all.failed.closed) = (4, 5);
        text.clear();
        tunnels(&mut text, &all);
        let failed = "              failed: 4 auth, 0 refused, 0 unreachable, 5 closed, 0 other\n";
        assert_eq!(text, format!("{opened}{failed}"));
    }
}
