//! `cargo xtask test`: runs all tests, and says in the last line how many passed and failed.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::tally::{Tally, Unseen};
use crate::{build, fuzz, setup, shell, vm, workspace};

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let quick = args.iter().any(|arg| arg == "--quick");
    let names: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .filter(|arg| *arg != "--quick")
        .collect();
    let mut tally = Tally::default();
    stage("setup and build", &mut tally, |_| prepare());
    if !tally.has_failed() {
        if names.is_empty() {
            stage("pure tests", &mut tally, pure);
        }
        stage("end-to-end tests", &mut tally, |tally| {
            end_to_end(&names, tally)
        });
        if !quick && names.is_empty() {
            stage("fuzzing", &mut tally, fuzz::run_all);
            stage("other kernels", &mut tally, |tally| {
                vm::run_all().map(|machines| tally.add(&machines))
            });
        }
    }
    tally
        .second_runs()
        .for_each(|name| println!("ran twice, or would have: {name}"));
    println!("{tally}");
    Ok(tally.exit_code())
}

/// Runs one stage and prints its time. A stage that could not be run counts as one failure.
fn stage(name: &str, tally: &mut Tally, run: impl FnOnce(&mut Tally) -> Result<()>) {
    println!("== {name}");
    let start = Instant::now();
    if let Err(error) = run(tally) {
        tally.record(name, Err(format!("{error:#}")));
    }
    println!("== {name}: {:.0} s", start.elapsed().as_secs_f64());
}

fn prepare() -> Result<()> {
    let toolchain = setup::for_build()?;
    setup::for_test()?;
    build::build(&toolchain)?;
    Ok(())
}

fn pure(tally: &mut Tally) -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args([
        "test",
        "--workspace",
        "--exclude",
        "tracer-tests",
        "--no-fail-fast",
    ]);
    tally.add(&stream(&mut cargo)?);
    Ok(())
}

/// Limit of the tests that run a second time: more of them are no chance.
const SECOND_RUNS: usize = 2;

/// Runs the end-to-end tests one at a time, because they share the kernel, its ports and its processors.
fn end_to_end(names: &[&str], tally: &mut Tally) -> Result<()> {
    let mut unseen = Unseen::default();
    let mut first = stream_to(&mut tracing_tests(names), |line| unseen.read(line))?;
    if unseen.tests.len() <= SECOND_RUNS {
        for name in &unseen.tests {
            println!("{name}: runs once more, because the kernel did not run the programs");
            first.replace_failure(&stream(&mut tracing_tests(&["--exact", name]))?);
        }
    }
    tally.add(&first);
    tally.note_second_runs(unseen.tests);
    Ok(())
}

fn tracing_tests(names: &[&str]) -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--package", "tracer-tests", "--no-fail-fast"]);
    cargo
        .env("TRACER_BIN", workspace::tracer())
        .env("TRACER_VENV", workspace::venv());
    cargo.args(["--", "--test-threads=1"]).args(names);
    cargo
}

/// Shows the output as it comes, and adds up the results of the test binaries.
fn stream(cargo: &mut Command) -> Result<Tally> {
    stream_to(cargo, |_| ())
}

/// Like [`stream`]; gives `read` each line.
fn stream_to(cargo: &mut Command, mut read: impl FnMut(&str)) -> Result<Tally> {
    shell::echo(cargo);
    let mut child = cargo
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut tally = Tally::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tally.add(&Tally::of_line(&line));
        read(&line);
    }
    // cargo fails without a failed test when something did not compile or a test binary died.
    if !child.wait()?.success() && !tally.has_failed() {
        tally.fail();
    }
    Ok(tally)
}
