//! `cargo xtask bench tui`: the cost of a frame of the live screen at 10,000 events/s over 10,000 hosts.

use std::process::ExitCode;

use anyhow::Result;

use crate::{arguments, setup, shell, workspace};

/// Test that prints the figures. As a plain test it runs for a few ticks only.
const TEST: &str = "cost_of_a_screen";

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [] = arguments::flags(args, [])?;
    setup::for_build()?;
    let mut cargo = workspace::cargo();
    cargo.args([
        "test",
        "--quiet",
        "--release",
        "--package",
        "tracer",
        "--bin",
        "tracer",
        TEST,
    ]);
    cargo.args(["--", "--nocapture"]).env("TRACER_BENCH", "1");
    shell::run(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}
