//! `tracer-testbed origin`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tracer_testbed::origin::{Faults, Options, Origin, Reach, TlsOptions, TlsVersions};

#[derive(Debug, Args)]
pub(crate) struct OriginArgs {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Serve TLS (the default).
    #[arg(long, conflicts_with = "clear")]
    tls: bool,
    /// Serve clear text.
    #[arg(long)]
    clear: bool,
    /// Name or address in the certificate; repeat for more.
    #[arg(long = "name", default_values = ["localhost", "127.0.0.1", "::1", "origin.example"])]
    names: Vec<String>,
    /// Number of session tickets sent after a TLS 1.3 handshake; 0 also turns TLS 1.2 tickets off.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=4))]
    tickets: u8,
    /// Never resume a session.
    #[arg(long)]
    no_resumption: bool,
    /// TLS versions accepted.
    #[arg(long, value_enum, default_value_t = Versions::Both)]
    tls_versions: Versions,
    /// Write the certificate authority here instead of to a temporary file.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// Serve more than one request per connection.
    #[arg(long, value_enum, default_value_t = Switch::On)]
    keep_alive: Switch,
    /// Close a connection without a request for this long, for example 5s.
    #[arg(long, value_parser = tracer_text::duration::parse)]
    idle_timeout: Option<Duration>,
    /// Size of every response body.
    #[arg(long, default_value_t = 1024)]
    body_bytes: usize,
    /// Vary the size of pages from half to one and a half of that size.
    #[arg(long)]
    vary_sizes: bool,
    /// Number of links of a page to pages further down.
    #[arg(long, default_value_t = 4)]
    links: u64,
    /// Host that pages link to, in turn; repeat for more. Without it, links stay on their host.
    #[arg(long = "host")]
    hosts: Vec<String>,
    /// Compress pages for clients that accept it.
    #[arg(long)]
    gzip: bool,
    /// Number of pages of the generated site under /page/.
    #[arg(long, default_value_t = 1000)]
    pages: u64,
    /// Wait this long before each response, for example 20ms.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "0")]
    think_time: Duration,
    /// Most connections served at once.
    #[arg(long, default_value_t = 20_000)]
    max_connections: usize,
    /// File for JSON lines: one per request, and one per connection at its close.
    #[arg(long)]
    log: Option<PathBuf>,
    #[command(flatten)]
    faults: FaultArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Faults")]
struct FaultArgs {
    /// Number of requests that are spared before --reset, --slow-first-byte and --slow-body hit one; 9 hits every tenth.
    #[arg(long, default_value_t = 0)]
    spared: u64,
    /// Reset the connection instead of answering.
    #[arg(long)]
    reset: bool,
    /// Silence before each response, for example 2s.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "0")]
    slow_first_byte: Duration,
    /// Additional time for each body, which is sent in pieces.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "0")]
    slow_body: Duration,
    /// Close the server's half after each response without announcing it.
    #[arg(long)]
    half_close: bool,
    /// Answer to connection attempts.
    #[arg(long, value_enum, default_value_t = ReachArg::Open)]
    reach: ReachArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReachArg {
    /// Connections are accepted.
    Open,
    /// Connections are answered by a reset.
    Refused,
    /// Connections are never answered.
    BlackHole,
}

impl FaultArgs {
    fn faults(&self) -> Faults {
        Faults {
            spared: self.spared,
            reset: self.reset,
            slow_first_byte: self.slow_first_byte,
            slow_body: self.slow_body,
            half_close: self.half_close,
            reach: match self.reach {
                ReachArg::Open => Reach::Open,
                ReachArg::Refused => Reach::Refused,
                ReachArg::BlackHole => Reach::BlackHole,
            },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Versions {
    #[value(name = "1.2")]
    Only12,
    #[value(name = "1.3")]
    Only13,
    Both,
}

impl OriginArgs {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
        runtime.block_on(serve(self.options()))?;
        Ok(ExitCode::SUCCESS)
    }

    fn options(self) -> Options {
        Options {
            listen: self.listen,
            tls: (!self.clear).then(|| self.tls_options()),
            keep_alive: self.keep_alive == Switch::On,
            idle_timeout: self.idle_timeout,
            body_bytes: self.body_bytes,
            vary_sizes: self.vary_sizes,
            pages: self.pages,
            links: self.links,
            gzip: self.gzip,
            faults: self.faults.faults(),
            hosts: self.hosts,
            think_time: self.think_time,
            max_connections: self.max_connections,
            log: self.log,
        }
    }

    fn tls_options(&self) -> TlsOptions {
        TlsOptions {
            names: self.names.clone(),
            tickets: usize::from(self.tickets),
            resumption: !self.no_resumption,
            versions: match self.tls_versions {
                Versions::Only12 => TlsVersions::Only12,
                Versions::Only13 => TlsVersions::Only13,
                Versions::Both => TlsVersions::Both,
            },
            ca_file: self.ca_file.clone(),
        }
    }
}

/// Serves until SIGINT or SIGTERM. Prints a line at the start, and one with the counts at the end.
async fn serve(options: Options) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let origin = Origin::start(options).await?;
    println!(
        "{}",
        json!({ "listening": origin.address(), "ca": origin.ca_file() })
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    println!("{}", origin.stop().await);
    Ok(())
}
