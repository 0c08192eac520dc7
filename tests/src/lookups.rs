//! Checks of lookups by a client that finds a server of ours in its resolv.conf: tracer counts the same as the server,
//! and its times are those of tshark.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;
use tracer_export::{Dns, Phase};

use crate::check::Differences;
use crate::client::Client;
use crate::dns::{Counts, DnsServer, Script};
use crate::figure;
use crate::machine::program;
use crate::process::{PATIENCE, Process, wait_for};
use crate::schema;
use crate::tracer::{Traced, run};

/// Address of the server.
pub const V4: &str = "127.0.0.53";
/// Line of resolv.conf for no search list, whatever the machine's name.
pub const PLAIN: &str = "search .";

/// Expected counts of `totals.dns`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected {
    /// Lookups in all.
    pub queries: u64,
    /// Lookups without an error.
    pub answered: u64,
    /// Lookups of names that do not exist.
    pub nxdomain: u64,
    /// Lookups that failed with SERVFAIL.
    pub servfail: u64,
    /// Lookups without an answer.
    pub timeout: u64,
    /// Lookups that failed otherwise.
    pub other: u64,
    /// Queries that were asked again.
    pub retries: u64,
    /// Truncated answers, which were asked for again over TCP.
    pub truncated: u64,
    /// Lookups repeated within the time to live.
    pub repeated: u64,
    /// Queries sent to a further server when the answer was there; tracer does not count them.
    pub copies: u64,
}

/// Expects `count` lookups, all answered.
pub fn answered(count: u64) -> Expected {
    Expected {
        queries: count,
        answered: count,
        ..Expected::default()
    }
}

/// Checks that the totals and all processes together hold exactly these lookups, and that the server saw their queries.
pub fn compare(
    traced: &Traced,
    asked: Counts,
    expected: Expected,
    differences: &mut Differences,
) -> Result<()> {
    let Expected {
        queries,
        answered,
        nxdomain,
        servfail,
        timeout,
        other,
        retries,
        truncated,
        repeated,
        copies,
    } = expected;
    type Figure = fn(&Dns) -> Option<u64>;
    let counts: [(&str, Figure, u64); 9] = [
        ("queries", |dns| dns.queries, queries),
        ("answered", |dns| dns.answered, answered),
        ("nxdomain", |dns| dns.failed.nxdomain, nxdomain),
        ("servfail", |dns| dns.failed.servfail, servfail),
        ("timeout", |dns| dns.failed.timeout, timeout),
        ("other", |dns| dns.failed.other, other),
        ("retries", |dns| dns.retries, retries),
        ("truncated", |dns| dns.truncated, truncated),
        ("repeated", |dns| dns.repeated_within_ttl, repeated),
    ];
    let export = &traced.export;
    for (name, figure, count) in counts {
        differences.equal(name, figure(&export.totals.dns), Some(count));
        let processes = export.processes.iter();
        let sum: Option<u64> = processes.map(|process| figure(&process.group.dns)).sum();
        differences.equal(&format!("{name} over all processes"), sum, Some(count));
    }
    let failed = nxdomain + servfail + timeout + other;
    let phases = [(Phase::Dns, answered), (Phase::DnsFailed, failed)];
    export.compare_phases(&phases, differences);
    differences.equal(
        "queries the server saw",
        asked.datagrams + asked.over_tcp,
        queries + retries + truncated + copies,
    );
    traced.export.compare_losses(differences);
    differences.value(schema::validate(&traced.export));
    Ok(())
}

/// Traces a client that finds the server in its resolv.conf, and checks its lookups.
pub fn check(
    address: &str,
    script: Script,
    client: Client,
    options: &str,
    expected: Expected,
) -> Result<Traced> {
    let server = DnsServer::start(address, script)?;
    let resolving = server.resolves(client, options)?;
    let traced = run(&resolving.client)?;
    let mut differences = Differences::of(format!("{:?}", resolving.client.command));
    compare(&traced, server.counts(), expected, &mut differences)?;
    differences.finish(|| format!("{}\nserver: {:?}", traced.story(), server.log()))?;
    Ok(traced)
}

/// Traces a client that asks in vain for A and AAAA of a name. Its resolver decides how often it asks; each counts as
/// one lookup, and all further queries are retries.
pub fn check_in_vain(client: Client, options: &str) -> Result<()> {
    let server = DnsServer::start(V4, Script::default())?;
    let resolving = server.resolves(client, options)?;
    let traced = run(&resolving.client)?;
    let asked = server.counts();
    let expected = Expected {
        queries: 2,
        timeout: 2,
        retries: asked.datagrams - 2,
        ..Expected::default()
    };
    let mut differences = Differences::of("asked in vain");
    differences.holds("asked more than once", asked.datagrams >= 4);
    compare(&traced, asked, expected, &mut differences)?;
    differences.finish(|| format!("{}\nserver: {:?}", traced.story(), server.log()))
}

/// Names that the server treats in one way.
pub fn names(behaviour: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("x{number}.{behaviour}.test"))
        .collect()
}

/// Makes arguments of a mode and names.
pub fn with_names<'a>(mode: &'a str, names: &'a [String]) -> Vec<&'a str> {
    std::iter::once(mode)
        .chain(names.iter().map(String::as_str))
        .collect()
}

/// Checks that the median over 200 lookups of 100 names is that of tshark's `dns.time`, and above the server's delay.
pub fn check_time(client: impl FnOnce(&[String]) -> Result<Client>) -> Result<()> {
    const LOOKUPS: u64 = 200;
    let script = Script {
        delay: Duration::from_millis(3),
        ..Script::default()
    };
    let server = DnsServer::start(V4, script)?;
    let names = names("ok", usize::try_from(LOOKUPS / 2)?);
    let resolving = server.resolves(client(&names)?, PLAIN)?;
    let inside = server.namespace.prefix();
    let mut tshark = Command::new(&inside[0]);
    tshark.args(&inside[1..]).arg(program("tshark", "tshark")?);
    tshark.args([
        "-i",
        "lo",
        "-l",
        "-n",
        "-f",
        "udp port 53",
        "-Y",
        "dns.time",
        "-T",
        "fields",
        "-e",
        "dns.time",
    ]);
    let tshark = Process::start(&mut tshark)?;
    wait_for("tshark", PATIENCE, || {
        Ok(tshark.stderr()?.contains("Capturing on").then_some(()))
    })?;
    // tshark reports that it captures a little before its first packet.
    std::thread::sleep(Duration::from_millis(500));
    let traced = run(&resolving.client)?;
    let seconds = wait_for("tshark's times", PATIENCE, || {
        let seconds: Vec<f64> = tshark
            .stdout()?
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect();
        Ok((seconds.len() as u64 >= LOOKUPS).then_some(seconds))
    });
    // A killed tshark would leave the process behind that captures for it.
    tshark.signal(Signal::SIGINT)?;
    tshark.finish()?;
    let seconds = seconds?;
    let mut differences = Differences::of("times");
    compare(
        &traced,
        server.counts(),
        answered(LOOKUPS),
        &mut differences,
    )?;
    let mut sorted: Vec<u64> = seconds
        .iter()
        .map(|seconds| (seconds * 1e9) as u64)
        .collect();
    sorted.sort_unstable();
    let (wire, own) = (
        sorted[sorted.len() / 2],
        figure!(traced.export, Phase::Dns.p50_ns)?,
    );
    differences.holds(
        &format!("p50 {own} is within 100 us of tshark's {wire}"),
        own.abs_diff(wire) < 100_000,
    );
    let delay = script.delay.as_nanos() as u64;
    differences.holds(&format!("p50 {own} is not below the delay"), own >= delay);
    println!("p50: tracer {own} ns, tshark {wire} ns");
    differences.finish(|| traced.story())
}
