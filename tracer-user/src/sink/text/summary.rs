//! The text summary, printed at the end.

use tracer_core::{
    finding::Finding,
    group::{ClosedBy, Connections, Group, Requests, tunnels::Tunnels},
    snapshot::Snapshot,
};
use tracer_text::{number, printable::printable};

use super::{
    findings::findings,
    lines::{named, number_of, paragraph},
    page::{page, percent},
    tables::{self, Paint},
    verdict::verdict,
};

/// Input of a summary.
pub(super) struct Summary<'a> {
    /// The figures.
    pub(super) snapshot: &'a Snapshot,
    /// Result of every rule.
    pub(super) findings: &'a [Finding],
    /// Target of the trace, in words.
    pub(super) target: String,
    /// Filter of the trace, in words; empty without one.
    pub(super) filter: String,
    /// Length of the trace, ns.
    pub(super) duration_ns: u64,
    /// Use colours.
    pub(super) color: bool,
}

/// Text of the whole summary, in 80 columns.
pub(super) fn summary(of: &Summary<'_>) -> String {
    let mut text = String::new();
    let (snapshot, paint) = (of.snapshot, Paint::new(of.color));
    verdict(&mut text, snapshot, &of.target, of.duration_ns, &paint);
    if snapshot.processes.is_empty() {
        super::lines::words(&mut text, "", 2, &printable(&nothing(snapshot, &of.filter)));
        return text;
    }
    page(&mut text, snapshot, &paint);
    text.push('\n');
    counts(&mut text, snapshot);
    tables::hosts(&mut text, &snapshot.hosts, &paint);
    tables::proxies(&mut text, &snapshot.proxies, &paint);
    tables::processes(&mut text, &snapshot.processes, &paint);
    findings(&mut text, of.findings, &paint);
    text
}

/// Sentence about a trace without connections: what the filter has left out, as far as that is known.
fn nothing(snapshot: &Snapshot, filter: &str) -> String {
    let left_out = &snapshot.left_out;
    if left_out.connections != 0 {
        let count = number_of(left_out.connections, "connection was", "connections were");
        let hosts: Vec<String> = left_out.hosts.iter().map(ToString::to_string).collect();
        let hosts = hosts.join(", ");
        return format!(
            "the filter ({filter}) let nothing through: {count} left out, among them to {hosts}"
        );
    }
    match filter.is_empty() {
        true => "no connection was made, and none was open".to_owned(),
        false => format!(
            "no connection was made that the filter ({filter}) lets through, and none was open"
        ),
    }
}

fn counts(text: &mut String, snapshot: &Snapshot) {
    let group = &snapshot.totals;
    connections(text, &group.connections);
    not_requests(text, &group.connections);
    requests(text, &group.requests);
    http2(text, group);
    failed(text, group);
    closed(text, &group.connections.closed_by);
    tunnels(text, &group.tunnels);
    tls(text, group);
    dns(text, group);
    let (entered, view) = (group.tcp.time_wait_entered, &snapshot.time_wait);
    let pieces = named(&[
        (entered, "entered"),
        (view.current, "now"),
        (view.peak, "at most"),
    ]);
    if !pieces.is_empty() {
        paragraph(text, "TIME_WAIT", &pieces);
    }
}

fn connections(text: &mut String, connections: &Connections) {
    let opened = connections.begun();
    let mut pieces = vec![format!("{} opened", number::count(opened))];
    pieces.extend(named(&[
        (connections.adopted, "open before the trace"),
        (connections.open_now, "open now"),
        (connections.connecting_now, "connecting now"),
    ]));
    if connections.peak_open != 0 {
        let most = number::count(connections.peak_open);
        pieces.push(format!("at most {most} open at once"));
    }
    pieces.push(match connections.never_used() {
        0 => "none never used".to_owned(),
        count => format!("{} never used", number::count(count)),
    });
    paragraph(text, "connections", &pieces);
}

fn requests(text: &mut String, requests: &Requests) {
    let mut pieces = vec![format!(
        "{} on {}",
        number::count(requests.count),
        number_of(requests.connections, "connection", "connections")
    )];
    if let Some(ratio) = requests.reuse_ratio() {
        pieces.push(format!("{} on a reused connection", percent(ratio)));
    }
    pieces.extend(named(&[
        (requests.in_flight_now, "in flight now"),
        (
            requests.aborted,
            "given up by the client before the response was complete",
        ),
        (requests.h2_turns, "turns of HTTP/2"),
    ]));
    paragraph(text, "requests", &pieces);
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

/// Adds a sentence to the paragraph when there is something to say.
fn also(text: &mut String, count: u64, words: &str) {
    if count != 0 {
        note(text, &format!("{count} {words}"));
    }
}

/// Adds a sentence to the paragraph before.
fn note(text: &mut String, sentence: &str) {
    let indent = " ".repeat(14);
    super::lines::words(text, &indent, 14, sentence);
}

/// Connections that carry no requests, so that nobody looks for any.
fn not_requests(text: &mut String, connections: &Connections) {
    let unread = match connections.dns_unread {
        0 => String::new(),
        unread => format!("; the lookups of {unread} of these are not known"),
    };
    also(
        text,
        connections.dns,
        &format!("to name servers, which count no requests{unread}"),
    );
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
    let reasons = named(&[
        (unknown.open_before, "were open before the trace"),
        (
            unknown.handshake,
            "had a handshake that could not be followed",
        ),
        (unknown.tunnel, "had a tunnel that could not be followed"),
        (unknown.tls_inside, "had TLS inside of TLS"),
    ]);
    if !reasons.is_empty() {
        let (total, reasons) = (unknown.total(), reasons.join(", "));
        note(
            text,
            &format!("of {total} the requests are NOT KNOWN: {reasons}"),
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
    let mut pieces = vec![format!(
        "{} on {}",
        number_of(group.requests.http2, "request", "requests"),
        number_of(connections, "connection", "connections")
    )];
    pieces.extend(named(&[
        (source.frames, "with frames read"),
        (source.inferred, "inferred"),
        (source.none, "not known"),
        (source.never_used, "never used"),
    ]));
    pieces.push(format!(
        "at most {} at once on one{limit}",
        http2.in_flight_peak
    ));
    pieces.extend(named(&[
        (http2.untimed, "answers without times"),
        (http2.refused, "refused"),
        (http2.reset_by_client, "reset by the client"),
        (http2.reset_by_server, "reset by the server"),
        (http2.goaway, "connections with GOAWAY"),
    ]));
    paragraph(text, "HTTP/2", &pieces);
    also(
        text,
        http2.at_least,
        "connections carried AT LEAST the requests that are counted: theirs are inferred",
    );
    let because = http2.none_because;
    let reasons = named(&[
        (because.no_library, "without a readable TLS library"),
        (because.attached_late, "attached too late"),
        (because.lost_sync, "where records and frames did not fit"),
    ]);
    if source.none != 0 {
        let (none, reasons) = (source.none, reasons.join(", "));
        note(
            text,
            &format!("of {none} connections the requests are NOT KNOWN: {reasons}"),
        );
    }
}

/// Everything that failed: how much by kind, and connects by reason.
fn failed(text: &mut String, group: &Group) {
    let kinds = group.failures_by_kind().into_iter();
    let kinds = kinds.filter(|(count, _)| *count != 0);
    let kinds: Vec<String> = kinds
        .map(|(count, many)| number_of(count, many.trim_end_matches('s'), many))
        .collect();
    if kinds.is_empty() {
        paragraph(text, "failed", &["none".to_owned()]);
        return;
    }
    paragraph(text, "failed", &kinds);
    let connects = group.connections.failed;
    because(
        text,
        "connects",
        &named(&[
            (connects.refused, "refused"),
            (connects.timed_out, "timed out"),
            (connects.reset, "reset"),
            (connects.unreachable, "unreachable"),
            (connects.other, "other"),
        ]),
    );
    let lookups = group.dns.failed;
    because(
        text,
        "lookups",
        &named(&[
            (lookups.nxdomain, "NXDOMAIN"),
            (lookups.servfail, "SERVFAIL"),
            (lookups.timeout, "not answered"),
            (lookups.other, "other"),
        ]),
    );
    let stale = number::count(group.requests.stale);
    if group.requests.stale != 0 {
        let why = "on a kept connection that the server closed in answer";
        because(text, "requests", &[format!("{stale} {why}")]);
    }
}

fn because(text: &mut String, what: &str, reasons: &[String]) {
    if !reasons.is_empty() {
        note(text, &format!("{what}: {}", reasons.join(", ")));
    }
}

fn closed(text: &mut String, closed: &ClosedBy) {
    let pieces = named(&[
        (closed.client, "by the client"),
        (closed.server, "by the server"),
        (closed.client_reset, "reset by the client"),
        (closed.server_reset, "reset by the server"),
        (closed.timeout, "timed out"),
        (closed.unknown, "in an unknown way"),
    ]);
    if !pieces.is_empty() {
        paragraph(text, "closed", &pieces);
    }
}

/// Tunnels through proxies, if a proxy was asked for one.
fn tunnels(text: &mut String, tunnels: &Tunnels) {
    if tunnels.total() == 0 {
        return;
    }
    let (kinds, failed) = (tunnels.by_kind, tunnels.failed);
    let by_kind = named(&[
        (kinds.connect, "CONNECT"),
        (kinds.socks4, "SOCKS 4"),
        (kinds.socks5, "SOCKS 5"),
    ]);
    let mut pieces = vec![match by_kind.is_empty() {
        true => format!("{} opened", tunnels.opened),
        false => format!("{} opened ({})", tunnels.opened, by_kind.join(", ")),
    }];
    pieces.extend(named(&[(tunnels.unknown, "unknown")]));
    paragraph(text, "tunnels", &pieces);
    because(
        text,
        "failed",
        &named(&[
            (failed.auth, "auth"),
            (failed.refused, "refused"),
            (failed.unreachable, "unreachable"),
            (failed.closed, "closed"),
            (failed.given_up, "given up"),
            (failed.other, "other"),
        ]),
    );
}

fn tls(text: &mut String, group: &Group) {
    let tls = &group.tls;
    let mut pieces = named(&[(tls.full, "full")]);
    if tls.full + tls.resumed != 0 {
        pieces.push(match tls.resumed {
            0 => "none resumed".to_owned(),
            count => format!("{} resumed", number::count(count)),
        });
    }
    pieces.extend(named(&[
        (tls.failed, "failed"),
        (tls.unfinished, "unfinished"),
        (tls.unknown, "unknown"),
        (tls.not_tls, "connections not TLS"),
    ]));
    if !pieces.is_empty() {
        paragraph(text, "tls", &pieces);
    }
}

fn dns(text: &mut String, group: &Group) {
    let dns = group.dns;
    if dns.queries == 0 {
        return;
    }
    let mut pieces = vec![number_of(dns.queries, "lookup", "lookups")];
    pieces.extend(named(&[
        (dns.answered, "answered"),
        (dns.failed.total(), "failed"),
        (dns.retries, "asked again without an answer"),
        (dns.repeated_within_ttl, "of a name whose answer still held"),
    ]));
    paragraph(text, "dns", &pieces);
}

#[cfg(test)]
mod tests;
