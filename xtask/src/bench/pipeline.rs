//! `cargo xtask bench pipeline`: the records' way through the core, and listing sockets.

use std::process::ExitCode;

use anyhow::Result;

use crate::{shell, workspace};

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [] = crate::flags(args, [])?;
    let mut cargo = workspace::cargo();
    cargo.args([
        "bench",
        "--quiet",
        "--package",
        "tracer-core",
        "--bench",
        "pipeline",
    ]);
    shell::run(&mut cargo)?;
    let mut cargo = workspace::cargo();
    cargo.args([
        "bench",
        "--quiet",
        "--package",
        "tracer-core",
        "--bench",
        "footprint",
    ]);
    shell::run(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}
