//! `cargo xtask fuzz`: libFuzzer on the parsers of data from the wire, each target for a minute. The pinned
//! toolchain suffices: the sanitizer-coverage pass belongs to LLVM, so neither nightly nor cargo-fuzz is needed.

mod seeds;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::tally::Tally;
use crate::{shell, workspace};

const TARGETS: [&str; 11] = [
    "crawler_dedup",
    "crawler_html",
    "crawler_robots",
    "crawler_sitemap",
    "crawler_url",
    "dns_packets",
    "flow",
    "frames",
    "recording",
    "records",
    "tls_hello",
];
/// Target that begins with captures of real clients.
const SEEDED: &str = "flow";
const SECONDS: u64 = 60;
/// Flags that cargo-fuzz passes, except for the address sanitizer, which needs nightly.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1";

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let seconds = match args {
        [] => SECONDS,
        [flag, seconds] if flag == "--seconds" => seconds.parse().context("--seconds")?,
        other => bail!("unknown arguments {other:?}; `cargo xtask help` lists them"),
    };
    let mut tally = Tally::default();
    run(seconds, &mut tally)?;
    println!("{tally}");
    Ok(tally.exit_code())
}

/// Runs all targets for a minute each.
pub(crate) fn run_all(tally: &mut Tally) -> Result<()> {
    run(SECONDS, tally)
}

/// Runs all targets at once.
fn run(seconds: u64, tally: &mut Tally) -> Result<()> {
    let binaries = build()?;
    let running = TARGETS
        .iter()
        .map(|target| Ok((*target, start(&binaries, target, seconds)?)))
        .collect::<Result<Vec<_>>>()?;
    for (target, mut child) in running {
        let status = child.wait().context("waiting for a fuzz target")?;
        let outcome = if status.success() {
            Ok(())
        } else {
            print_story(target);
            Err(format!(
                "{status}; the input is in {}",
                home(target).display()
            ))
        };
        tally.record(&format!("fuzz {target}"), outcome);
    }
    Ok(())
}

/// Prints the end of what a target has said, the failing input among it: the machine of the build may be gone when
/// somebody looks.
fn print_story(target: &str) {
    const MOST_LINES: usize = 60;
    let story = std::fs::read(home(target).with_extension("log")).unwrap_or_default();
    let story = String::from_utf8_lossy(&story);
    let lines: Vec<_> = story.lines().collect();
    let panicked = lines.iter().position(|line| line.contains("panicked at"));
    let from = panicked.unwrap_or(lines.len().saturating_sub(MOST_LINES));
    for line in lines.iter().skip(from).take(MOST_LINES) {
        println!("{line}");
    }
}

/// Builds every target. A target triple is named, so that the flags do not reach build scripts.
fn build() -> Result<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let directory = workspace::target_dir().join("fuzz");
    let mut cargo = workspace::cargo();
    cargo
        .current_dir(workspace::root().join("fuzz"))
        .env("RUSTFLAGS", FLAGS)
        .args([
            "build",
            "--quiet",
            "--release",
            "--target",
            &triple,
            "--target-dir",
        ])
        .arg(&directory);
    shell::run(&mut cargo)?;
    Ok(directory.join(triple).join("release"))
}

/// Folder with the corpus and the failing inputs of a target.
fn home(target: &str) -> PathBuf {
    workspace::target_dir().join("fuzz-corpus").join(target)
}

fn start(binaries: &Path, target: &str, seconds: u64) -> Result<Child> {
    let home = home(target);
    std::fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
    if target == SEEDED {
        seeds::write(&home)?;
    }
    let mut command = Command::new(binaries.join(target));
    command
        .arg(format!("-max_total_time={seconds}"))
        .args([
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
            "-verbosity=0",
        ])
        .arg(format!("-artifact_prefix={}/failed-", home.display()))
        .arg(&home);
    shell::echo(&command);
    let log = File::create(home.with_extension("log")).context("creating the log")?;
    command.stdout(log.try_clone()?).stderr(log);
    command
        .spawn()
        .with_context(|| format!("cannot start the fuzz target {target}"))
}
