//! `tracer-testbed`: the origin and the link by hand.

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
