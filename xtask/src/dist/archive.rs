//! The archive for any other distribution: everything in one folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::release::Release;
use super::stage::Texts;
use crate::architecture::Architecture;
use crate::{shell, workspace};

/// Folders and files of the checkout that go into the archive as they are, where they exist.
const TAKEN: [&str; 7] = [
    "docs/man",
    "docs/completions",
    "packaging/tracer.service",
    "packaging/tracer.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
];

/// Builds the archive in the folder `to`.
pub(crate) fn build(
    binary: &Path,
    texts: &Texts,
    architecture: Architecture,
    release: &Release,
    to: &Path,
) -> Result<PathBuf> {
    let name = format!("tracer-{}-linux-{}", release.version, architecture.rust());
    let home = workspace::target_dir().join("dist/archive");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let folder = home.join(&name);
    fs::create_dir_all(&folder)?;
    fs::copy(binary, folder.join("tracer"))?;
    fs::write(folder.join("THIRD-PARTY"), &texts.third_party)?;
    let taken = TAKEN
        .iter()
        .map(|it| workspace::root().join(it))
        .filter(|it| it.exists());
    shell::run(Command::new("cp").arg("-r").args(taken).arg(&folder))?;
    let archive = to.join(format!("{name}.tar.gz"));
    pack(&home, &name, release, &archive)?;
    fs::remove_dir_all(home)?;
    Ok(archive)
}

/// Packs a folder in an order and with times, owners and rights that are the same each time.
fn pack(home: &Path, name: &str, release: &Release, archive: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
    ]);
    tar.args(["--mode=u=rwX,go=rX", "--format=ustar"]);
    tar.arg(format!("--mtime=@{}", release.epoch));
    tar.arg("--directory").arg(home).arg(name);
    shell::echo(&tar);
    let mut tar = tar
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start tar")?;
    let packed = tar.stdout.take().context("tar has no output")?;
    let mut gzip = Command::new("gzip");
    gzip.args(["--no-name", "-9"])
        .stdin(packed)
        .stdout(fs::File::create(archive)?);
    shell::run(&mut gzip)?;
    anyhow::ensure!(tar.wait()?.success(), "tar failed");
    Ok(())
}
