//! The machine in QEMU.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::architecture::Architecture;
use crate::shell;

/// Exit status of timeout(1) when it had to end the command.
const TIMED_OUT: i32 = 124;

/// Properties of the machine of an architecture.
struct Model {
    program: &'static str,
    options: &'static [&'static str],
    console: &'static str,
    /// Longest time from power-on to power-off in seconds, several times what it takes.
    timeout_s: &'static str,
}

const fn model(architecture: Architecture) -> Model {
    match architecture {
        Architecture::X86_64 => Model {
            program: "qemu-system-x86_64",
            options: &[],
            console: "ttyS0",
            timeout_s: "240",
        },
        Architecture::Aarch64 => Model {
            program: "qemu-system-aarch64",
            options: &["-machine", "virt"],
            console: "ttyAMA0",
            timeout_s: "900",
        },
    }
}

/// Runs the machine until it switches itself off, and gives the lines of its console.
pub(crate) fn power_on(
    architecture: Architecture,
    kernel: &Path,
    initrd: &Path,
    console: &Path,
) -> Result<Vec<String>> {
    let model = model(architecture);
    // timeout(1) ends the machine even if xtask was killed.
    let mut qemu = Command::new("timeout");
    qemu.args([
        "--foreground",
        "--kill-after=5",
        model.timeout_s,
        model.program,
    ]);
    qemu.args(model.options);
    qemu.args([
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-smp",
        "2",
        "-m",
        "1024",
    ]);
    qemu.args(["-nographic", "-no-reboot", "-net", "none"]);
    qemu.arg("-append")
        .arg(format!("console={} quiet panic=-1", model.console));
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    shell::echo(&qemu);
    let machine = qemu.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut machine = machine.context("cannot start QEMU")?;
    let output = machine.stdout.take().context("QEMU has no console")?;
    let lines = read_console(BufReader::new(output), File::create(console)?);
    let status = machine.wait()?;
    if status.code() == Some(TIMED_OUT) {
        bail!(
            "the machine was still running after {} s; see {}",
            model.timeout_s,
            console.display()
        );
    }
    lines
}

fn read_console(console: impl BufRead, mut log: File) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for line in console.split(b'\n') {
        let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
        writeln!(log, "{line}")?;
        lines.push(line);
    }
    Ok(lines)
}
