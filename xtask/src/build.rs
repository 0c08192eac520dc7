//! `cargo xtask build`: builds the kernel programs with their own toolchain, then `tracer` with them inside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::toolchain::Toolchain;
use crate::{arguments, setup, shell, workspace};

pub(crate) const BPF_TARGET: &str = match cfg!(target_endian = "little") {
    true => "bpfel-unknown-none",
    false => "bpfeb-unknown-none",
};

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [] = arguments::flags(args, [])?;
    let tracer = build(&setup::for_build()?)?;
    let size = tracer
        .metadata()
        .context("cargo succeeded and left no tracer")?
        .len();
    println!(
        "{} ({:.1} MiB)",
        tracer.display(),
        size as f64 / (1024.0 * 1024.0)
    );
    Ok(ExitCode::SUCCESS)
}

/// Builds the release binary with both sets of kernel programs embedded.
pub(crate) fn build(toolchain: &Toolchain) -> Result<PathBuf> {
    let (object, logging) = kernel_objects(toolchain, std::env::consts::ARCH)?;
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--quiet", "--release", "--package", "tracer"]);
    cargo
        .env("TRACER_BPF_OBJECT", object)
        .env("TRACER_BPF_OBJECT_LOG", logging);
    shell::run(&mut cargo)?;
    Ok(workspace::tracer())
}

/// Builds the kernel programs for machines of an architecture: without, and with log lines.
pub(crate) fn kernel_objects(toolchain: &Toolchain, arch: &str) -> Result<(PathBuf, PathBuf)> {
    let logging = &["--features", "kernel-log"];
    Ok((
        kernel_object(toolchain, arch, "tracer.bpf.o", &[])?,
        kernel_object(toolchain, arch, "tracer-log.bpf.o", logging)?,
    ))
}

fn kernel_object(
    toolchain: &Toolchain,
    arch: &str,
    name: &str,
    features: &[&str],
) -> Result<PathBuf> {
    let target_dir = object_directory(arch);
    let mut cargo = workspace::cargo_of(&toolchain.name);
    cargo.args([
        "build",
        "--quiet",
        "--release",
        "--target",
        BPF_TARGET,
        "-Z",
        "build-std=core",
    ]);
    cargo.args(features).arg("--target-dir").arg(&target_dir);
    cargo.env("RUSTFLAGS", rustflags(arch));
    shell::run(&mut cargo)?;
    let built = target_dir.join(BPF_TARGET).join("release/tracer-ebpf");
    let object = target_dir.join(name);
    copy_if_changed(&built, &object)?;
    Ok(object)
}

/// Folder for the kernel programs of an architecture. That of this machine has the short name.
fn object_directory(arch: &str) -> PathBuf {
    let home = workspace::target_dir().join("bpf");
    match arch == std::env::consts::ARCH {
        true => home,
        false => home.join(arch).join("build"),
    }
}

/// Flags for kernel programs that read the registers of an architecture.
pub(crate) fn rustflags(arch: &str) -> String {
    format!("--cfg=bpf_target_arch=\"{arch}\" -Cdebuginfo=2 -Clink-arg=--btf")
}

/// Copies a file only if its content differs: an unchanged file keeps its time, so that `tracer` is not built again.
pub(crate) fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("the build left no {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    fs::write(to, new).with_context(|| format!("cannot write {}", to.display()))
}
