//! `cargo xtask captures`: makes the captures in tests/captures anew, all or those whose names contain a word. Each is
//! a run of a real client of the matrix, with the counts of its servers beside its packets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{setup, shell, workspace};

/// Limit of the size of all captures, because each new set of them stays in the history of the repository.
const LIMIT_BYTES: u64 = 2_000_000;

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    if let Some(flag) = args.iter().find(|arg| arg.starts_with('-')) {
        bail!("unknown argument {flag:?}; `cargo xtask help` lists what each verb takes");
    }
    if !shell::is_root() {
        bail!("capturing packets in a network namespace needs root");
    }
    setup::for_test()?;
    let directory = workspace::root().join("tests/captures");
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let mut program = Command::new(build()?);
    program
        .arg(&directory)
        .args(args)
        .env("TRACER_VENV", workspace::venv());
    shell::run(&mut program)?;
    let size = size(&directory)?;
    println!("{}: {size} bytes", directory.display());
    if size > LIMIT_BYTES {
        bail!("the captures have more than {LIMIT_BYTES} bytes");
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the program that captures, and the client that is built beside it.
fn build() -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--quiet", "--package", "tracer-tests", "--bins"]);
    shell::run(&mut cargo)?;
    Ok(workspace::target_dir().join("debug/captures"))
}

fn size(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
