//! Builds programs of the tests from their sources.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::machine::{fixture, program};
use crate::process::output;

/// Builds a Go program of one file below `tests/`. Go's cache makes the second time quick.
pub fn go(source: &str) -> Result<PathBuf> {
    go_with(source, "", &[])
}

/// Builds a Go program with flags of `go build`; `suffix` tells the binary from those with other flags.
pub fn go_with(source: &str, suffix: &str, flags: &[&str]) -> Result<PathBuf> {
    let name = Path::new(source)
        .with_extension("")
        .to_string_lossy()
        .replace('/', "-")
        + suffix;
    let directory = std::env::current_exe()?
        .parent()
        .context("no parent")?
        .join("go");
    std::fs::create_dir_all(&directory)?;
    let binary = directory.join(name);
    output(
        Command::new(program("go", "golang-go")?)
            .arg("build")
            .args(flags)
            .arg("-o")
            .arg(&binary)
            .arg(fixture(source))
            .env("GO111MODULE", "off"),
    )?;
    Ok(binary)
}

/// Builds a C program of one file below `tests/`, linked with musl.
pub fn musl(source: &str) -> Result<PathBuf> {
    let directory = std::env::current_exe()?
        .parent()
        .context("no parent")?
        .join("musl");
    std::fs::create_dir_all(&directory)?;
    let name = Path::new(source)
        .with_extension("")
        .to_string_lossy()
        .replace('/', "-");
    let binary = directory.join(name);
    // Tests of one process run at the same time, so each writes a file of its own first.
    let own = tempfile::NamedTempFile::new_in(&directory)?.into_temp_path();
    output(
        Command::new(program("musl-gcc", "musl-tools")?)
            .args(["-static", "-Os", "-Wall", "-Werror", "-o"])
            .arg(&own)
            .arg(fixture(source)),
    )?;
    own.persist(&binary)?;
    Ok(binary)
}

/// Compiles a Java program of one file below `tests/`, and gives the directory of its classes.
pub fn java(source: &str) -> Result<PathBuf> {
    let directory = std::env::current_exe()?
        .parent()
        .context("no parent")?
        .join("java");
    std::fs::create_dir_all(&directory)?;
    output(
        Command::new(program("javac", "default-jdk-headless")?)
            .arg("-d")
            .arg(&directory)
            .arg(fixture(source)),
    )?;
    Ok(directory)
}

/// Program of this package, which cargo builds beside its tests and beside its other programs.
pub fn sibling(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let directory = own.parent().context("no parent")?;
    // Tests are in a directory of their own.
    let directory = match directory.ends_with("deps") {
        true => directory.parent().context("no parent")?,
        false => directory,
    };
    Ok(directory.join(name))
}
