//! `cargo xtask lint`: house rules, formatting, clippy on both sides of the kernel line, licences.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{arguments, build, graph, setup, shell, summaries, tidy, workspace};

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [fix, only_house_rules] = arguments::flags(args, ["--fix", "--house-rules"])?;
    let mut failed = Vec::new();
    let steps: [(&str, &dyn Fn() -> Result<()>); 5] = [
        ("house rules", &house_rules),
        ("format", &|| format(fix)),
        ("clippy", &clippy),
        ("clippy of the kernel programs", &kernel_clippy),
        ("licences", &licences),
    ];
    let asked = if only_house_rules { 1 } else { steps.len() };
    for (name, step) in &steps[..asked] {
        if let Err(error) = step() {
            eprintln!("lint: {name}: {error:#}");
            failed.push(*name);
        }
    }
    match failed.as_slice() {
        [] => println!("lint: clean"),
        failed => println!("lint: failed: {}", failed.join(", ")),
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs rustfmt. The one of the pinned toolchain formats the kernel programs as well, so that there is one style.
fn format(fix: bool) -> Result<()> {
    let check: &[&str] = if fix { &[] } else { &["--check"] };
    let in_workspace = |directory: &str| {
        let mut cargo = workspace::cargo();
        cargo
            .args(["fmt", "--all"])
            .args(check)
            .current_dir(workspace::root().join(directory));
        shell::run(&mut cargo)
    };
    // Both run in any case, so that one run shows everything.
    let (user, kernel) = (in_workspace(""), in_workspace("tracer-ebpf"));
    user.and(kernel)
}

/// Runs clippy twice: with the browser, which `tracer` has by default, and without it.
fn clippy() -> Result<()> {
    let without = ["--package", "tracer", "--no-default-features"];
    for what in [&["--workspace", "--all-targets"][..], &without] {
        let mut cargo = workspace::cargo();
        cargo.args(["clippy", "--quiet"]).args(what);
        shell::run(cargo.args(["--", "-D", "warnings"]))?;
    }
    // The fuzz targets are a workspace of their own, and would break unseen.
    let mut cargo = workspace::cargo();
    cargo.current_dir(workspace::root().join("fuzz"));
    cargo.args(["check", "--quiet", "--target-dir"]);
    shell::run(cargo.arg(workspace::target_dir().join("fuzz")))
}

fn kernel_clippy() -> Result<()> {
    let toolchain = setup::for_build()?;
    toolchain.ensure_clippy()?;
    for features in [&[][..], &["--features", "kernel-log"]] {
        let mut cargo = workspace::cargo_of(&toolchain.name);
        cargo.args([
            "clippy",
            "--quiet",
            "--release",
            "--target",
            build::BPF_TARGET,
            "-Z",
            "build-std=core",
        ]);
        cargo
            .args(features)
            .arg("--target-dir")
            .arg(workspace::target_dir().join("bpf"));
        cargo
            .args(["--", "-D", "warnings"])
            .env("RUSTFLAGS", build::rustflags(std::env::consts::ARCH));
        shell::run(&mut cargo)?;
    }
    Ok(())
}

fn house_rules() -> Result<()> {
    let mut breaches = tidy::breaches()?;
    breaches.extend(graph::faults()?);
    breaches.extend(summaries::faults()?);
    for breach in &breaches {
        eprintln!("{breach}");
    }
    match breaches.len() {
        0 => Ok(()),
        n => anyhow::bail!("{n} breaches"),
    }
}

fn licences() -> Result<()> {
    if shell::which("cargo-deny").is_none() {
        eprintln!(
            "lint: cargo-deny is not installed, licences and sources were not checked: cargo install cargo-deny"
        );
        return Ok(());
    }
    for directory in ["", "tracer-ebpf"] {
        let mut deny = Command::new("cargo-deny");
        deny.args(["--log-level", "error", "check", "--config"])
            .arg(workspace::root().join("deny.toml"));
        deny.args(["licenses", "bans", "sources"])
            .current_dir(workspace::root().join(directory));
        shell::run(&mut deny)?;
    }
    Ok(())
}
