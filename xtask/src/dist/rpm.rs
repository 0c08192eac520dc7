//! The RPM package.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::release::Release;
use super::stage::Stage;
use crate::architecture::Architecture;
use crate::shell;

/// Builds the package of a laid out folder, into the folder `to`.
pub(crate) fn build(
    stage: &Stage,
    architecture: Architecture,
    release: &Release,
    to: &Path,
) -> Result<PathBuf> {
    let home = stage.root.with_extension("rpmbuild");
    fs::create_dir_all(&home)?;
    let spec = home.join("tracer.spec");
    fs::write(&spec, text(stage, release)?)?;
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild.env("SOURCE_DATE_EPOCH", release.epoch.to_string());
    rpmbuild.args(["-bb", "--quiet", "--target", architecture.rust()]);
    for (name, value) in [
        ("_topdir", &home),
        ("_rpmdir", &to.to_path_buf()),
        ("staged", &stage.root),
    ] {
        rpmbuild
            .arg("--define")
            .arg(format!("{name} {}", value.display()));
    }
    rpmbuild.args([
        "--define",
        "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
    ]);
    shell::run(rpmbuild.arg(&spec))?;
    fs::remove_dir_all(home)?;
    Ok(to.join(format!(
        "tracer-{}-1.{}.rpm",
        release.version,
        architecture.rust()
    )))
}

/// The spec file. Nothing is built or stripped: the files are taken as they lie in the folder.
fn text(stage: &Stage, release: &Release) -> Result<String> {
    let mut spec = include_str!("../../assets/dist/tracer.spec")
        .replace("@VERSION@", &release.version)
        .replace("@DAY@", &release.day()?);
    if !stage.units.is_empty() {
        spec.push_str(include_str!("../../assets/dist/service.spec"));
    }
    spec.push_str("\n%files\n");
    if !stage.settings.is_empty() {
        spec.push_str("%dir /etc/tracer\n");
    }
    for file in &stage.files {
        let kind = match file {
            it if stage.settings.contains(it) => "%config(noreplace) ",
            it if it.starts_with("usr/share/doc/") => "%doc ",
            _ => "",
        };
        writeln!(spec, "{kind}/{file}")?;
    }
    Ok(spec)
}
