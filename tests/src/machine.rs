//! Requirements of the tests on the machine. Missing rights are a failure with a reason, never a skip.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Fails, with the remedy, unless the test may load BPF programs and open packet sockets.
pub fn require_root() -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "this test loads BPF programs and captures packets: run it as root (sudo -E cargo xtask test)"
    );
    Ok(())
}

/// Directory of the workspace.
pub fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// Path of a file below `tests/`.
pub fn fixture(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Path of the binary under test.
pub fn tracer_binary() -> Result<PathBuf> {
    let path = std::env::var_os("TRACER_BIN")
        .map_or_else(|| workspace().join("target/release/tracer"), PathBuf::from);
    ensure!(
        path.is_file(),
        "no tracer binary at {}: run `cargo xtask build`, or set TRACER_BIN",
        path.display()
    );
    Ok(path)
}

/// Path of the Python interpreter that has `requests`, `aiohttp` and `warcio`.
pub fn venv_python() -> Result<PathBuf> {
    let venv = std::env::var_os("TRACER_VENV")
        .map_or_else(|| workspace().join("target/venv"), PathBuf::from);
    let python = venv.join("bin/python");
    ensure!(
        python.exists(),
        "no Python environment at {}: run `cargo xtask setup`, or set TRACER_VENV",
        venv.display()
    );
    Ok(python)
}

/// Full path of a program, or an error that names its package.
pub fn program(name: &str, package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("{name} is not installed (Debian package {package})"))
}
