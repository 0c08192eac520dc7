//! `tracer-testbed dns`.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tracer_testbed::dns::{DnsFault, DnsOptions, DnsServer};

#[derive(Debug, Args)]
pub(crate) struct DnsArgs {
    /// Address to listen on, UDP and TCP; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A name that exists, or `*.example` for all names below; repeat for more.
    #[arg(long = "name", required = true)]
    names: Vec<String>,
    /// Address of all names; repeat for more.
    #[arg(long = "address", required = true)]
    addresses: Vec<IpAddr>,
    /// Time for which answers may be kept.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "60s")]
    ttl: Duration,
    /// Fault of the server.
    #[arg(long, value_enum, default_value_t = FaultArg::None)]
    fault: FaultArg,
    /// Delay of answers with the fault slow.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "1s")]
    delay: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FaultArg {
    /// No fault.
    None,
    /// Every query fails.
    Servfail,
    /// Answers are late.
    Slow,
    /// There are no answers.
    Silent,
    /// Answers over UDP are cut.
    Truncate,
}

impl DnsArgs {
    /// Serves until SIGINT or SIGTERM. Prints a line at the start, and one with the counts at the end.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.serve())?;
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(self) -> anyhow::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let fault = match self.fault {
            FaultArg::None => DnsFault::None,
            FaultArg::Servfail => DnsFault::ServFail,
            FaultArg::Slow => DnsFault::Slow(self.delay),
            FaultArg::Silent => DnsFault::Silent,
            FaultArg::Truncate => DnsFault::Truncate,
        };
        let server = DnsServer::start(DnsOptions {
            listen: self.listen,
            names: self.names,
            addresses: self.addresses,
            ttl: self.ttl,
            fault,
        })
        .await?;
        println!("{}", json!({ "listening": server.address() }));
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        println!("{}", server.stop().await.to_json());
        Ok(())
    }
}
