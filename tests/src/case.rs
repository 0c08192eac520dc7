//! A crawl under every witness: tracer, the wire, the server, the client and the socket list.

use anyhow::{Context, Result};
use serde_json::Value;
use tracer_export::HostSource;

use crate::capture::Capture;
use crate::certificate::Certificate;
use crate::check::Differences;
use crate::client::Client;
use crate::compare;
use crate::export::Export;
use crate::server::{Go, GoOptions, Nginx, NginxOptions, OpenSsl, Seen};
use crate::sockets;
use crate::tracer::{Traced, run};
use crate::turns::{self, Turns};
use crate::wire::{Sums, flows, sums};

/// Server of a case, to be started.
#[derive(Debug, Clone)]
pub enum Origin {
    /// nginx.
    Nginx(NginxOptions),
    /// The Go server.
    Go(GoOptions),
    /// `openssl s_server` with these options.
    OpenSsl(&'static [&'static str]),
}

impl Origin {
    /// nginx with these protocols and session tickets.
    pub fn nginx(protocols: &'static str) -> Self {
        Self::Nginx(NginxOptions {
            protocols: Some(protocols),
            ..NginxOptions::default()
        })
    }

    /// nginx in the clear.
    pub fn plain() -> Self {
        Self::Nginx(NginxOptions {
            protocols: None,
            ..NginxOptions::default()
        })
    }

    /// The Go server with one TLS version.
    pub fn go(version: &'static str) -> Self {
        Self::Go(GoOptions {
            version: Some(version),
            flags: Vec::new(),
        })
    }

    /// Tells whether the server uses TLS.
    pub fn is_tls(&self) -> bool {
        match self {
            Self::Nginx(options) => options.protocols.is_some(),
            Self::Go(options) => options.version.is_some(),
            Self::OpenSsl(_) => true,
        }
    }
}

/// Running server of a case.
pub enum Running {
    /// nginx.
    Nginx(Nginx),
    /// The Go server.
    Go(Go),
    /// `openssl s_server`.
    OpenSsl(OpenSsl),
}

impl Running {
    /// Starts the server.
    pub fn start(origin: &Origin, certificate: &Certificate) -> Result<Self> {
        Ok(match origin {
            Origin::Nginx(options) => Self::Nginx(Nginx::start(*options, certificate)?),
            Origin::Go(options) => Self::Go(Go::start(options, certificate)?),
            Origin::OpenSsl(options) => Self::OpenSsl(OpenSsl::start(options, certificate)?),
        })
    }

    /// Port of the server.
    pub fn port(&self) -> u16 {
        match self {
            Self::Nginx(server) => server.port,
            Self::Go(server) => server.port,
            Self::OpenSsl(server) => server.port,
        }
    }

    /// Ends the server and gives its counts.
    pub fn seen(self) -> Result<Seen> {
        match self {
            Self::Nginx(server) => server.seen(),
            Self::Go(server) => server.finish(),
            Self::OpenSsl(server) => server.seen(),
        }
    }
}

/// Server as its clients are told to reach it.
pub struct Target<'a> {
    /// `https://localhost:PORT/`, or `http://127.0.0.1:PORT/`.
    pub url: String,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// Port alone.
    pub port: String,
    /// Certificate file to trust.
    pub ca: String,
    /// Certificate itself.
    pub certificate: &'a Certificate,
}

/// Actions that a client is known to do; `None` is left to the witnesses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected {
    /// Requests.
    pub requests: Option<u64>,
    /// Connections.
    pub connections: Option<u64>,
    /// Full handshakes.
    pub full: Option<u64>,
    /// Resumed handshakes.
    pub resumed: Option<u64>,
}

/// Makes an expectation with known requests, connections, full and resumed handshakes.
pub fn exactly(requests: u64, connections: u64, full: u64, resumed: u64) -> Expected {
    Expected {
        requests: Some(requests),
        connections: Some(connections),
        full: Some(full),
        resumed: Some(resumed),
    }
}

/// Traces a client against a server and compares what everyone saw.
pub fn check(
    origin: &Origin,
    client: impl FnOnce(&Target) -> Result<Client>,
    expected: Expected,
) -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Running::start(origin, &certificate)?;
    let port = server.port();
    let client = client(&target(origin.is_tls(), port, &certificate))?;
    let capture = Capture::start(port)?;
    let traced = run(&client)?;
    sockets::settle(port)?;
    let time_waits = sockets::time_wait(&sockets::toward(port)?);
    let wire = sums(&flows(&capture.finish()?, port));
    let seen = server.seen()?;
    let mut differences = Differences::of(format!("{} to {origin:?}", client.comm));
    differences.equal(
        "exit code of the client",
        traced.finished.status.code(),
        Some(0),
    );
    compare_witnesses(&wire, &seen, &traced, expected, &mut differences);
    traced.export.compare_losses(&mut differences);
    traced
        .export
        .compare_wire(&wire, time_waits, &mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.tls.failed = 0,
        totals.tls.unfinished = 0,
    );
    compare_processes(&traced.export, &client, wire.established, &mut differences);
    if let (Some(requests), Some(connections)) = (seen.requests, seen.used) {
        let turns = Turns {
            requests,
            connections,
            ..Turns::default()
        };
        turns::compare(&traced.export, turns, &mut differences);
    }
    compare_host(
        &traced.export,
        origin.is_tls(),
        port,
        wire.established,
        &mut differences,
    );
    differences.finish(|| traced.story())
}

/// Target for clients of a server on `port`.
pub fn target(is_tls: bool, port: u16, certificate: &Certificate) -> Target<'_> {
    let place = if is_tls {
        "https://localhost"
    } else {
        "http://127.0.0.1"
    };
    Target {
        url: format!("{place}:{port}/"),
        address: format!("127.0.0.1:{port}"),
        port: port.to_string(),
        ca: certificate.path().display().to_string(),
        certificate,
    }
}

/// Compares the wire, the server's log, the client's own count and the expectation.
fn compare_witnesses(
    wire: &Sums,
    seen: &Seen,
    traced: &Traced,
    expected: Expected,
    differences: &mut Differences,
) {
    let Some(said) = differences.value(traced.client_count()) else {
        return;
    };
    let said = |key: &str| said.get(key).and_then(Value::as_u64);
    let connections = [seen.connections, said("connections"), expected.connections];
    let full = [seen.full, said("full"), expected.full];
    let resumed = [seen.resumed, said("resumed"), expected.resumed];
    for (name, on_wire, told) in [
        ("connections", wire.established, connections),
        ("full handshakes", wire.full, full),
        ("resumed handshakes", wire.resumed, resumed),
    ] {
        for (witness, count) in ["server", "client", "row"].into_iter().zip(told) {
            let label = format!("{name}: {witness} against the wire");
            differences.equal(&label, count.unwrap_or(on_wire), on_wire);
        }
    }
    let requests = [seen.requests, said("requests"), expected.requests];
    let mut known = requests.into_iter().flatten();
    let first = known.next();
    differences.holds(
        &format!("all count the same requests: {requests:?}"),
        known.all(|count| Some(count) == first),
    );
}

/// Checks that every connection belongs to a process with the client's name and executable.
pub fn compare_processes(
    export: &Export,
    client: &Client,
    connections: u64,
    differences: &mut Differences,
) {
    let executable = client.executable().map(|path| path.display().to_string());
    let executable = differences.value(executable).unwrap_or_default();
    let mut total = 0;
    for process in &export.processes {
        let established = process.group.connections.established.unwrap_or_default();
        if established > 0 {
            differences.equal("comm", &*process.comm, client.comm);
            differences.equal("exe", process.exe.as_deref(), Some(&*executable));
            differences.holds("the process has a pid", process.pid > 1);
        }
        total += established;
    }
    differences.equal("connections over all processes", total, connections);
}

/// Checks that there is one host, with the name that the client used.
fn compare_host(
    export: &Export,
    is_tls: bool,
    port: u16,
    connections: u64,
    differences: &mut Differences,
) {
    let (name, source) = if is_tls {
        ("localhost", HostSource::Sni)
    } else {
        ("127.0.0.1", HostSource::Address)
    };
    let hosts = export.hosts.iter();
    let got: Vec<_> = hosts
        .map(|host| {
            let established = host.group.connections.established;
            (&*host.host, &host.host_source, host.port, established)
        })
        .collect();
    let wanted = (name, &source, port, Some(connections));
    differences.equal("hosts", got, vec![wanted]);
}

/// Reads a count out of a client's JSON, for cases with a witness of their own.
pub fn said(traced: &Traced, key: &str) -> Result<u64> {
    traced.client_count()?[key]
        .as_u64()
        .with_context(|| format!("the client did not say {key}"))
}
