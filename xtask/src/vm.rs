//! `cargo xtask vm`: other kernels under QEMU trace real connections, and every count is compared with what the
//! clients, the servers and that kernel's own socket table say.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::initramfs::Initramfs;
use crate::test::Tally;
use crate::{build, kernel_image, setup, shell, workspace};

const SERIES: [&str; 2] = ["6.1", "6.12"];
/// From power-on to power-off. A machine takes 30 s here.
const TIMEOUT: Duration = Duration::from_secs(240);

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

/// All of them, with the release binary as it is.
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
            Ok(report) => check(series, &report, &mut tally),
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
    let (key, certificate) = (
        files.inside(Path::new("/origin.key")),
        files.inside(Path::new("/origin.crt")),
    );
    make_certificate(&key, &certificate)
}

/// A self-signed one for origin.test and the loopback addresses.
fn make_certificate(key: &Path, certificate: &Path) -> Result<()> {
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

/// Runs the machine until it switches itself off; what it wrote to its console, line by line.
fn power_on(kernel: &Path, initrd: &Path, console: &PathBuf) -> Result<Vec<String>> {
    let mut qemu = Command::new("qemu-system-x86_64");
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
    qemu.args(["-nographic", "-no-reboot", "-net", "none", "-kernel"])
        .arg(kernel)
        .arg("-initrd")
        .arg(initrd);
    qemu.args(["-append", "console=ttyS0 quiet panic=-1"]);
    shell::echo(&qemu);
    let mut machine = qemu
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start QEMU")?;
    let output = machine.stdout.take().context("QEMU has no console")?;
    let (sender, lines) = channel();
    let reader = thread::spawn(move || read_console(BufReader::new(output), &sender));
    let collected = collect(&lines, File::create(console)?);
    stop(machine)?;
    drop(lines);
    reader
        .join()
        .map_err(|_panic| anyhow::anyhow!("the console's reader died"))?;
    collected.with_context(|| format!("see {}", console.display()))
}

fn read_console(mut console: impl BufRead, lines: &Sender<String>) {
    let mut line = Vec::new();
    while console
        .read_until(b'\n', &mut line)
        .is_ok_and(|length| length > 0)
    {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if lines.send(text).is_err() {
            return;
        }
        line.clear();
    }
}

fn collect(lines: &Receiver<String>, mut log: File) -> Result<Vec<String>> {
    let deadline = Instant::now() + TIMEOUT;
    let mut collected = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                writeln!(log, "{line}")?;
                collected.push(line);
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(collected),
            Err(RecvTimeoutError::Timeout) => {
                bail!("the machine was still running after {TIMEOUT:?}")
            }
        }
    }
}

/// It has ended by itself, or it is ended now.
fn stop(mut machine: Child) -> Result<()> {
    if machine.try_wait()?.is_none() {
        machine.kill()?;
    }
    machine.wait()?;
    Ok(())
}

/// What the machine said, by section.
#[derive(Default)]
struct Report {
    sections: HashMap<String, Section>,
}

#[derive(Default)]
struct Section {
    text: String,
    status: i32,
}

impl Report {
    fn parse(lines: &[String]) -> Result<Self> {
        let mut report = Self::default();
        let mut open: Option<(&str, Section)> = None;
        for line in lines {
            if let Some(name) = line.strip_prefix("@@ begin ") {
                open = Some((name, Section::default()));
            } else if let Some(end) = line.strip_prefix("@@ end ") {
                let (name, mut section) = open
                    .take()
                    .with_context(|| format!("{line:?} without a begin"))?;
                section.status = end
                    .rsplit(' ')
                    .next()
                    .and_then(|status| status.parse().ok())
                    .unwrap_or(-1);
                report.sections.insert(name.to_owned(), section);
            } else if let Some((_, section)) = &mut open {
                section.text.push_str(line);
                section.text.push('\n');
            }
        }
        if report.sections.is_empty() {
            bail!("the machine did not come up");
        }
        Ok(report)
    }

    fn text(&self, name: &str) -> &str {
        self.sections
            .get(name)
            .map_or("", |section| section.text.trim())
    }

    fn status(&self, name: &str) -> i32 {
        self.sections.get(name).map_or(-1, |section| section.status)
    }

    /// The number which a section consists of, or which follows `label: ` in it.
    fn number(&self, name: &str, label: &str) -> Option<u64> {
        let text = self.text(name);
        if label.is_empty() {
            return text.parse().ok();
        }
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(label)?.strip_prefix(": "));
        line?.parse().ok()
    }
}

/// What the scenario does, as its clients and servers must have seen it too.
const PLAIN: u64 = 20;
const FULL_1_2: u64 = 20 + 1;
const FULL_1_3: u64 = 20 + 5;
const RESUMED_1_2: u64 = 5;
const RESUMED_1_3: u64 = 5;
const REFUSED: u64 = 5;
const FULL: u64 = FULL_1_2 + FULL_1_3;
const RESUMED: u64 = RESUMED_1_2 + RESUMED_1_3;
const ESTABLISHED: u64 = PLAIN + FULL + RESUMED;

fn check(series: &str, report: &Report, tally: &mut Tally) {
    println!("vm {series}: kernel {}", report.text("kernel"));
    let mut equal = |what: &str, found: Option<u64>, expected: u64| {
        let result = (found == Some(expected)).then_some(());
        let found = found.map_or("nothing".to_owned(), |found| found.to_string());
        tally.record(
            &format!("vm {series}: {what}"),
            result.ok_or(format!("{found}, not {expected}")),
        );
    };
    let clients = [
        ("plain", "", PLAIN),
        ("refused", "", REFUSED),
        ("handshakes", "New, TLSv1.2", FULL_1_2),
    ];
    let resumed = [
        ("New, TLSv1.3", FULL_1_3),
        ("Reused, TLSv1.2", RESUMED_1_2),
        ("Reused, TLSv1.3", RESUMED_1_3),
    ];
    for (section, label, expected) in clients
        .into_iter()
        .chain(resumed.map(|(l, n)| ("handshakes", l, n)))
    {
        equal(
            &format!("clients saw {section} {label}"),
            report.number(section, label),
            expected,
        );
    }
    let export = serde_json::from_str(report.text("export")).unwrap_or(Value::Null);
    for (pointer, expected) in EXPECTED {
        equal(
            pointer,
            export.pointer(pointer).and_then(Value::as_u64),
            *expected,
        );
    }
    let time_wait = report.number("time_wait", "").unwrap_or(u64::MAX);
    equal(
        "/time_wait/entered as the kernel lists them",
        number(&export, "/time_wait/entered"),
        time_wait,
    );
    equal(
        "exit status of doctor",
        u64::try_from(report.status("doctor")).ok(),
        0,
    );
    equal(
        "exit status of run is the scenario's",
        u64::try_from(report.status("run")).ok(),
        7,
    );
    if export.is_null() {
        println!("tracer said:\n{}", report.text("run"));
    }
}

fn number(export: &Value, pointer: &str) -> Option<u64> {
    export.pointer(pointer).and_then(Value::as_u64)
}

const EXPECTED: &[(&str, u64)] = &[
    ("/events/lost", 0),
    ("/events/undecodable", 0),
    ("/totals/connections/opened", ESTABLISHED + REFUSED),
    ("/totals/connections/established", ESTABLISHED),
    ("/totals/connections/failed/refused", REFUSED),
    ("/totals/tls/full", FULL),
    ("/totals/tls/resumed", RESUMED),
    ("/totals/tls/failed", 0),
    ("/totals/tls/versions/1.2", FULL_1_2 + RESUMED_1_2),
    ("/totals/tls/versions/1.3", FULL_1_3 + RESUMED_1_3),
    ("/totals/phases/connect/count", ESTABLISHED),
    ("/totals/phases/connect_failed/count", REFUSED),
    ("/totals/phases/tls/count", FULL),
    ("/totals/phases/tls_resumed/count", RESUMED),
];
