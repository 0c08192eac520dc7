//! The static binary of an architecture, with its kernel programs inside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::kit::{self, Kit};
use crate::architecture::Architecture;
use crate::toolchain::Toolchain;
use crate::{build, shell, workspace};

/// Largest binary that is shipped, in bytes.
const LIMIT: u64 = 20_000_000;

/// Place of the binary.
pub(crate) fn path(architecture: Architecture) -> PathBuf {
    workspace::target_dir()
        .join(architecture.target())
        .join("dist/tracer")
}

/// Builds the binary, with the standard library from its source.
pub(crate) fn build(architecture: Architecture, toolchain: &Toolchain) -> Result<PathBuf> {
    let kit = kit::ensure(architecture, toolchain)?;
    let (object, logging) = build::kernel_objects(toolchain, architecture.rust())?;
    let mut cargo = workspace::cargo_of(&toolchain.name);
    cargo.current_dir(workspace::root());
    cargo.args([
        "build",
        "--quiet",
        "--profile",
        "dist",
        "--package",
        "tracer",
    ]);
    cargo.args(["--target", architecture.target()]);
    cargo.args(["-Z", "build-std=std,panic_unwind"]);
    cargo.arg("--target-dir").arg(workspace::target_dir());
    cargo.env(
        "TRACER_BPF_OBJECT",
        stripped(&object, architecture, toolchain)?,
    );
    cargo.env(
        "TRACER_BPF_OBJECT_LOG",
        stripped(&logging, architecture, toolchain)?,
    );
    set_linker(&mut cargo, &kit, architecture, toolchain)?;
    shell::run(&mut cargo)?;
    let binary = path(architecture);
    check(&binary)?;
    Ok(binary)
}

/// Copy of an object without debug information. The kernel reads only BTF.
fn stripped(object: &Path, architecture: Architecture, toolchain: &Toolchain) -> Result<PathBuf> {
    let home = workspace::target_dir()
        .join("bpf")
        .join(architecture.rust());
    fs::create_dir_all(&home)?;
    let to = home.join(object.file_name().context("an object without a name")?);
    let fresh = to.with_extension("new");
    let mut objcopy = Command::new(toolchain.llvm_program("llvm-objcopy"));
    shell::run(objcopy.arg("--strip-debug").arg(object).arg(&fresh))?;
    build::copy_if_changed(&fresh, &to)?;
    Ok(to)
}

fn set_linker(
    cargo: &mut Command,
    kit: &Kit,
    architecture: Architecture,
    toolchain: &Toolchain,
) -> Result<()> {
    let target = architecture.target().replace('-', "_");
    let cargo_home = workspace::cargo_home();
    let cflags = kit.cflags()?;
    cargo
        .env(
            format!("CARGO_TARGET_{}_LINKER", target.to_uppercase()),
            architecture.gcc(),
        )
        .env(format!("CC_{target}"), architecture.gcc())
        .env(
            format!("CFLAGS_{target}"),
            format!("{cflags} -ffile-prefix-map={}=cargo", cargo_home.display()),
        );
    let root = workspace::root();
    // A short name where there is one: the names of symbols hang on the flags, and should not hang on the checkout's place.
    let home = kit.home.strip_prefix(&root).unwrap_or(&kit.home);
    let lld = toolchain.llvm_program("ld.lld");
    let lld = lld.parent().context("ld.lld is in no folder")?;
    let flags = [
        "-Clink-self-contained=yes".to_owned(),
        format!("-Lnative={}", home.display()),
        format!("-Clink-arg=-B{}", lld.display()),
        "-Clink-arg=-fuse-ld=lld".to_owned(),
        // Functions with the same code become one.
        "-Clink-arg=-Wl,--icf=all".to_owned(),
        format!("--remap-path-prefix={}=tracer", root.display()),
        format!(
            "--remap-path-prefix={}=crates",
            cargo_home.join("registry/src").display()
        ),
    ];
    cargo.env("RUSTFLAGS", flags.join(" "));
    Ok(())
}

/// Checks that a binary needs no library and is small enough.
fn check(binary: &Path) -> Result<()> {
    let size = binary
        .metadata()
        .context("cargo succeeded and left no tracer")?
        .len();
    if size > LIMIT {
        bail!("{} has {size} bytes, more than {LIMIT}", binary.display());
    }
    let headers = shell::probe("readelf", &["-lW".as_ref(), binary.as_os_str()])
        .context("readelf cannot read the binary")?;
    if headers.contains("INTERP") {
        bail!("{} is not static", binary.display());
    }
    println!("{} ({:.1} MB)", binary.display(), size as f64 / 1e6);
    Ok(())
}
