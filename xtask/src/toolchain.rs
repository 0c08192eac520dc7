//! Toolchain of the kernel programs: a rustc that may use unstable flags and has the source of `core`, and a
//! bpf-linker built against the same LLVM.
//!
//! There are two of them. A developer's machine has a rustup nightly with rust-src. A bare Debian has neither, but its
//! packages hold a recent rustc with its source, which takes unstable flags with RUSTC_BOOTSTRAP=1.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{packages, shell, workspace};

const LINKED: &str = "ebpf";
const LINKER_VERSION: &str = "0.13.0";
const DEBIAN: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];

pub(crate) struct Toolchain {
    /// Name of the toolchain in rustup.
    pub(crate) name: String,
    root: PathBuf,
    /// Major version of its LLVM.
    llvm: u32,
}

/// Finds the toolchain, if it and its linker are installed. Changes nothing.
pub(crate) fn find() -> Option<Toolchain> {
    find_rust().filter(|toolchain| linker_llvm().is_some_and(|llvm| llvm.matches(toolchain.llvm)))
}

/// Finds the toolchain, or installs it.
pub(crate) fn ensure() -> Result<Toolchain> {
    if let Some(toolchain) = find() {
        return Ok(toolchain);
    }
    let toolchain = match find_rust() {
        Some(toolchain) => toolchain,
        None => install_rust().context(BY_HAND)?,
    };
    if !linker_llvm().is_some_and(|llvm| llvm.matches(toolchain.llvm)) {
        install_linker(toolchain.llvm).context(BY_HAND)?;
    }
    Ok(toolchain)
}

const BY_HAND: &str = "no toolchain for the kernel programs. By hand, on any machine:
    rustup toolchain install nightly --component rust-src,clippy
    cargo install bpf-linker@0.13.0 --no-default-features --features llvm-NN   (NN: `rustc +nightly -vV`)
  or on Debian 12, as root:
    apt-get install rustc-web cargo-web rust-web-src rust-web-clippy llvm-22-dev libpolly-22-dev
    rustup toolchain link ebpf /usr
    LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker@0.13.0 --no-default-features --features llvm-22
  because";

fn find_rust() -> Option<Toolchain> {
    let list = shell::probe("rustup", &["toolchain", "list", "-v"])?;
    let mut found: Vec<Toolchain> = list.lines().filter_map(from_listing).collect();
    // A nightly comes first: its source was installed on purpose.
    found.sort_by_key(|toolchain| toolchain.name == LINKED);
    found.into_iter().next()
}

/// Reads a line such as `nightly-x86_64-unknown-linux-gnu (default) /home/me/.rustup/toolchains/nightly-…`.
fn from_listing(line: &str) -> Option<Toolchain> {
    let name = line.split_whitespace().next()?.to_owned();
    let root = PathBuf::from(&line[line.find('/')?..]);
    let usable = name == LINKED || name.starts_with("nightly");
    let source = root.join("lib/rustlib/src/rust/library/core/src/lib.rs");
    let llvm = (usable && source.exists()).then(|| llvm_of(&root))??;
    Some(Toolchain { name, root, llvm })
}

fn llvm_of(root: &Path) -> Option<u32> {
    let version = shell::probe(root.join("bin/rustc"), &["-vV"])?;
    let llvm = version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?;
    llvm.split('.').next()?.parse().ok()
}

fn install_rust() -> Result<Toolchain> {
    if shell::which("rustup").is_none() {
        bail!("rustup is not installed");
    }
    eprintln!("setup: no rustup nightly with rust-src, taking Debian's rustc and its source");
    let missing = packages::not_installed(DEBIAN);
    if !missing.is_empty() {
        packages::install(&missing)?;
    }
    shell::run(Command::new("rustup").args(["toolchain", "link", LINKED, "/usr"]))?;
    find_rust().context("the packages are installed and yet /usr holds no rustc with its source")
}

impl Toolchain {
    /// Major version of its LLVM.
    pub(crate) fn llvm(&self) -> u32 {
        self.llvm
    }

    /// Program of Debian's packages of the same LLVM.
    pub(crate) fn llvm_program(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/usr/lib/llvm-{}/bin", self.llvm)).join(name)
    }

    /// Tells whether this toolchain has clippy.
    pub(crate) fn has_clippy(&self) -> bool {
        self.root.join("bin/cargo-clippy").exists()
    }

    pub(crate) fn ensure_clippy(&self) -> Result<()> {
        match (self.has_clippy(), self.name == LINKED) {
            (true, _) => Ok(()),
            (false, true) => packages::install(&["rust-web-clippy"]),
            (false, false) => bail!(
                "no clippy: rustup component add clippy --toolchain {}",
                self.name
            ),
        }
    }

    pub(crate) fn describe(&self) -> String {
        format!(
            "toolchain {} (LLVM {}) and bpf-linker",
            self.name, self.llvm
        )
    }
}

/// LLVM of the installed bpf-linker.
enum LinkerLlvm {
    Shared(u32),
    /// LLVM is linked in, and its version is unknown. The linker is taken on trust.
    Static,
}

impl LinkerLlvm {
    fn matches(&self, wanted: u32) -> bool {
        matches!(self, Self::Static) || matches!(self, Self::Shared(found) if *found == wanted)
    }
}

fn linker_llvm() -> Option<LinkerLlvm> {
    let own = workspace::cargo_bin().join("bpf-linker");
    let linker = if own.exists() {
        own
    } else {
        shell::which("bpf-linker")?
    };
    let libraries = shell::probe("ldd", &[&linker])?;
    let Some((_, rest)) = libraries.split_once("libLLVM.so.") else {
        return (!libraries.contains("libLLVM")).then_some(LinkerLlvm::Static);
    };
    rest.split(['.', ' '])
        .next()?
        .parse()
        .ok()
        .map(LinkerLlvm::Shared)
}

fn install_linker(llvm: u32) -> Result<()> {
    eprintln!("setup: building bpf-linker {LINKER_VERSION} against LLVM {llvm}");
    let (headers, polly) = (format!("llvm-{llvm}-dev"), format!("libpolly-{llvm}-dev"));
    let missing = packages::not_installed(&[&headers, &polly]);
    if !missing.is_empty() {
        packages::install(&missing)?;
    }
    let mut cargo = workspace::cargo();
    cargo
        .env_remove("CARGO_TARGET_DIR")
        .env("LLVM_PREFIX", format!("/usr/lib/llvm-{llvm}"));
    cargo.args([
        "install",
        "--quiet",
        "--locked",
        "--force",
        "--no-default-features",
    ]);
    cargo.args([
        "--features",
        &format!("llvm-{llvm}"),
        &format!("bpf-linker@{LINKER_VERSION}"),
    ]);
    shell::run(&mut cargo)
}
