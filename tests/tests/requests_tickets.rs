//! First requests over TLS 1.3: session tickets are no response, whatever their number, whenever they
//! come and however small the response is. What cannot be told is said to be unknown.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use tracer_export::{Group, Host, Phase};
use tracer_testbed::link::{Link, LinkOptions, Side};
use tracer_tests::case::{Origin, Running};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::export::Export;
use tracer_tests::figure;
use tracer_tests::server::{GoOptions, Relay, Testbed, origin, tls_13};
use tracer_tests::tracer::run;
use tracer_tests::turns::{Turns, compare_group, median};

const CONNECTIONS: u64 = 5;
const LIMIT_NS: u64 = 1_000_000;
/// Greatest difference between the server's clock and the packets, with a bucket of the histogram.
const CLOCKS_NS: u64 = 300_000;
const TICKETS: [usize; 4] = [0, 1, 2, 4];
const THINK_MS: [u64; 2] = [0, 40];

/// Use of a connection.
#[derive(Debug, Clone, Copy)]
struct Use {
    name: &'static str,
    requests: u64,
    /// Between the handshake and the first request: tickets come before it.
    pause_ms: u64,
}

const USES: [Use; 3] = [
    Use {
        name: "once.test",
        requests: 1,
        pause_ms: 0,
    },
    Use {
        name: "kept.test",
        requests: 3,
        pause_ms: 0,
    },
    Use {
        name: "late.test",
        requests: 1,
        pause_ms: 60,
    },
];

/// Answers of a server.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "shown when a case fails")]
struct Answer {
    tickets: usize,
    think_ms: u64,
    body_bytes: usize,
}

/// A server and one way to use it.
#[derive(Debug, Clone, Copy)]
struct Cell {
    answer: Answer,
    usage: Use,
    port: u16,
    /// True behind a proxy, where a round trip is known only roughly.
    by_proxy: bool,
}

/// Times to first byte of one cell, by tracer and by the client.
struct Times {
    think_ms: u64,
    tracer_ns: u64,
    client_ns: u64,
}

impl Cell {
    fn argument(&self, address: Ipv4Addr) -> String {
        let Use {
            name,
            requests,
            pause_ms,
        } = self.usage;
        let port = self.port;
        format!("https,{address},{port},{name},{CONNECTIONS},{requests},pause={pause_ms}")
    }

    /// Figures of its host.
    fn group<'a>(&self, export: &'a Export) -> Result<&'a Group> {
        let is_mine = |host: &&Host| host.host == self.usage.name && host.port == self.port;
        let host = export.hosts.iter().find(is_mine);
        Ok(&host.context("no such host")?.group)
    }

    /// Counts are exact.
    fn compare_counts(&self, export: &Export, differences: &mut Differences) -> Result<()> {
        let group = self.group(export)?;
        let turns = Turns {
            requests: CONNECTIONS * self.usage.requests,
            connections: CONNECTIONS,
            failed: 0,
        };
        compare_group(group, turns, differences);
        let unknown = figure!(group, requests.first_unknown)?;
        // A response that comes with the tickets on a connection that ends with it; and a single connect
        // that took so long that 40 ms more may be a round trip.
        let with_tickets = self.answer.think_ms == 0 && self.usage.requests == 1;
        differences.holds(
            &format!("{self:?}: {unknown} unknown"),
            unknown <= 1 || with_tickets || self.by_proxy,
        );
        Ok(())
    }

    /// No time is shorter than the server takes, as that of a ticket is, nor longer than the client's.
    fn compare_times(
        &self,
        export: &Export,
        said: &Value,
        round_trip_ns: u64,
        differences: &mut Differences,
    ) -> Result<Option<Times>> {
        let group = self.group(export)?;
        let phase = group.phases.get(Phase::TtfbFirst).context("no ttfb")?;
        if phase.measured().is_none() {
            return Ok(None);
        }
        let think_ms = self.answer.think_ms;
        let at_least = round_trip_ns + think_ms * 1_000_000;
        let shortest = phase.min_ns.context("no min_ns")?;
        differences.holds(
            &format!("{self:?}: {shortest} is {at_least} or more"),
            shortest + CLOCKS_NS >= at_least,
        );
        let (tracer_ns, client_ns) = (
            phase.p50_ns.context("no p50_ns")?,
            median(&said["first_ns"])?,
        );
        differences.holds(
            &format!("{self:?}: {tracer_ns}, by the client {client_ns}"),
            tracer_ns <= client_ns + LIMIT_NS,
        );
        Ok(Some(Times {
            think_ms,
            tracer_ns,
            client_ns,
        }))
    }
}

/// Starts an origin for each number of tickets, think time and size; the cells use them.
fn cells(address: Ipv4Addr, sizes: &[usize], testbed: &mut Testbed) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for tickets in TICKETS {
        for think_ms in THINK_MS {
            for &body_bytes in sizes {
                let think = Duration::from_millis(think_ms);
                let mut options = origin(SocketAddr::from((address, 0)), think, body_bytes);
                options.tls = Some(tls_13(tickets));
                let port = testbed.start(options)?.port();
                cells.extend(USES.map(|usage| Cell {
                    answer: Answer {
                        tickets,
                        think_ms,
                        body_bytes,
                    },
                    usage,
                    port,
                    by_proxy: false,
                }));
            }
        }
    }
    Ok(cells)
}

fn check(client: &Client, cells: &[Cell], round_trip_ns: u64, case: &str) -> Result<()> {
    let traced = run(client)?;
    let said = traced.client_count()?;
    let export = &traced.export;
    let mut differences = Differences::of(case);
    export.compare_losses(&mut differences);
    let mut times = Vec::new();
    for (cell, said) in cells.iter().zip(said.as_array().context("no times")?) {
        let counted = cell.compare_counts(export, &mut differences);
        differences.value(counted);
        let timed = cell.compare_times(export, said, round_trip_ns, &mut differences);
        times.extend(differences.value(timed).flatten());
    }
    for think_ms in THINK_MS {
        compare_medians(&times, think_ms, &mut differences);
    }
    differences.finish(|| traced.finished.stderr.clone())
}

/// Over all cells of a think time, tracer and client agree.
fn compare_medians(times: &[Times], think_ms: u64, differences: &mut Differences) {
    let of = |figure: fn(&Times) -> u64| {
        let mut list: Vec<u64> = times
            .iter()
            .filter(|times| times.think_ms == think_ms)
            .map(figure)
            .collect();
        list.sort_unstable();
        list.get(list.len() / 2).copied().unwrap_or_default()
    };
    let (tracer, client) = (of(|times| times.tracer_ns), of(|times| times.client_ns));
    differences.holds(
        &format!("think time {think_ms} ms: tracer {tracer}, client {client}"),
        tracer > 0 && tracer.abs_diff(client) <= LIMIT_NS,
    );
}

fn client(cells: &[Cell], address: Ipv4Addr) -> Result<Client> {
    let arguments: Vec<String> = cells.iter().map(|cell| cell.argument(address)).collect();
    let arguments: Vec<&str> = ["4"]
        .into_iter()
        .chain(arguments.iter().map(String::as_str))
        .collect();
    Client::python("turns.py", &arguments)
}

#[test]
fn on_loopback() -> Result<()> {
    let mut testbed = Testbed::new()?;
    let cells = cells(
        Ipv4Addr::LOCALHOST,
        &[20, 120, 220, 600, 30_000],
        &mut testbed,
    )?;
    check(
        &client(&cells, Ipv4Addr::LOCALHOST)?,
        &cells,
        0,
        "tickets on loopback",
    )
}

#[test]
fn over_a_round_trip_of_40_ms() -> Result<()> {
    over_a_link(false)
}

/// A proxy beside the client makes the connect short, but not the way to the server, from which the tickets come.
#[test]
fn through_a_proxy_nearby() -> Result<()> {
    over_a_link(true)
}

fn over_a_link(by_proxy: bool) -> Result<()> {
    // The client sees a record when all of it is there: larger ones need a second round trip.
    const SIZES: [usize; 2] = [120, 9_000];
    let options = LinkOptions {
        rtt: Duration::from_millis(40),
        ..LinkOptions::default()
    };
    let link = Link::new(options)?;
    let address = Side::Server.ipv4();
    let mut testbed = Testbed::new()?;
    let cells = link.run_in(Side::Server, || cells(address, &SIZES, &mut testbed))?;
    let mut cells = cells.map_err(|error| anyhow!("{error:#}"))?;
    let relays = match by_proxy {
        true => link.run_in(Side::Client, || relays(&mut cells, address))?,
        false => Ok(Vec::new()),
    };
    let _relays = relays.map_err(|error| anyhow!("{error:#}"))?;
    let nearest = if by_proxy {
        Ipv4Addr::LOCALHOST
    } else {
        address
    };
    let mut client = client(&cells, nearest)?;
    let prefix = [
        "nsenter",
        &format!("--net={}", link.namespace_path(Side::Client).display()),
        "--",
    ];
    let command = prefix.iter().map(OsString::from).chain(client.command);
    client.command = command.collect();
    check(
        &client,
        &cells,
        40_000_000,
        &format!("tickets over a round trip of 40 ms, by a proxy: {by_proxy}"),
    )
}

/// Starts a relay to each server, and lets the cells use it.
fn relays(cells: &mut [Cell], address: Ipv4Addr) -> Result<Vec<Relay>> {
    let mut relays = Vec::new();
    for cells in cells.chunk_by_mut(|a, b| a.port == b.port) {
        let relay = Relay::start_to((address, cells[0].port).into())?;
        for cell in cells {
            (cell.port, cell.by_proxy) = (relay.port(), true);
        }
        relays.push(relay);
    }
    Ok(relays)
}

/// Go's server sends its ticket with its own Finished: what comes behind the client's is the response, however
/// small it is and whatever follows. It takes 3 ms, a ticket's time on this link.
#[test]
fn a_server_whose_tickets_come_first_leaves_no_doubt() -> Result<()> {
    const REQUESTS: u64 = 30;
    let certificate = Certificate::small()?;
    let origin = Origin::Go(GoOptions {
        version: Some("1.3"),
        flags: vec!["-delay=3ms".into()],
    });
    let server = Running::start(&origin, &certificate)?;
    let argument = format!("https,127.0.0.1,{},localhost,{REQUESTS},1", server.port());
    let traced = run(&Client::python("turns.py", &["1", &argument])?)?;
    let turns = Turns {
        requests: REQUESTS,
        connections: REQUESTS,
        failed: 0,
    };
    let mut differences = Differences::of("a ticket with the server's Finished");
    let export = &traced.export;
    compare_group(&export.totals, turns, &mut differences);
    compare!(
        &mut differences,
        export,
        totals.requests.first_unknown = 0,
        totals.requests.first_inferred = 0,
    );
    let (shortest, tracer_ns) = (
        figure!(export, Phase::TtfbFirst.min_ns)?,
        figure!(export, Phase::TtfbFirst.p50_ns)?,
    );
    let said = traced.client_count()?;
    let client_ns = median(&said[0]["first_ns"])?;
    differences.holds(
        &format!("{shortest} is 3 ms or more"),
        shortest >= 2_990_000,
    );
    differences.holds(
        &format!("{tracer_ns}, by the client {client_ns}"),
        tracer_ns <= client_ns && client_ns <= tracer_ns + LIMIT_NS,
    );
    differences.finish(|| traced.story())
}
