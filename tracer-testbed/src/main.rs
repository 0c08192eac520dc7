//! `tracer-testbed`: runs the origin, the DNS server, the client or the link by hand.

mod args;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match args::Args::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tracer-testbed: {error:#}");
            ExitCode::from(3)
        }
    }
}
