//! `cargo xtask test`: everything that proves the product works, and one line at the end that says how much of it did.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

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
    if tally.failed == 0 {
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
    println!("{tally}");
    Ok(tally.exit_code())
}

/// Runs one stage and says how long it took. A stage that could not be run counts as one failure.
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

/// One at a time: they share the kernel, its ports and its time.
fn end_to_end(names: &[&str], tally: &mut Tally) -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--package", "tracer-tests", "--no-fail-fast"]);
    cargo
        .env("TRACER_BIN", workspace::tracer())
        .env("TRACER_VENV", workspace::venv());
    cargo.args(["--", "--test-threads=1"]).args(names);
    tally.add(&stream(&mut cargo)?);
    Ok(())
}

/// Shows the output as it comes and sums up what each test binary says of itself.
fn stream(cargo: &mut Command) -> Result<Tally> {
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
    }
    // Failing without a failed test: it did not compile, or a test binary died.
    if !child.wait()?.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// `test result: ok. 12 passed; 0 failed; 0 ignored; …`
    fn of_line(line: &str) -> Self {
        let Some(result) = line.strip_prefix("test result: ") else {
            return Self::default();
        };
        let count = |what: &str| {
            let words: Vec<&str> = result.split([' ', ';']).collect();
            let pair = words.windows(2).find(|pair| pair[1] == what);
            pair.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
        };
        Self {
            passed: count("passed"),
            failed: count("failed"),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    pub(crate) fn record(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => {
                println!("test {name} ... ok");
                self.passed += 1;
            }
            Err(reason) => {
                println!("test {name} ... FAILED: {reason}");
                self.failed += 1;
            }
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn check(line: &str, passed: u64, failed: u64) {
        assert_eq!(Tally::of_line(line), Tally { passed, failed });
    }

    #[test]
    fn result_lines_are_summed() {
        check(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s",
            12,
            0,
        );
        check(
            "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out",
            3,
            2,
        );
        check("test origin::serves ... ok", 0, 0);
    }
}
