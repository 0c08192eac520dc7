//! View of a host or process: its phases, and facts about its connections.

use tracer_core::{group::Group, host::Host, phase::Phase};

use tracer_text::number;

use super::{
    canvas::Canvas,
    phases::{self, Side},
};
use crate::tui::{
    model::{
        Detail, Model,
        figure::Pair,
        layout::Area,
        look::{Look, Subject},
        phases::DETAIL_ROWS_ABOVE,
    },
    theme::Role,
};

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Area, model: &Model, detail: &Detail) {
    let look = model.look();
    let (name, more) = named(&look, &detail.subject);
    let taken = canvas.put(area.top(1), &name, Role::Title);
    canvas.put(area.top(1).right_of(taken + 2), &more, Role::Dim);
    let Some(pair) = look.subject(&detail.subject) else {
        let text = match model.origin.is_window() {
            true => "not known here: it was not among the busiest of each five seconds",
            false => "it has given way to others and has no figures any more",
        };
        canvas.put(area.below(1), text, Role::Dim);
        return;
    };
    let table = 1 + Phase::ON_SCREEN.len() as u16;
    let marked = look.compares();
    phases::draw(
        canvas,
        area.below(DETAIL_ROWS_ABOVE).top(table),
        &pair,
        detail.cursor,
        &Side::Shape,
        marked,
    );
    facts(canvas, area.below(table + 2), &pair);
}

/// Name of a subject, and further details about it.
fn named(look: &Look<'_>, subject: &Subject) -> (String, String) {
    let snapshot = look.snapshot();
    match subject {
        Subject::All => ("all connections".to_owned(), String::new()),
        Subject::Host(key) | Subject::Proxy(key) => {
            let all = match subject {
                Subject::Proxy(_) => &snapshot.proxies,
                _ => &snapshot.hosts,
            };
            let host = all.iter().find(|host| host.key == *key);
            let addresses = host.map_or(&[][..], |host| &host.addresses);
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let name = format!("{}:{}", key.host, key.port);
            let via = host.map_or_else(String::new, via);
            (
                name,
                format!("({})  {}{via}", key.source.as_str(), addresses.join(" ")),
            )
        }
        Subject::Process(pid, comm) => {
            let mut all = snapshot.processes.iter();
            let process = all.find(|one| one.pid == *pid && one.comm == *comm);
            let exe = process.and_then(|process| process.exe.as_deref());
            (format!("{comm} {pid}"), exe.unwrap_or_default().to_owned())
        }
    }
}

/// Proxies on the way to a host, as a part of a line.
fn via(host: &Host) -> String {
    match host.via.proxies.is_empty() {
        true => String::new(),
        false => format!("  via {}", host.via),
    }
}

/// Name of a count, and the function that reads it.
type Fact = (&'static str, fn(&Group) -> u64);

/// Name of the line that is not always there.
const HTTP_2: &str = "HTTP/2";
/// Name of a peak, which is that of the whole time also after a mark and in a window.
const MOST_AT_ONCE: &str = "most at once";

/// Name of the line of closed connections by the number of requests that they carried.
const PER_CONNECTION: &str = "per conn.";

const FACTS: [(&str, &[Fact]); 9] = [
    (
        "requests",
        &[
            ("all", |g| g.requests.count),
            ("connections used", |g| g.requests.connections),
            ("inferred", |g| g.requests.inferred),
            ("failed", |g| g.requests.failed),
            ("stale", |g| g.requests.stale),
            ("aborted", |g| g.requests.aborted),
            ("HTTP/2 turns", |g| g.requests.h2_turns),
            ("pickups not seen", |g| g.requests.pickups_unseen),
        ],
    ),
    (
        "connections",
        &[
            ("opened", |g| g.connections.opened),
            ("adopted", |g| g.connections.adopted),
            ("established", |g| g.connections.established),
            ("never used", |g| g.connections.never_used()),
            ("to name servers", |g| g.connections.dns),
            ("lookups unknown", |g| g.connections.dns_unread),
            ("not seen", |g| g.connections.unwatched),
            ("other protocol", |g| g.connections.other_protocol),
            ("upgraded", |g| g.connections.upgraded),
            ("one-way", |g| g.connections.one_way),
            ("requests unknown", |g| {
                g.connections.requests_unknown.total()
            }),
        ],
    ),
    (
        HTTP_2,
        &[
            ("connections", |g| g.connections.http2),
            ("requests", |g| g.requests.http2),
            ("with frames", |g| g.http2.source.frames),
            ("inferred", |g| g.http2.source.inferred),
            ("at least", |g| g.http2.at_least),
            ("unknown", |g| g.http2.source.none),
            ("never used", |g| g.http2.source.never_used),
            (MOST_AT_ONCE, |g| g.http2.in_flight_peak),
            ("refused", |g| g.http2.refused),
            ("reset", |g| {
                g.http2.reset_by_client + g.http2.reset_by_server
            }),
            ("GOAWAY", |g| g.http2.goaway),
            ("untimed", |g| g.http2.untimed),
        ],
    ),
    (
        "failed",
        &[
            ("refused", |g| g.connections.failed.refused),
            ("timed out", |g| g.connections.failed.timed_out),
            ("reset", |g| g.connections.failed.reset),
            ("unreachable", |g| g.connections.failed.unreachable),
            ("other", |g| g.connections.failed.other),
        ],
    ),
    (
        "tunnels",
        &[
            ("CONNECT", |g| g.tunnels.by_kind.connect),
            ("SOCKS 4", |g| g.tunnels.by_kind.socks4),
            ("SOCKS 5", |g| g.tunnels.by_kind.socks5),
            ("auth failed", |g| g.tunnels.failed.auth),
            ("refused", |g| g.tunnels.failed.refused),
            ("unreachable", |g| g.tunnels.failed.unreachable),
            ("closed", |g| g.tunnels.failed.closed),
            ("given up", |g| g.tunnels.failed.given_up),
            ("other", |g| g.tunnels.failed.other),
            ("unknown", |g| g.tunnels.unknown),
        ],
    ),
    (
        "tls",
        &[
            ("full", |g| g.tls.full),
            ("resumed", |g| g.tls.resumed),
            ("failed", |g| g.tls.failed),
            ("not TLS", |g| g.tls.not_tls),
            ("1.3", |g| g.tls.versions.v1_3),
            ("1.2", |g| g.tls.versions.v1_2),
            ("1.1", |g| g.tls.versions.v1_1),
            ("1.0", |g| g.tls.versions.v1_0),
        ],
    ),
    (
        "closed by",
        &[
            ("client", |g| g.connections.closed_by.client),
            ("server", |g| g.connections.closed_by.server),
            ("client RST", |g| g.connections.closed_by.client_reset),
            ("server RST", |g| g.connections.closed_by.server_reset),
            ("timeout", |g| g.connections.closed_by.timeout),
            ("unknown", |g| g.connections.closed_by.unknown),
        ],
    ),
    (
        "tcp",
        &[
            ("retransmits", |g| g.tcp.retransmits),
            ("SYN again", |g| g.tcp.syn_retransmits),
            ("lost to us", |g| g.tcp.segments_lost_in),
            ("TIME_WAIT", |g| g.tcp.time_wait_entered),
        ],
    ),
    (
        PER_CONNECTION,
        &[
            ("one", |g| per_connection(g, 0)),
            ("two", |g| per_connection(g, 1)),
            ("to 4", |g| per_connection(g, 2)),
            ("to 8", |g| per_connection(g, 3)),
            ("to 16", |g| per_connection(g, 4)),
            ("to 32", |g| per_connection(g, 5)),
            ("to 64", |g| per_connection(g, 6)),
            ("to 128", |g| per_connection(g, 7)),
            ("to 256", |g| per_connection(g, 8)),
            ("to 512", |g| per_connection(g, 9)),
            ("to 1024", |g| per_connection(g, 10)),
            ("more", |g| per_connection(g, 11)),
        ],
    ),
];

/// Closed connections in a range of requests.
fn per_connection(group: &Group, range: usize) -> u64 {
    let counts = &group.requests.per_connection.counts;
    counts.get(range).copied().map_or(0, u64::from)
}

/// Lines of the counts that are not zero. The line of HTTP/2 is there when something speaks it, and that of requests per
/// connection when one has closed.
fn facts(canvas: &mut Canvas<'_>, area: Area, pair: &Pair<'_>) {
    let has_http2 = pair.now().connections.http2 != 0;
    let has_closed = pair.now().requests.per_connection.total() != 0;
    let shown = FACTS.into_iter().filter(|(name, _)| match *name {
        HTTP_2 => has_http2,
        PER_CONNECTION => has_closed,
        _ => true,
    });
    for (at, (name, facts)) in shown.enumerate() {
        let line = area.below(at as u16).top(1);
        if line.height == 0 {
            return;
        }
        canvas.put(line.left(12), name, Role::Head);
        let end = fact_line(canvas, line.right_of(12), pair, facts);
        let more = match name {
            "requests" => format!(
                "reuse {}",
                pair.reuse().value.map_or("-".to_owned(), number::share)
            ),
            "connections" => format!("open {}", pair.now().connections.open_now),
            "tcp" => bytes(pair),
            _ => continue,
        };
        canvas.put(line.right_of(12 + end), &more, Role::Text);
    }
}

/// Payload bytes of closed and open connections. Without a pass over the sockets only those of closed ones are known.
fn bytes(pair: &Pair<'_>) -> String {
    let count = |of: fn(&Group) -> u64| pair.count(of).value.unwrap_or(0.0) as u64;
    let now = pair.now();
    let (sent, received) = (now.tcp.open_bytes_sent, now.tcp.open_bytes_received);
    let open = match (now.connections.open_now, sent + received) {
        (0, _) => String::new(),
        (_, 0) => "  after close".to_owned(),
        _ => format!(
            "  open ones {} and {}",
            number::short_bytes(sent),
            number::short_bytes(received)
        ),
    };
    format!(
        "sent {}  received {}{open}",
        number::short_bytes(count(|g| g.tcp.bytes_sent)),
        number::short_bytes(count(|g| g.tcp.bytes_received))
    )
}

/// Draws the counts that are not zero, or a dash; returns the columns they took.
fn fact_line(canvas: &mut Canvas<'_>, line: Area, pair: &Pair<'_>, facts: &[Fact]) -> u16 {
    let mut x = 0;
    for (name, of) in facts {
        let value = match *name {
            MOST_AT_ONCE => pair.level(of).value,
            _ => pair.count(of).value,
        };
        let value = value.unwrap_or(0.0);
        if value > 0.0 {
            let value = number::short_count(value as u64);
            let pieces = [
                (value.as_str(), Role::Text),
                (" ", Role::Dim),
                (*name, Role::Dim),
            ];
            x += canvas.line(line.right_of(x), &pieces) + 2;
        }
    }
    if x == 0 {
        x = canvas.put(line, "-", Role::Dim) + 2;
    }
    x
}
