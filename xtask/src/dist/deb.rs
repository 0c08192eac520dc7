//! The Debian package.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::release::Release;
use super::stage::Stage;
use crate::architecture::Architecture;
use crate::{shell, workspace};

/// Builds the package of a laid out folder, into the folder `to`.
pub(crate) fn build(
    mut stage: Stage,
    architecture: Architecture,
    release: &Release,
    to: &Path,
) -> Result<PathBuf> {
    let assets = workspace::root().join("xtask/assets/dist");
    let documents = "usr/share/doc/tracer";
    stage.copy(&assets.join("copyright"), &format!("{documents}/copyright"))?;
    let changes = fs::read(workspace::root().join("CHANGELOG.md"))?;
    stage.packed(&format!("{documents}/changelog.gz"), &changes)?;
    let packaged = changelog(release)?;
    stage.packed(
        &format!("{documents}/changelog.Debian.gz"),
        packaged.as_bytes(),
    )?;
    write_control(&stage, architecture, release, &assets)?;
    let name = format!("tracer_{}-1_{}.deb", release.version, architecture.debian());
    let package = to.join(name);
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.env("SOURCE_DATE_EPOCH", release.epoch.to_string());
    dpkg.args(["--root-owner-group", "-Zxz", "--build"]);
    shell::run(dpkg.arg(&stage.root).arg(&package))?;
    Ok(package)
}

fn changelog(release: &Release) -> Result<String> {
    Ok(format!(
        "tracer ({}-1) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- {MAINTAINER}  {}\n",
        release.version,
        release.mail_date()?
    ))
}

const MAINTAINER: &str = "tracer developers <tracer-rs@users.noreply.github.com>";

fn write_control(
    stage: &Stage,
    architecture: Architecture,
    release: &Release,
    assets: &Path,
) -> Result<()> {
    let sums = sums(stage)?;
    let folder = stage.root.join("DEBIAN");
    // The files of the package itself are not part of its content.
    let mut control = Stage {
        root: folder,
        files: Vec::new(),
        settings: Vec::new(),
        units: Vec::new(),
    };
    let fields = format!(
        "Package: tracer\nVersion: {}-1\nArchitecture: {}\nMaintainer: {MAINTAINER}\nInstalled-Size: {}\n\
         Section: net\nPriority: optional\nHomepage: https://github.com/tracer-rs/tracer\nSuggests: chromium\n\
         Description: shows where a web crawler's network time goes\n{DESCRIPTION}",
        release.version,
        architecture.debian(),
        stage.size().div_ceil(1024),
    );
    control.add("control", fields.as_bytes(), 0o644)?;
    control.add("md5sums", sums.as_bytes(), 0o644)?;
    if !stage.settings.is_empty() {
        let lines: String = stage.settings.iter().map(|it| format!("/{it}\n")).collect();
        control.add("conffiles", lines.as_bytes(), 0o644)?;
    }
    if !stage.units.is_empty() {
        for script in ["postinst", "prerm", "postrm"] {
            control.add(script, &fs::read(assets.join(script))?, 0o755)?;
        }
    }
    Ok(())
}

const DESCRIPTION: &str =
    " Kernel programs (eBPF) time every phase of every request that a process makes:
 name lookup, connect, TLS handshake, time to first byte, transfer. Processes
 are traced as they are, without changes, proxies or certificates.
 .
 Linux 6.1 or newer with BTF is needed, and root or some capabilities.
";

/// Lines of `md5sums`, without those of settings.
fn sums(stage: &Stage) -> Result<String> {
    let settings: BTreeSet<&String> = stage.settings.iter().collect();
    let mut files: Vec<&String> = stage
        .files
        .iter()
        .filter(|it| !settings.contains(it))
        .collect();
    files.sort();
    let mut md5sum = Command::new("md5sum");
    let output = md5sum.args(files).current_dir(&stage.root).output();
    let output = output.context("cannot start md5sum")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
