//! Counts of the totals: connections, requests, handshakes, packets, lookups.

use maud::{Markup, html};
use tracer_export::{ClosedBy, Dns, Export, FailedConnects, FailedTunnels, Http2, Requests, Tls};

use super::cell::{bytes, cell, count, figures, more, name, numbers, share, table, time, words};

/// Limit of the names that are listed.
const NAMES: usize = 50;

/// Figure by its name.
type Line = (&'static str, Option<u64>);
/// Text of a figure by its name.
type Text = (&'static str, String);

/// Lists about connections and what they carried.
pub(super) fn connections(export: &Export) -> Option<Markup> {
    let totals = &export.totals;
    Some(html! {
        div.lists {
            (figures("Connections", &opened(export)))
            (figures("Connects that failed", &failed(&totals.connections.failed)))
            (figures("Closed by", &closed(&totals.connections.closed_by)))
            (figures("Requests", &requests(&totals.requests)))
            (figures("TLS handshakes", &tls(&totals.tls)))
            (figures("TCP", &tcp(export)))
            (figures("HTTP/2", &http2(&totals.http2)))
            (figures("Tunnels", &tunnels(export)))
            (figures("CPU of the command", &cpu(export)))
        }
    })
}

/// Lines that are always shown: what was not measured is a dash.
fn always<const N: usize>(lines: [Line; N]) -> Vec<Text> {
    lines.map(|(what, figure)| (what, count(figure))).into()
}

/// Lines that are shown when there is something to count.
fn rare<const N: usize>(lines: [Line; N]) -> Vec<Text> {
    let some = lines.into_iter();
    let some = some.filter(|(_, figure)| figure.is_some_and(|figure| figure > 0));
    some.map(|(what, figure)| (what, count(figure))).collect()
}

fn opened(export: &Export) -> Vec<Text> {
    let of = &export.totals.connections;
    let mut lines = always([
        ("opened", of.opened),
        ("established", of.established),
        ("failed", of.failed.total()),
        ("open at once, at most", of.peak_open),
        ("open at the end", of.open_now),
        ("never used", of.never_used),
    ]);
    lines.extend(rare([
        ("open before the trace", of.adopted),
        ("begin not reported", of.opens_lost),
        ("end not reported", of.closes_lost),
        ("to name servers", of.dns),
        ("packets not watched", of.unwatched),
        ("another protocol", of.other_protocol),
        ("protocol switched", of.upgraded),
        ("messages without answers", of.one_way),
        ("in CLOSE_WAIT for 10 s, at most", of.close_wait_peak),
        (
            "requests unknown: open before",
            of.requests_unknown.open_before,
        ),
        ("requests unknown: handshake", of.requests_unknown.handshake),
        ("requests unknown: tunnel", of.requests_unknown.tunnel),
        (
            "requests unknown: TLS inside",
            of.requests_unknown.tls_inside,
        ),
    ]));
    lines
}

fn failed(of: &FailedConnects) -> Vec<Text> {
    rare([
        ("refused", of.refused),
        ("timed out", of.timed_out),
        ("reset", of.reset),
        ("unreachable", of.unreachable),
        ("other", of.other),
    ])
}

fn closed(of: &ClosedBy) -> Vec<Text> {
    rare([
        ("client", of.client),
        ("server", of.server),
        ("client, by reset", of.client_reset),
        ("server, by reset", of.server_reset),
        ("timeout", of.timeout),
        ("unknown", of.unknown),
    ])
}

fn requests(of: &Requests) -> Vec<Text> {
    let mut lines = always([
        ("requests", of.count),
        ("connections that carried one", of.connections),
    ]);
    lines.push(("on a reused connection", share(of.reuse_ratio)));
    lines.extend(always([
        ("failed", of.failed),
        ("at once, at most", of.in_flight_peak),
    ]));
    lines.extend(rare([
        ("over HTTP/2", of.by_protocol.http2),
        ("failed on a reused connection", of.stale),
        ("given up by the client", of.aborted),
        ("cut short by the client", of.cut_short),
        ("read late, 1 ms or more", of.slow_pickups),
        ("told by lengths alone", of.inferred),
    ]));
    let cpu = of.pickup_cpu_ratio.map(|ratio| share(Some(ratio)));
    lines.extend(cpu.map(|cpu| ("late reads that waited for a CPU", cpu)));
    lines
}

fn tls(of: &Tls) -> Vec<Text> {
    let mut lines = always([
        ("full", of.full),
        ("resumed", of.resumed),
        ("failed", of.failed),
    ]);
    lines.extend(rare([
        ("unfinished", of.unfinished),
        ("not seen whole", of.unknown),
        ("no TLS", of.not_tls),
        ("with a HelloRetryRequest", of.hello_retry_requests),
        ("TLS 1.0", of.versions.v1_0),
        ("TLS 1.1", of.versions.v1_1),
        ("TLS 1.2", of.versions.v1_2),
        ("TLS 1.3", of.versions.v1_3),
    ]));
    lines
}

fn tcp(export: &Export) -> Vec<Text> {
    let of = &export.totals.tcp;
    // 0 means that no closed connection had a round trip.
    let round_trip = of.srtt_ns.filter(|ns| *ns > 0);
    let mut lines = always([
        ("segments sent again", of.retransmits),
        ("SYN sent again", of.syn_retransmits),
    ]);
    lines.push(("bytes sent", bytes(of.bytes_sent)));
    lines.push(("bytes received", bytes(of.bytes_received)));
    lines.push(("round trip, median", time(round_trip)));
    lines
}

fn http2(of: &Http2) -> Vec<Text> {
    rare([
        ("connections", of.connections),
        ("streams", of.streams),
        ("streams at once, at most", of.in_flight_peak),
        ("streams allowed, at least", of.max_concurrent_streams),
        ("refused", of.refused),
        ("reset by the client", of.reset_by_client),
        ("reset by the server", of.reset_by_server),
        ("connections with GOAWAY", of.goaway),
        ("connections read by frames", of.source.frames),
        ("connections told by lengths", of.source.inferred),
        ("connections not known", of.source.none),
    ])
}

fn tunnels(export: &Export) -> Vec<Text> {
    let of = &export.totals.tunnels;
    let FailedTunnels {
        auth,
        refused,
        unreachable,
        closed,
        given_up,
        other,
    } = of.failed;
    rare([
        ("opened", of.opened),
        ("credentials refused", auth),
        ("refused", refused),
        ("unreachable", unreachable),
        ("closed", closed),
        ("given up", given_up),
        ("failed otherwise", other),
        ("not followed", of.unknown),
    ])
}

fn cpu(export: &Export) -> Vec<Text> {
    let Some(cpu) = export.command_cpu else {
        return Vec::new();
    };
    vec![("user", time(cpu.user_ns)), ("system", time(cpu.system_ns))]
}

/// Counts of lookups, and the names that were asked most.
pub(super) fn dns(export: &Export) -> Option<Markup> {
    let names = export.dns_names.as_deref().unwrap_or_default();
    let columns = [
        words("name"),
        numbers("lookups"),
        numbers("failed"),
        numbers("p50"),
    ];
    let rows = names.iter().take(NAMES).map(|it| {
        vec![
            html! { span.name { (name(&it.name)) } },
            cell(count(it.queries)),
            cell(count(it.failures)),
            cell(time(it.p50_ns)),
        ]
    });
    let rows: Vec<Vec<Markup>> = rows.collect();
    Some(html! {
        div.lists { (figures("Lookups", &lookups(&export.totals.dns))) }
        @if !rows.is_empty() {
            (table("Names that were asked most", &columns, &rows))
            (more(names.len(), NAMES))
        }
    })
}

fn lookups(of: &Dns) -> Vec<Text> {
    let mut lines = always([
        ("lookups", of.queries),
        ("answered", of.answered),
        ("failed", of.failed.total()),
        (
            "asked again before the TTL was over",
            of.repeated_within_ttl,
        ),
    ]);
    lines.extend(rare([
        ("name does not exist", of.failed.nxdomain),
        ("server failed", of.failed.servfail),
        ("no answer in time", of.failed.timeout),
        ("other errors", of.failed.other),
        ("queries sent again", of.retries),
        ("truncated, asked over TCP", of.truncated),
    ]));
    lines
}
