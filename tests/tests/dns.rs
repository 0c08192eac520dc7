//! Lookups: what tracer counts is what the server was asked, by real resolvers and by queries written by hand;
//! times are those of tshark.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tracer_export::HostSource;
use tracer_tests::build;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::dns::{DnsServer, Script};
use tracer_tests::lookups::{
    Expected, PLAIN, V4, answered, check, check_in_vain, check_time, compare, names, with_names,
};
use tracer_tests::machine::program;
use tracer_tests::port;
use tracer_tests::process::{PATIENCE, Process, wait_for};
use tracer_tests::server::{Threaded, answer};
use tracer_tests::tracer::{Attached, Traced, run};
use tracer_tests::{compare, figure};

const V6: &str = "::1";

fn python(arguments: &[&str]) -> Result<Client> {
    Client::python("lookups.py", arguments)
}

#[test]
fn libc_asks_a_and_aaaa_on_one_socket() -> Result<()> {
    let names = names("ok", 20);
    let traced = check(
        V4,
        Script::default(),
        python(&with_names("resolve", &names))?,
        PLAIN,
        answered(40),
    )?;
    let listed = traced.export.dns_names.iter().flatten();
    let mut listed: Vec<_> = listed
        .map(|entry| (entry.name.clone(), entry.queries))
        .collect();
    listed.sort();
    let mut expected: Vec<_> = names.into_iter().map(|name| (name, Some(2))).collect();
    expected.sort();
    ensure!(listed == expected, "dns_names: {listed:?}");
    let process = traced.export.processes.first().context("no process")?;
    ensure!(process.comm == "python", "owner: {}", process.comm);
    Ok(())
}

#[test]
fn libc_over_ipv6() -> Result<()> {
    let script = Script {
        address: V6.parse()?,
        ..Script::default()
    };
    check(
        V6,
        script,
        python(&with_names("resolve", &names("ok", 5)))?,
        PLAIN,
        answered(10),
    )
    .map(drop)
}

#[test]
fn go_resolver() -> Result<()> {
    let names = names("ok", 10);
    let go = build::go("clients/lookup/main.go")?.into_os_string();
    let arguments = names.iter().map(std::ffi::OsString::from);
    let client = Client::new("clients-lookup-", std::iter::once(go).chain(arguments));
    check(V4, Script::default(), client, PLAIN, answered(20)).map(drop)
}

#[test]
fn c_ares_in_node() -> Result<()> {
    let names = names("ok", 10);
    let script = tracer_tests::machine::fixture("clients/lookup.mjs").into_os_string();
    let node = program("node", "nodejs")?.into_os_string();
    let arguments = names.iter().map(std::ffi::OsString::from);
    let client = Client::new("node", [node, script].into_iter().chain(arguments));
    check(V4, Script::default(), client, PLAIN, answered(20)).map(drop)
}

#[test]
fn connected_and_addressed_sockets_of_both_families() -> Result<()> {
    for (address, how) in [
        (V4, "connected"),
        (V4, "addressed"),
        (V6, "connected"),
        (V6, "addressed"),
    ] {
        let client = python(&[
            "raw",
            how,
            address,
            "1:a.ok.test",
            "2:b.ok.test",
            "+1:c.ok.test",
        ])?;
        check(address, Script::default(), client, PLAIN, answered(3))
            .with_context(|| format!("{address} {how}"))?;
    }
    Ok(())
}

#[test]
fn errors_and_silence() -> Result<()> {
    let queries = [
        "1:a.nx.test",
        "2:b.nx.test",
        "3:a.fail.test",
        "4:a.refused.test",
        "-5:a.mute.test",
        "6:a.ok.test",
    ];
    let arguments = [&["raw", "connected", V4], &queries[..]].concat();
    let expected = Expected {
        queries: 6,
        answered: 1,
        nxdomain: 2,
        servfail: 1,
        other: 1,
        timeout: 1,
        ..Expected::default()
    };
    let traced = check(V4, Script::default(), python(&arguments)?, PLAIN, expected)?;
    let mut names = traced.export.dns_names.iter().flatten();
    let mute = names.find(|entry| entry.name == "a.mute.test");
    let mute = mute.context("no a.mute.test")?;
    ensure!(
        mute.failures == Some(1) && mute.p50_ns.is_none(),
        "{mute:?}"
    );
    Ok(())
}

#[test]
fn asked_again() -> Result<()> {
    let ways = [
        ["-5:a.late.test", "5:a.late.test"],
        ["-5:a.late.test", "~6:a.late.test"],
        ["-5:a.late.test", "+6:a.late.test"],
    ];
    for way in ways {
        let arguments = [&["raw", "connected", V4], &way[..]].concat();
        let expected = Expected {
            retries: 1,
            ..answered(1)
        };
        check(V4, Script::default(), python(&arguments)?, PLAIN, expected)?;
    }
    Ok(())
}

#[test]
fn libc_asks_again_after_its_timeout() -> Result<()> {
    let options = "search .\noptions timeout:1 attempts:2";
    let expected = Expected {
        retries: 2,
        ..answered(2)
    };
    check(
        V4,
        Script::default(),
        python(&["resolve", "a.late.test"])?,
        options,
        expected,
    )?;
    Ok(())
}

#[test]
fn libc_asks_in_vain() -> Result<()> {
    let client = python(&["resolve", "a.mute.test"])?;
    check_in_vain(client, "options timeout:1 attempts:2")
}

#[test]
fn truncated_then_over_tcp() -> Result<()> {
    let expected = Expected {
        truncated: 2,
        ..answered(2)
    };
    let client = python(&["resolve", "a.tc.test"])?;
    check(V4, Script::default(), client, PLAIN, expected)?;
    let client = Client::new(
        "clients-lookup-",
        [
            build::go("clients/lookup/main.go")?.into_os_string(),
            "a.tc.test".into(),
        ],
    );
    check(V4, Script::default(), client, PLAIN, expected).map(drop)
}

/// Connections to a name server carry lookups and no requests, however they are used.
#[test]
fn lookups_over_tcp_are_no_requests() -> Result<()> {
    let names = names("ok", 5);
    let clients = [
        (
            python(&with_names("resolve", &names))?,
            "search .\noptions use-vc",
            10,
        ),
        (python(&with_names("stream", &names))?, PLAIN, 5),
    ];
    for (client, options, lookups) in clients {
        let traced = check(V4, Script::default(), client, options, answered(lookups))?;
        let opened = figure!(traced.export, totals.connections.opened)?;
        let mut differences = Differences::of(options);
        differences.holds("a connection was opened", opened != 0);
        compare!(
            &mut differences,
            traced.export,
            totals.connections.dns = opened,
            totals.connections.dns_unread = 0,
            totals.connections.never_used = 0,
            totals.requests.count = 0,
            totals.requests.failed = 0,
            Phase::Ttfb.count = 0,
        );
        differences.finish(|| traced.story())?;
    }
    Ok(())
}

/// Attaches to a client that is ready, with its sockets open, and goes on when tracing has begun. `mode`: what it does.
fn attach_to(server: &DnsServer, mode: &str) -> Result<Traced> {
    let directory = tempfile::tempdir()?;
    let go = directory.path().join("go");
    let client = python(&[mode, V4, "a.ok.test", &go.display().to_string()])?;
    let client = client.inside(&server.namespace);
    let mut command = Command::new(client.command.first().context("no command")?);
    let holder = Process::start(command.args(client.command.iter().skip(1)))?;
    wait_for("the sockets", PATIENCE, || {
        Ok(holder.stdout()?.contains("ready").then_some(()))
    })?;
    let attached = Attached::start(&["--pid", &holder.id().to_string()])?;
    std::fs::write(&go, "")?;
    holder.finish()?;
    attached.finish()
}

/// DNS over TLS cannot be read, and a connection that was open before cannot either: neither counts requests.
#[test]
fn lookups_that_cannot_be_read_are_no_requests() -> Result<()> {
    let server = DnsServer::start(V4, Script::default())?;
    let listener = server
        .namespace
        .run(|| Ok(std::net::TcpListener::bind((V4, 853))?))?;
    let _encrypted = Threaded::over(listener, answer)?;
    let traced = attach_to(&server, "streams")?;
    let mut differences = Differences::of("connections to a name server");
    compare!(
        &mut differences,
        traced.export,
        totals.connections.adopted = 1,
        totals.connections.opened = 1,
        totals.connections.dns = 2,
        totals.connections.dns_unread = 2,
        totals.connections.never_used = 0,
        totals.requests.count = 0,
        totals.requests.failed = 0,
    );
    let said = format!("{}{}", traced.finished.stdout, traced.finished.stderr);
    let told = said.contains("2 to name servers, which count no requests; the lookups of 2 of");
    differences.holds("the summary says so", told);
    differences.finish(|| traced.story())
}

#[test]
fn asked_again_within_the_ttl() -> Result<()> {
    let same = ["a.ok.test", "b.ok.test", "a.ok.test", "a.ok.test"];
    let script = |ttl_s| Script {
        ttl_s,
        ..Script::default()
    };
    // There is no AAAA, and nothing says how long that holds.
    let repeated = Expected {
        repeated: 2,
        ..answered(8)
    };
    check(
        V4,
        script(60),
        python(&[&["resolve"], &same[..]].concat())?,
        PLAIN,
        repeated,
    )?;
    check(
        V4,
        script(0),
        python(&[&["resolve"], &same[..]].concat())?,
        PLAIN,
        answered(8),
    )?;
    check(
        V4,
        script(1),
        python(&["pause", "1.2", "a.ok.test", "a.ok.test"])?,
        PLAIN,
        answered(4),
    )
    .map(drop)
}

/// A connection without a server name is called what its own process looked up, over aliases.
#[test]
fn answers_name_connections() -> Result<()> {
    let server = DnsServer::start(V4, Script::default())?;
    let port = port::unused()?;
    let listener = server
        .namespace
        .run(move || Ok(std::net::TcpListener::bind(("127.0.0.1", port))?))?;
    let _web = Threaded::over(listener, answer)?;
    let script = r#"curl -s -o /dev/null "http://www.alias.test:$1/" "http://www.ok.test:$1/"; curl -s -o /dev/null -H Host: "http://127.0.0.1:$1/"; echo "{}""#;
    let resolving = server.resolves(Client::shell("curl", script, &[&port.to_string()]), PLAIN)?;
    let traced = run(&resolving.client)?;
    let named = traced.export.hosts.iter();
    let mut hosts: Vec<_> = named
        .map(|host| {
            let established = host.group.connections.established;
            (&*host.host, &host.host_source, established)
        })
        .collect();
    hosts.sort_by_key(|(host, ..)| *host);
    let expected = [
        ("127.0.0.1", &HostSource::Address, Some(1)),
        ("www.alias.test", &HostSource::Dns, Some(1)),
        ("www.ok.test", &HostSource::Dns, Some(1)),
    ];
    ensure!(hosts == expected, "hosts: {hosts:?}\n{}", traced.story());
    Ok(())
}

/// A resolver keeps its socket connected; tracer comes later.
#[test]
fn socket_connected_before_the_trace() -> Result<()> {
    let server = DnsServer::start(V4, Script::default())?;
    let traced = attach_to(&server, "hold")?;
    let mut differences = Differences::of("a socket connected before");
    compare(&traced, server.counts(), answered(1), &mut differences)?;
    differences.finish(|| traced.story())
}

#[test]
fn time_is_that_on_the_wire() -> Result<()> {
    check_time(|names| python(&with_names("resolve", names)))
}

/// Two processes ask at the same time: each has its own lookups.
#[test]
fn two_processes_at_once() -> Result<()> {
    let script = Script {
        delay: Duration::from_millis(2),
        ..Script::default()
    };
    let server = DnsServer::start(V4, script)?;
    let [few, many] = [names("ok", 7), names("alias", 11)];
    let client = python(&with_names("resolve", &few))?;
    let other = python(&with_names("resolve", &many))?;
    let [first, second] = [client, other].map(|client| {
        let words = client.command.iter().map(|word| word.to_string_lossy());
        words.collect::<Vec<_>>().join(" ")
    });
    let both = Client::shell("python", &format!("{first} & {second} & wait"), &[]);
    let resolving = server.resolves(both, PLAIN)?;
    let traced = run(&resolving.client)?;
    let mut differences = Differences::of("two processes");
    compare(
        &traced,
        server.counts(),
        answered(14 + 22),
        &mut differences,
    )?;
    let processes = traced.export.processes.iter();
    let mut own: Vec<[Option<u64>; 2]> = processes
        .map(|process| [process.group.dns.queries, process.group.dns.answered])
        .filter(|[queries, ..]| *queries != Some(0))
        .collect();
    own.sort_unstable();
    let expected = vec![[Some(14); 2], [Some(22); 2]];
    differences.equal("by process", own, expected);
    differences.finish(|| traced.story())
}

/// `--host` admits lookups by the name asked.
#[test]
fn a_host_filter_is_about_the_name_asked() -> Result<()> {
    let server = DnsServer::start(V4, Script::default())?;
    let wanted = names("ok", 6);
    let unwanted = names("alias", 9);
    let all: Vec<String> = wanted.iter().chain(&unwanted).cloned().collect();
    let attached = Attached::start(&["--host", "*.ok.test"])?;
    let resolving = server.resolves(python(&with_names("resolve", &all))?, PLAIN)?;
    let command = &resolving.client.command;
    let mut process = Command::new(command.first().context("no command")?);
    Process::start(process.args(command.iter().skip(1)))?.finish_within(PATIENCE)?;
    let traced = attached.end(nix::sys::signal::Signal::SIGTERM)?;
    let mut differences = Differences::of("--host *.ok.test");
    differences.equal("queries by the server", server.counts().datagrams, 30);
    compare!(
        &mut differences,
        traced.export,
        totals.dns.queries = 12,
        totals.dns.answered = 12,
        Phase::Dns.count = 12,
    );
    differences.finish(|| traced.story())
}
