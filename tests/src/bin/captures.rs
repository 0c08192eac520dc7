//! Corpus of captures: `captures DIRECTORY [NAME…]`. Everything runs in a network namespace of its own, where nothing
//! but loopback exists, so no other packet gets into a capture, and no client reaches another machine.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use nix::sched::{CloneFlags, unshare};
use tracer_tests::matrix::corpus;
use tracer_tests::process::output;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((directory, names)) = arguments.split_first() else {
        bail!("captures DIRECTORY [NAME…]");
    };
    unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace (needs root)")?;
    output(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    let captures = corpus(Path::new(directory), names)?;
    ensure!(captures != 0, "no capture has such a name: {names:?}");
    Ok(())
}
