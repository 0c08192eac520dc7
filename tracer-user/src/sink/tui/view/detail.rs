//! One host or process: its phases, and what its connections were like.

use tracer_core::group::Group;

use super::{
    canvas::Canvas,
    phases::{self, Side},
};
use crate::sink::tui::{
    format,
    model::{
        Detail, Model,
        figure::Pair,
        keys::PHASES,
        layout::Area,
        look::{Look, Subject},
    },
    theme::Role,
};

/// The row of the first phase: below the name and the heads.
pub(super) const PHASES_BEGIN: usize = 2;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Area, model: &Model, detail: &Detail) {
    let look = model.look();
    let (name, more) = named(&look, &detail.subject);
    let taken = canvas.put(area.top(1), &name, Role::Title);
    canvas.put(area.top(1).right_of(taken + 2), &more, Role::Dim);
    let Some(pair) = look.subject(&detail.subject) else {
        canvas.put(
            area.below(1),
            "it has given way to others and has no figures any more",
            Role::Dim,
        );
        return;
    };
    let table = 1 + PHASES.len() as u16;
    let marked = look.mark.is_some();
    phases::draw(
        canvas,
        area.below(1).top(table),
        &pair,
        detail.cursor,
        &Side::Shape,
        marked,
    );
    facts(canvas, area.below(table + 2), &pair);
}

/// Its name, and what else is known of it.
fn named(look: &Look<'_>, subject: &Subject) -> (String, String) {
    let snapshot = look.snapshot();
    match subject {
        Subject::All => ("all connections".to_owned(), String::new()),
        Subject::Host(key) => {
            let host = snapshot.hosts.iter().find(|host| host.key == *key);
            let addresses = host.map_or(&[][..], |host| &host.addresses);
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let name = format!("{}:{}", key.host, key.port);
            (
                name,
                format!("({})  {}", key.source.as_str(), addresses.join(" ")),
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

/// Lines of what is not zero.
fn facts(canvas: &mut Canvas<'_>, area: Area, pair: &Pair<'_>) {
    let count = |of: fn(&Group) -> u64| pair.count(of).value.unwrap_or(0.0) as u64;
    let reuse = pair.reuse().value.map_or("-".to_owned(), format::share);
    let lines: [(&str, Vec<(&str, u64)>); 6] = [
        (
            "requests",
            vec![
                ("all", count(|g| g.requests.count)),
                ("connections used", count(|g| g.requests.connections)),
                ("failed", count(|g| g.requests.failed)),
                ("stale", count(|g| g.requests.stale)),
                ("aborted", count(|g| g.requests.aborted)),
                ("HTTP/2 turns", count(|g| g.requests.h2_turns)),
            ],
        ),
        (
            "connections",
            vec![
                ("opened", count(|g| g.connections.opened)),
                ("adopted", count(|g| g.connections.adopted)),
                ("open", pair.now().connections.open_now),
                ("never used", count(|g| g.connections.never_used)),
            ],
        ),
        (
            "failed",
            vec![
                ("refused", count(|g| g.connections.failed.refused)),
                ("timed out", count(|g| g.connections.failed.timed_out)),
                ("reset", count(|g| g.connections.failed.reset)),
                ("unreachable", count(|g| g.connections.failed.unreachable)),
                ("other", count(|g| g.connections.failed.other)),
            ],
        ),
        (
            "tls",
            vec![
                ("full", count(|g| g.tls.full)),
                ("resumed", count(|g| g.tls.resumed)),
                ("failed", count(|g| g.tls.failed)),
                ("not TLS", count(|g| g.tls.not_tls)),
                ("1.3", count(|g| g.tls.versions.v1_3)),
                ("1.2", count(|g| g.tls.versions.v1_2)),
                ("1.1", count(|g| g.tls.versions.v1_1)),
                ("1.0", count(|g| g.tls.versions.v1_0)),
            ],
        ),
        (
            "closed by",
            vec![
                ("client", count(|g| g.connections.closed_by.client)),
                ("server", count(|g| g.connections.closed_by.server)),
                (
                    "client RST",
                    count(|g| g.connections.closed_by.client_reset),
                ),
                (
                    "server RST",
                    count(|g| g.connections.closed_by.server_reset),
                ),
                ("timeout", count(|g| g.connections.closed_by.timeout)),
                ("unknown", count(|g| g.connections.closed_by.unknown)),
            ],
        ),
        (
            "tcp",
            vec![
                ("retransmits", count(|g| g.tcp.retransmits)),
                ("SYN again", count(|g| g.tcp.syn_retransmits)),
                ("TIME_WAIT", count(|g| g.tcp.time_wait_entered)),
            ],
        ),
    ];
    for (at, (name, counts)) in lines.iter().enumerate() {
        let line = area.below(at as u16).top(1);
        if line.height == 0 {
            return;
        }
        canvas.put(line.left(12), name, Role::Head);
        let end = fact_line(canvas, line.right_of(12), counts);
        let extra = match *name {
            "requests" => format!("reuse {reuse}"),
            "tcp" => bytes(pair),
            _ => continue,
        };
        canvas.put(line.right_of(12 + end), &extra, Role::Text);
    }
}

fn bytes(pair: &Pair<'_>) -> String {
    let count = |of: fn(&Group) -> u64| pair.count(of).value.unwrap_or(0.0) as u64;
    format!(
        "sent {}  received {}",
        format::bytes(count(|g| g.tcp.bytes_sent)),
        format::bytes(count(|g| g.tcp.bytes_received))
    )
}

/// The counts that are not zero, or a dash; the columns they took.
fn fact_line(canvas: &mut Canvas<'_>, line: Area, counts: &[(&str, u64)]) -> u16 {
    let mut x = 0;
    for (name, value) in counts.iter().filter(|(_, value)| *value != 0) {
        let value = format::count(*value);
        let place = line.right_of(x);
        x += canvas.line(
            place,
            &[(&value, Role::Text), (" ", Role::Dim), (name, Role::Dim)],
        ) + 2;
    }
    if x == 0 {
        x = canvas.put(line, "-", Role::Dim) + 2;
    }
    x
}
