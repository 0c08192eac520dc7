//! Requests in flight at once: their number is that of the server.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use tracer_tests::case::{Origin, Running};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::export::Export;
use tracer_tests::figure;
use tracer_tests::server::{GoOptions, Threaded};
use tracer_tests::tracer::{Traced, run};
use tracer_tests::turns::{self, Turns};

/// Peaks of the totals, of the process and of the busiest host. Connections that were never used have a host without a name.
fn peaks(export: &Export) -> Result<[(&'static str, u64); 3]> {
    let of_hosts = export.hosts.iter();
    let of_hosts = of_hosts.filter_map(|host| host.group.requests.in_flight_peak);
    let process = export.processes.first().context("no process")?;
    Ok([
        ("totals", figure!(export, totals.requests.in_flight_peak)?),
        ("process", figure!(process.group, requests.in_flight_peak)?),
        ("host", of_hosts.max().unwrap_or_default()),
    ])
}

fn compare_peaks(export: &Export, peak: u64, differences: &mut Differences) -> Result<()> {
    for (group, got) in peaks(export)? {
        differences.equal(&format!("in_flight_peak of {group}"), got, peak);
    }
    Ok(())
}

/// Connections that are all in flight at once while the server thinks.
#[test]
fn while_the_server_thinks() -> Result<()> {
    let origin = Origin::Go(GoOptions {
        version: None,
        flags: vec!["-delay=80ms".into()],
    });
    let server = Running::start(&origin, &Certificate::small()?)?;
    let argument = format!("http,127.0.0.1,{},localhost,1,4", server.port());
    let mut arguments = vec!["7"];
    arguments.extend([argument.as_str(); 7]);
    let traced = run(&Client::python("turns.py", &arguments)?)?;
    let mut differences = Differences::of("seven at once");
    turns::compare(&traced.export, Turns::answered(28, 7), &mut differences);
    compare_peaks(&traced.export, 7, &mut differences)?;
    differences.finish(|| traced.story())
}

/// Requests that a server has and has not answered.
#[derive(Default)]
struct Rounds {
    count: Mutex<Count>,
    changed: Condvar,
}

#[derive(Default)]
struct Count {
    of_round: HashMap<u64, u64>,
    now: u64,
    most: u64,
}

impl Rounds {
    fn lock(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all `size` requests of a round are here.
    fn wait(&self, round: u64, size: u64) {
        let mut count = self.lock();
        *count.of_round.entry(round).or_default() += 1;
        count.now += 1;
        count.most = count.most.max(count.now);
        self.changed.notify_all();
        while count.of_round.get(&round) != Some(&size) {
            let woken = self.changed.wait(count);
            count = woken.unwrap_or_else(PoisonError::into_inner);
        }
        count.now -= 1;
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let lines = BufReader::new(stream.try_clone().ok()?).lines();
        for line in lines.map_while(Result::ok) {
            let Some(path) = line.strip_prefix("GET /") else {
                continue;
            };
            let (round, size) = path.split_once(' ')?.0.split_once('/')?;
            self.wait(round.parse().ok()?, size.parse().ok()?);
            let response = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npage\n";
            stream.write_all(response).ok()?;
        }
        Some(())
    }
}

/// Rounds of requests, each for a fraction of a millisecond; what a round had on a connection is reported when a later
/// one uses it again, or it closes. Gives what the server counted.
fn rounds(sizes: &[u64], connections: u64, differences: &mut Differences) -> Result<(Traced, u64)> {
    let rounds = Arc::new(Rounds::default());
    let own = Arc::clone(&rounds);
    let server = Threaded::start(move |stream| {
        own.serve(stream);
    })?;
    let numbers = [u64::from(server.port()), connections];
    let arguments: Vec<String> = numbers.iter().chain(sizes).map(u64::to_string).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let traced = run(&Client::python("at_once.py", &arguments)?)?;
    let used = sizes.iter().max().copied().unwrap_or_default();
    turns::compare(
        &traced.export,
        Turns::answered(sizes.iter().sum(), used),
        differences,
    );
    let most = rounds.lock().most;
    differences.equal("by the server", most, used);
    let ttfb_ns = figure!(traced.export, Phase::Ttfb.p50_ns)?;
    println!("p50 of ttfb: {ttfb_ns} ns");
    Ok((traced, most))
}

fn check_exact(sizes: &[u64], connections: u64) -> Result<()> {
    let mut differences = Differences::of(format!("{sizes:?} on {connections}"));
    let (traced, most) = rounds(sizes, connections, &mut differences)?;
    compare_peaks(&traced.export, most, &mut differences)?;
    differences.finish(|| traced.story())
}

#[test]
fn short_ones_on_all_connections() -> Result<()> {
    check_exact(&[8; 5], 8)
}

#[test]
fn short_ones_on_some_of_the_connections() -> Result<()> {
    check_exact(&[3, 8, 1, 5, 2, 7, 4, 2], 12)
}

/// Most of a burst is reported after thousands of others, when its connections close: it meets itself, and never
/// what was not there.
#[test]
fn a_burst_long_ago() -> Result<()> {
    let mut sizes = vec![2, 9];
    sizes.extend([1; 4000]);
    let mut differences = Differences::of("a burst long ago");
    let (traced, most) = rounds(&sizes, 12, &mut differences)?;
    for (group, peak) in peaks(&traced.export)? {
        println!("{group}: {peak}");
        let holds = (most - 1..=most).contains(&peak);
        differences.holds(&format!("{group}: {peak} of {most}"), holds);
    }
    differences.finish(|| traced.story())
}
