//! Connects that succeed and connects that fail, by reason, family and way of waiting.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use anyhow::{Context, Result, ensure};
use tracer_export::Phase;
use tracer_tests::capture::Capture;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::export::Export;
use tracer_tests::figure;
use tracer_tests::link::{Link, Mischief, SERVER};
use tracer_tests::namespace::Namespace;
use tracer_tests::process::{PATIENCE, wait_for};
use tracer_tests::server::{Threaded, answer, reset};
use tracer_tests::tracer::run;
use tracer_tests::{port, sockets, wire};

/// Run of `connects.py`, and its expected results.
struct Row<'a> {
    mode: &'a str,
    count: u64,
    /// Hosts and ports in turn.
    targets: &'a [&'a str],
    namespace: Option<&'a Namespace>,
    /// Number of times that the client saw an errno, or `ok`.
    outcomes: &'a [(&'a str, u64)],
    /// Comparison of the totals.
    totals: fn(&Export, &mut Differences),
}

fn check(row: &Row) -> Result<()> {
    let count = row.count.to_string();
    let arguments: Vec<&str> = [row.mode, &count]
        .iter()
        .chain(row.targets)
        .copied()
        .collect();
    let mut client = Client::python("connects.py", &arguments)?;
    if let Some(namespace) = row.namespace {
        client = client.inside(namespace);
    }
    let traced = run(&client)?;
    let mut differences = Differences::of(format!("{} {:?}", row.mode, row.targets));
    let said = traced.client_count()?;
    for (outcome, count) in row.outcomes {
        differences.equal(outcome, said[outcome].as_u64(), Some(*count));
    }
    let export = &traced.export;
    (row.totals)(export, &mut differences);
    if let Some(namespace) = row.namespace {
        // Nobody else is in there: the kernel's own count is this client's.
        let retransmits = namespace.run(sockets::syn_retransmits)?;
        compare!(
            &mut differences,
            export,
            totals.tcp.syn_retransmits = retransmits,
        );
    }
    let failed = export.totals.connections.failed.total();
    let failed = failed.context("no failed connects")?;
    let established = figure!(export, totals.connections.established)?;
    compare!(
        &mut differences,
        export,
        totals.connections.opened = established + failed,
    );
    let phases = [
        (Phase::Connect, established),
        (Phase::ConnectFailed, failed),
    ];
    export.compare_phases(&phases, &mut differences);
    export.compare_losses(&mut differences);
    differences.finish(|| traced.story())
}

fn check_refused(mode: &str, host: &str) -> Result<()> {
    let port = port::unused()?.to_string();
    check(&Row {
        mode,
        count: 5,
        targets: &[host, &port],
        namespace: None,
        outcomes: &[("ECONNREFUSED", 5)],
        totals: |export, differences| {
            compare!(
                differences,
                export,
                totals.connections.opened = 5,
                totals.connections.established = 0,
                totals.connections.failed.refused = 5,
                totals.tcp.syn_retransmits = 0,
                totals.tcp.time_wait_entered = 0,
            );
        },
    })
}

#[test]
fn refused_while_blocking() -> Result<()> {
    check_refused("blocking", "127.0.0.1")
}

#[test]
fn refused_while_polling() -> Result<()> {
    check_refused("nonblocking", "127.0.0.1")
}

#[test]
fn refused_over_ipv6_while_blocking() -> Result<()> {
    check_refused("blocking", "::1")
}

#[test]
fn refused_over_ipv6_while_polling() -> Result<()> {
    check_refused("nonblocking", "::1")
}

#[test]
fn refused_over_mapped_ipv4() -> Result<()> {
    check_refused("blocking", "::ffff:127.0.0.1")
}

fn check_established(mode: &str, host: &str) -> Result<()> {
    let server = Threaded::start_at(format!("[::]:{}", port::unused()?).parse()?, answer)?;
    let port = server.port().to_string();
    check(&Row {
        mode,
        count: 20,
        targets: &[host, &port],
        namespace: None,
        outcomes: &[("ok", 20)],
        totals: |export, differences| {
            compare!(
                differences,
                export,
                totals.connections.established = 20,
                totals.tls.unknown = 0,
                totals.tls.failed = 0,
            );
        },
    })?;
    ensure!(
        server.accepted() == 20,
        "the server accepted {}",
        server.accepted()
    );
    Ok(())
}

#[test]
fn established_while_blocking() -> Result<()> {
    check_established("blocking", "127.0.0.1")
}

#[test]
fn established_while_polling() -> Result<()> {
    check_established("nonblocking", "127.0.0.1")
}

#[test]
fn established_over_ipv6() -> Result<()> {
    check_established("blocking", "::1")
}

#[test]
fn established_over_ipv6_while_polling() -> Result<()> {
    check_established("nonblocking", "::1")
}

#[test]
fn established_over_mapped_ipv4() -> Result<()> {
    check_established("blocking", "::ffff:127.0.0.1")
}

#[test]
fn failures_do_not_mix_with_successes() -> Result<()> {
    let server = Threaded::start(answer)?;
    let (open, closed) = (server.port().to_string(), port::unused()?.to_string());
    check(&Row {
        mode: "blocking",
        count: 10,
        targets: &["127.0.0.1", &open, "127.0.0.1", &closed, "127.0.0.1", &open],
        namespace: None,
        outcomes: &[("ok", 20), ("ECONNREFUSED", 10)],
        totals: |export, differences| {
            compare!(
                differences,
                export,
                totals.connections.established = 20,
                totals.connections.failed.refused = 10,
            );
        },
    })
}

/// A namespace where 10.1.0.2 takes every packet and answers none.
fn black_hole() -> Result<Namespace> {
    let namespace = Namespace::new()?;
    namespace.ip(&["link", "add", "near", "type", "veth", "peer", "name", "far"])?;
    namespace.ip(&["address", "add", "10.1.0.1/24", "dev", "near"])?;
    for device in ["near", "far"] {
        namespace.ip(&["link", "set", device, "up"])?;
    }
    let neighbour = [
        "neigh",
        "add",
        "10.1.0.2",
        "lladdr",
        "02:00:00:00:00:01",
        "dev",
        "near",
    ];
    namespace.ip(&neighbour)?;
    Ok(namespace)
}

fn check_timed_out(mode: &str) -> Result<()> {
    check(&Row {
        mode,
        count: 1,
        targets: &["10.1.0.2", "80"],
        namespace: Some(&black_hole()?),
        outcomes: &[("ETIMEDOUT", 1)],
        totals: |export, differences| {
            compare!(
                differences,
                export,
                totals.connections.opened = 1,
                totals.connections.established = 0,
                totals.connections.failed.timed_out = 1,
            );
        },
    })
}

#[test]
fn timed_out_while_blocking() -> Result<()> {
    check_timed_out("blocking")
}

#[test]
fn timed_out_while_polling() -> Result<()> {
    check_timed_out("nonblocking")
}

#[test]
fn given_up_by_the_client() -> Result<()> {
    check(&Row {
        mode: "abandoned",
        count: 3,
        targets: &["10.1.0.2", "80"],
        namespace: Some(&black_hole()?),
        outcomes: &[("EINPROGRESS", 3)],
        totals: |export, differences| {
            compare!(
                differences,
                export,
                totals.connections.opened = 3,
                totals.connections.established = 0,
                totals.connections.failed.other = 3,
                totals.connections.aborted_connects = 3,
            );
        },
    })
}

/// The router knows no way to 10.2.0.0/24 and says so. Its answer takes the detour over user space:
/// one that comes while connect() holds the socket is only remembered as a soft error.
fn check_unreachable(mode: &str) -> Result<()> {
    let link = Link::start(Mischief::default())?;
    link.client
        .ip(&["route", "add", "10.2.0.0/24", "via", SERVER])?;
    link.server
        .ip(&["route", "add", "unreachable", "10.2.0.0/24"])?;
    link.server
        .run(|| Ok(std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?))?;
    check(&Row {
        mode,
        count: 2,
        targets: &["10.2.0.9", "80"],
        namespace: Some(&link.client),
        outcomes: &[("EHOSTUNREACH", 2)],
        totals: |export, differences| {
            compare!(
                differences,
                export,
                totals.connections.opened = 2,
                totals.connections.established = 0,
                totals.connections.failed.unreachable = 2,
            );
        },
    })
}

#[test]
fn unreachable_by_icmp_while_blocking() -> Result<()> {
    check_unreachable("blocking")
}

#[test]
fn unreachable_by_icmp_while_polling() -> Result<()> {
    check_unreachable("nonblocking")
}

/// Without a route connect() fails before any SYN: there is no connection to count.
#[test]
fn without_a_route_nothing_is_opened() -> Result<()> {
    let namespace = Namespace::new()?;
    namespace.ip(&["route", "add", "unreachable", "10.2.0.0/24"])?;
    check(&Row {
        mode: "blocking",
        count: 2,
        targets: &["10.2.0.9", "80"],
        namespace: Some(&namespace),
        outcomes: &[("EHOSTUNREACH", 2)],
        totals: |export, differences| {
            compare!(differences, export, totals.connections.established = 0,);
        },
    })
}

#[test]
fn reset_after_accept_is_the_servers_doing() -> Result<()> {
    let server = Threaded::start(reset)?;
    let script = r#"for _ in 1 2 3; do curl -s "http://127.0.0.1:$1/" || true; done"#;
    let traced = run(&Client::shell(
        "curl",
        script,
        &[&server.port().to_string()],
    ))?;
    let mut differences = Differences::of("a server that resets");
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = 3,
        totals.connections.closed_by.server_reset = 3,
        totals.connections.closed_by.client = 0,
        totals.connections.closed_by.unknown = 0,
        totals.connections.failed.reset = 0,
        time_wait.entered = 0,
    );
    differences.finish(|| traced.story())
}

/// A listener whose queue holds one connection.
fn narrow_listener() -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port::unused()?))?;
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0)?)?;
    Ok(listener)
}

/// The first SYN finds the listener's queue full; the second, a second later, does not.
#[test]
fn a_syn_sent_twice_is_one_slow_connect() -> Result<()> {
    let listener = narrow_listener()?;
    let address = listener.local_addr()?;
    let _filler = TcpStream::connect(address)?;
    let capture = Capture::start(address.port())?;
    let accepting = std::thread::spawn(move || -> Result<()> {
        wait_for("a SYN", PATIENCE, || {
            let waiting = sockets::toward(address.port())?;
            Ok(waiting
                .iter()
                .any(|socket| socket.state == "SYN-SENT")
                .then_some(()))
        })?;
        listener.accept()?;
        listener.accept()?;
        Ok(())
    });
    let port = address.port().to_string();
    let traced = run(&Client::python(
        "connects.py",
        &["blocking", "1", "127.0.0.1", &port],
    )?)?;
    ensure!(
        accepting.join().is_ok_and(|accepted| accepted.is_ok()),
        "the listener failed"
    );
    let flows = wire::flows(&capture.finish()?, address.port());
    let mut differences = Differences::of("a SYN sent twice");
    differences.equal(
        "SYNs on the wire",
        flows.iter().map(|flow| flow.syn_ns.len()).collect(),
        vec![2],
    );
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = 1,
        totals.tcp.syn_retransmits = 1,
    );
    let slowest = figure!(traced.export, Phase::Connect.max_ns)?;
    differences.holds(
        &format!("{slowest} ns is a second"),
        (990_000_000..1_500_000_000).contains(&slowest),
    );
    differences.finish(|| traced.story())
}
