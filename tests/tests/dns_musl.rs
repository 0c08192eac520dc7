//! Lookups of musl's resolver, as in Alpine's images: one socket for A and AAAA, never connected, and every name server
//! asked at once.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tracer_export::{DnsName, HostSource};
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::dns::{DnsServer, Script};
use tracer_tests::lookups::{
    Expected, PLAIN, V4, answered, check, check_in_vain, check_time, compare, names, with_names,
};
use tracer_tests::port;
use tracer_tests::server::{Threaded, answer};
use tracer_tests::tracer::run;

/// Asks for names, and for no pages.
fn musl(names: &[String]) -> Result<Client> {
    client(&with_names("0", names))
}

fn client(arguments: &[&str]) -> Result<Client> {
    Client::musl("clients/lookup_musl/main.c", "clients-lookup_", arguments)
}

#[test]
fn a_and_aaaa_on_one_socket() -> Result<()> {
    let traced = check(
        V4,
        Script::default(),
        musl(&names("ok", 20))?,
        PLAIN,
        answered(40),
    )?;
    let count = traced.client_count()?;
    ensure!(count["addresses"] == 20, "{count}");
    let listed = traced.export.dns_names.as_ref().context("no dns_names")?;
    let is_twice = |entry: &&DnsName| entry.queries == Some(2);
    let twice = listed.iter().filter(is_twice).count();
    ensure!((listed.len(), twice) == (20, 20), "dns_names: {listed:?}");
    let process = traced.export.processes.first().context("no process")?;
    ensure!(process.comm == "clients-lookup_", "owner: {}", process.comm);
    Ok(())
}

#[test]
fn over_ipv6() -> Result<()> {
    let script = Script {
        address: "::1".parse()?,
        ..Script::default()
    };
    let traced = check("::1", script, musl(&names("ok", 5))?, PLAIN, answered(10))?;
    let count = traced.client_count()?;
    ensure!(count["addresses"] == 5, "{count}");
    Ok(())
}

#[test]
fn no_such_name() -> Result<()> {
    let asked = ["a.nx.test", "b.nx.test", "a.ok.test"].map(str::to_owned);
    let expected = Expected {
        queries: 6,
        answered: 2,
        nxdomain: 4,
        ..Expected::default()
    };
    check(V4, Script::default(), musl(&asked)?, PLAIN, expected).map(drop)
}

/// musl makes nothing of REFUSED and asks on: every query is answered, so every one is a lookup.
#[test]
fn refused() -> Result<()> {
    let server = DnsServer::start(V4, Script::default())?;
    let options = "options timeout:1 attempts:2";
    let resolving = server.resolves(musl(&["a.refused.test".to_owned()])?, options)?;
    let traced = run(&resolving.client)?;
    let asked = server.counts();
    let expected = Expected {
        queries: asked.datagrams,
        other: asked.datagrams,
        ..Expected::default()
    };
    let mut differences = Differences::of("refused");
    differences.holds("asked more than once", asked.datagrams >= 4);
    compare(&traced, asked, expected, &mut differences)?;
    differences.finish(|| format!("{}\nserver: {:?}", traced.story(), server.log()))
}

#[test]
fn asked_again_after_its_timeout() -> Result<()> {
    let options = "search .\noptions timeout:1 attempts:2";
    let expected = Expected {
        retries: 2,
        ..answered(2)
    };
    let asked = ["a.late.test".to_owned()];
    check(V4, Script::default(), musl(&asked)?, options, expected).map(drop)
}

#[test]
fn asked_in_vain() -> Result<()> {
    let client = musl(&["a.mute.test".to_owned()])?;
    check_in_vain(client, "options timeout:1 attempts:3")
}

/// Two name servers are asked at once: one lookup, and a retry for the second one.
#[test]
fn two_servers_at_once() -> Result<()> {
    const SECOND: &str = "127.0.0.54";
    // All are asked before one answers.
    let script = Script {
        delay: Duration::from_millis(20),
        ..Script::default()
    };
    let server = DnsServer::start(V4, script)?;
    server.also_at(SECOND, script)?;
    let options = format!("nameserver {SECOND}\n{PLAIN}");
    let resolving = server.resolves(musl(&names("ok", 10))?, &options)?;
    let traced = run(&resolving.client)?;
    let expected = Expected {
        retries: 20,
        ..answered(20)
    };
    let mut differences = Differences::of("two servers");
    compare(&traced, server.counts(), expected, &mut differences)?;
    differences.finish(|| format!("{}\nserver: {:?}", traced.story(), server.log()))
}

/// The first server answers before the second one is asked: one lookup, and neither a retry nor a repeated lookup.
#[test]
fn two_servers_and_the_first_answers_at_once() -> Result<()> {
    const SECOND: &str = "127.0.0.54";
    let server = DnsServer::start(V4, Script::default())?;
    server.also_at(SECOND, Script::default())?;
    let options = format!("nameserver {SECOND}\n{PLAIN}");
    let names = names("ok", 10);
    let client = musl(&names)?.with("WAIT_FOR_ANSWERS", "1");
    let resolving = server.resolves(client, &options)?;
    let traced = run(&resolving.client)?;
    let expected = Expected {
        copies: 20,
        ..answered(20)
    };
    let mut differences = Differences::of("two servers, one after the other");
    compare(&traced, server.counts(), expected, &mut differences)?;
    differences.finish(|| format!("{}\nserver: {:?}", traced.story(), server.log()))
}

#[test]
fn time_is_that_on_the_wire() -> Result<()> {
    check_time(musl)
}

/// Names of lookups are the names of the hosts that are connected to.
#[test]
fn answers_name_connections() -> Result<()> {
    let server = DnsServer::start(V4, Script::default())?;
    let port = port::unused()?;
    let listener = server
        .namespace
        .run(move || Ok(TcpListener::bind(("127.0.0.1", port))?))?;
    let web = Threaded::over(listener, answer)?;
    let asked = ["www.ok.test", "www.alias.test"];
    let port = port.to_string();
    let resolving = server.resolves(client(&[&[port.as_str()], &asked[..]].concat())?, PLAIN)?;
    let traced = run(&resolving.client)?;
    let mut differences = Differences::of("names of connections");
    compare(&traced, server.counts(), answered(4), &mut differences)?;
    differences.equal("connections", web.accepted(), 2);
    let mut hosts: Vec<_> = traced.export.hosts.iter().collect();
    hosts.sort_by_key(|host| &host.host);
    for (at, name) in ["www.alias.test", "www.ok.test"].iter().enumerate() {
        let host = hosts.get(at).map(|host| (&host.host, &host.host_source));
        differences.holds(
            &format!("{name} by its lookup: {host:?}"),
            host.is_some_and(|(host, source)| host == name && *source == HostSource::Dns),
        );
    }
    differences.equal("hosts", hosts.len(), 2);
    differences.finish(|| traced.story())
}
