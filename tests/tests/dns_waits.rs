//! Lookups that wait: for a name server that never answers before another is asked, and for a slow one while others ask
//! for the same name.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Result;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::dns::{DnsServer, Script};
use tracer_tests::figure;
use tracer_tests::lookups::{Expected, PLAIN, V4, answered, check, compare, names, with_names};
use tracer_tests::machine::{fixture, program};
use tracer_tests::tracer::run;

/// Address of the second server.
const OTHER: &str = "127.0.0.54";
/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

/// Checks lookups whose queries go to the second server, with their ids, when the first has not answered for so many seconds.
fn check_silent(timeout_s: u64) -> Result<()> {
    const NAMES: usize = 2;
    let silent = Script {
        delay: NEVER,
        ..Script::default()
    };
    let server = DnsServer::start(V4, silent)?;
    server.also_at(OTHER, Script::default())?;
    let options = format!("nameserver {OTHER}\nsearch .\noptions timeout:{timeout_s}");
    let names = names("ok", NAMES);
    let client = Client::python("lookups.py", &with_names("resolve", &names))?;
    let resolving = server.resolves(client, &options)?;
    let traced = run(&resolving.client)?;
    // Both addresses of each name.
    let lookups = 2 * NAMES as u64;
    let expected = Expected {
        retries: lookups,
        ..answered(lookups)
    };
    let mut differences = Differences::of(format!("timeout:{timeout_s}"));
    compare(&traced, server.counts(), expected, &mut differences)?;
    let waited_ns = Duration::from_secs(timeout_s).as_nanos() as u64;
    for got in [
        figure!(traced.export, Phase::Dns.min_ns)?,
        figure!(traced.export, Phase::Dns.max_ns)?,
    ] {
        differences.holds(
            &format!("{got} ns are {timeout_s} s"),
            (waited_ns - waited_ns / 100..waited_ns + waited_ns / 2).contains(&got),
        );
    }
    differences.finish(|| format!("{}\nserver: {:?}", traced.story(), server.log()))
}

#[test]
fn a_name_server_that_never_answers() -> Result<()> {
    check_silent(1)?;
    check_silent(2)
}

/// Eight lookups through one socket, 100 ms apart, to a server that takes 400 ms: none is a repetition of another.
fn check_workers(names: &[String]) -> Result<()> {
    let script = Script {
        delay: Duration::from_millis(400),
        ttl_s: 0,
        ..Script::default()
    };
    let file = fixture("clients/lookup_workers.mjs").into_os_string();
    let node = program("node", "nodejs")?.into_os_string();
    let arguments = names.iter().map(OsString::from);
    let client = Client::new(
        "node",
        [node, file, "100".into()].into_iter().chain(arguments),
    );
    let traced = check(V4, script, client, PLAIN, answered(8))?;
    let shortest = figure!(traced.export, Phase::Dns.min_ns)?;
    let longest = figure!(traced.export, Phase::Dns.max_ns)?;
    anyhow::ensure!(
        shortest >= 399_000_000 && longest < 700_000_000,
        "lookups took {shortest} to {longest} ns"
    );
    Ok(())
}

#[test]
fn workers_that_ask_for_one_name() -> Result<()> {
    check_workers(&vec!["one.ok.test".to_owned(); 8])
}

#[test]
fn workers_that_ask_for_different_names() -> Result<()> {
    check_workers(&names("ok", 8))
}
