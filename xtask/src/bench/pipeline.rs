//! `cargo xtask bench pipeline`: the speed and memory of the core, and the time to list sockets.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{arguments, setup, shell, workspace};

/// Packages and their benches.
const BENCHES: [(&str, &str); 3] = [
    ("tracer-core", "pipeline"),
    ("tracer-core", "footprint"),
    ("tracer", "diag"),
];

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [] = arguments::flags(args, [])?;
    if !shell::is_root() {
        bail!("listing sockets needs a network namespace of its own, and that needs root");
    }
    setup::for_bench()?;
    for (package, bench) in BENCHES {
        let mut cargo = workspace::cargo();
        cargo.args(["bench", "--quiet", "--package", package, "--bench", bench]);
        shell::run(&mut cargo)?;
    }
    Ok(ExitCode::SUCCESS)
}
