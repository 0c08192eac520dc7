//! The command line.

mod client;
mod dns;
mod link;
mod origin;
mod proportion;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Test origin and delayed link for tracer.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve HTTP/1.1 in clear or over TLS; print the counts on SIGINT or SIGTERM.
    Origin(origin::OriginArgs),
    /// Answer DNS queries for the names given; print the counts on SIGINT or SIGTERM.
    Dns(dns::DnsArgs),
    /// Ask an origin for pages, with a bad habit.
    Client(client::ClientArgs),
    /// Run a command beside two namespaces joined by a link with a round trip (needs root).
    Link(link::LinkArgs),
}

impl Args {
    /// Runs the verb and gives its exit code, or the reason why it could not start.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Origin(args) => args.run(),
            Verb::Dns(args) => args.run(),
            Verb::Client(args) => Ok(args.run()),
            Verb::Link(args) => args.run(),
        }
    }
}
