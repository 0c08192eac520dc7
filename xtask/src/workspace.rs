//! Paths of the checkout, of the target directory and of cargo.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Variables of the outer cargo that would mislead an inner one with another toolchain.
const OUTER: [&str; 10] = [
    "CARGO",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_MANIFEST_DIR",
    "CARGO_TARGET_DIR",
    "LD_LIBRARY_PATH",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

pub(crate) fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest)
        .parent()
        .map(PathBuf::from)
        .unwrap_or_default()
}

/// Absolute path of the target directory: CARGO_TARGET_DIR if set, else `target` in the checkout.
pub(crate) fn target_dir() -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").filter(|name| !name.is_empty());
    let target = named
        .map(PathBuf::from)
        .unwrap_or_else(|| root().join("target"));
    std::path::absolute(&target).unwrap_or(target)
}

pub(crate) fn tracer() -> PathBuf {
    target_dir().join("release/tracer")
}

pub(crate) fn venv() -> PathBuf {
    target_dir().join("venv")
}

/// Command for the cargo that rust-toolchain.toml pins, run in the checkout.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root());
    for name in OUTER.iter().filter(|name| **name != "CARGO_TARGET_DIR") {
        cargo.env_remove(name);
    }
    cargo
}

/// Command for the cargo of another toolchain, run in the workspace of the kernel programs.
pub(crate) fn cargo_of(toolchain: &str) -> Command {
    let mut cargo = Command::new("rustup");
    for name in OUTER {
        cargo.env_remove(name);
    }
    cargo
        .args(["run", toolchain, "cargo"])
        .current_dir(root().join("tracer-ebpf"));
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .env("PATH", path_with_cargo_bin());
    cargo
}

pub(crate) fn cargo_home() -> PathBuf {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    home.unwrap_or_default()
}

pub(crate) fn cargo_bin() -> PathBuf {
    cargo_home().join("bin")
}

fn path_with_cargo_bin() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(cargo_bin()).chain(env::split_paths(&path));
    env::join_paths(directories).unwrap_or(path)
}

/// Every Rust file below the folder, in order.
pub(crate) fn rust_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
