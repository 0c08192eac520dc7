//! `cargo xtask vm`: traces real connections on other kernels under QEMU. Every count is compared with the counts of the
//! clients, of the servers and of that kernel's socket table.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::initramfs::Initramfs;
use crate::scenario::{self, Report};
use crate::tally::Tally;
use crate::{build, kernel_image, setup, shell, workspace};

const SERIES: [&str; 2] = ["6.1", "6.12"];
/// Longest time from power-on to power-off in seconds. A machine takes about ten.
const TIMEOUT_S: &str = "240";
/// Exit status of timeout(1) when it had to end the command.
const TIMED_OUT: i32 = 124;

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let (options, series): (Vec<&str>, Vec<&str>) = args
        .iter()
        .map(String::as_str)
        .partition(|arg| arg.starts_with('-'));
    match options.as_slice() {
        [] => drop(build::build(&setup::for_build()?)?),
        ["--no-build"] => (),
        other => bail!("unknown options {other:?}; `cargo xtask help` lists what each verb takes"),
    }
    let tally = run(if series.is_empty() { &SERIES } else { &series })?;
    println!("{tally}");
    Ok(tally.exit_code())
}

/// Runs all kernels with the release binary as it is.
pub(crate) fn run_all() -> Result<Tally> {
    run(&SERIES)
}

fn run(series: &[&str]) -> Result<Tally> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("the test machines are x86-64 and this machine's tracer binary is not");
    }
    setup::for_vm()?;
    let mut tally = Tally::default();
    for series in series {
        match boot(series) {
            Ok(report) => scenario::check(series, &report, &mut tally),
            Err(error) => tally.record(&format!("vm {series}"), Err(format!("{error:#}"))),
        }
    }
    Ok(tally)
}

fn boot(series: &str) -> Result<Report> {
    let kernel = kernel_image::ensure(series)?;
    let home = kernel_image::directory(series);
    let initrd = home.join("initrd");
    let files = Initramfs::new(home.join("root"))?;
    kernel.copy_modules(&files.inside(Path::new("/modules")))?;
    fill(&files)?;
    files.pack(&initrd)?;
    let console = home.join("console.log");
    let lines = power_on(&kernel.image, &initrd, &console)?;
    Report::parse(&lines).with_context(|| format!("see {}", console.display()))
}

fn fill(files: &Initramfs) -> Result<()> {
    for program in ["busybox", "curl", "openssl"] {
        files.program(&shell::which(program).with_context(|| format!("{program} is missing"))?)?;
    }
    files.program(&workspace::tracer())?;
    files.script("/init", include_str!("../assets/vm/init"))?;
    files.script("/scenario", include_str!("../assets/vm/scenario"))?;
    files.script("/kept", include_str!("../assets/vm/kept"))?;
    let (key, certificate) = (
        files.inside(Path::new("/origin.key")),
        files.inside(Path::new("/origin.crt")),
    );
    make_certificate(&key, &certificate)
}

/// Makes a self-signed certificate for origin.test and the loopback addresses.
pub(crate) fn make_certificate(key: &Path, certificate: &Path) -> Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "3650",
    ]);
    openssl.args([
        "-subj",
        "/CN=origin.test",
        "-addext",
        "subjectAltName=DNS:origin.test,IP:127.0.0.1,IP:::1",
    ]);
    openssl.arg("-keyout").arg(key).arg("-out").arg(certificate);
    shell::run(openssl.stderr(Stdio::null()))
}

/// Runs the machine until it switches itself off, and gives the lines of its console.
fn power_on(kernel: &Path, initrd: &Path, console: &Path) -> Result<Vec<String>> {
    // timeout(1) ends the machine even if xtask was killed.
    let mut qemu = Command::new("timeout");
    qemu.args([
        "--foreground",
        "--kill-after=5",
        TIMEOUT_S,
        "qemu-system-x86_64",
    ]);
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
    qemu.args([
        "-nographic",
        "-no-reboot",
        "-net",
        "none",
        "-append",
        "console=ttyS0 quiet panic=-1",
    ]);
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    shell::echo(&qemu);
    let machine = qemu.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut machine = machine.context("cannot start QEMU")?;
    let output = machine.stdout.take().context("QEMU has no console")?;
    let lines = read_console(BufReader::new(output), File::create(console)?);
    let status = machine.wait()?;
    if status.code() == Some(TIMED_OUT) {
        bail!(
            "the machine was still running after {TIMEOUT_S} s; see {}",
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
