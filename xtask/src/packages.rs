//! Debian packages: which are missing, and installing them without starting their services.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell;

/// A program, and the package it comes in.
pub(crate) struct Need {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The packages of those needs whose program is not there, from wherever it may have come.
pub(crate) fn missing(needs: &[Need]) -> Vec<&'static str> {
    let absent = needs
        .iter()
        .filter(|need| shell::which(need.program).is_none());
    absent.map(|need| need.package).collect()
}

/// Those of `packages` that dpkg does not know as installed.
pub(crate) fn not_installed<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    // dpkg-query fails when one is unknown and still prints the others.
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(packages)
        .stderr(Stdio::null())
        .output();
    let known = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let known = known.unwrap_or_default();
    let installed = |package: &str| {
        known
            .lines()
            .any(|line| line == format!("{package} installed"))
    };
    packages
        .iter()
        .copied()
        .filter(|package| !installed(package))
        .collect()
}

pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let by_hand = format!("apt-get update && apt-get install {}", packages.join(" "));
    if shell::which("apt-get").is_none() {
        bail!(
            "this is not a Debian; install what these packages hold, then try again: {}",
            packages.join(" ")
        );
    }
    let Some(update) = shell::as_root("apt-get") else {
        bail!("installing packages needs root and there is no sudo; run as root: {by_hand}");
    };
    let policy = hold_services()?;
    let done = install_with(update, packages).with_context(|| format!("by hand: {by_hand}"));
    if policy {
        release_services()?;
    }
    done
}

fn install_with(mut update: Command, packages: &[&str]) -> Result<()> {
    shell::run(update.args(["-qq", "update"]))?;
    let mut apt = shell::as_root("apt-get").context("root was there a moment ago")?;
    apt.env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    apt.args([
        "-qq",
        "-o",
        "Dpkg::Use-Pty=0",
        "install",
        "--yes",
        "--no-install-recommends",
    ]);
    shell::run(apt.args(packages).stdout(Stdio::null()))
}

/// Debian starts a service when its package is installed, unless this file says no. Left alone where it exists.
fn hold_services() -> Result<bool> {
    if Path::new(POLICY).exists() {
        return Ok(false);
    }
    let script = std::env::temp_dir().join(format!("tracer-policy-{}", std::process::id()));
    fs::write(&script, "#!/bin/sh\nexit 101\n")
        .context("cannot write to the temporary directory")?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let mut install = shell::as_root("install").context("no root")?;
    let done = shell::run(install.args(["-m", "755"]).arg(&script).arg(POLICY));
    fs::remove_file(&script)?;
    done.map(|()| true)
}

/// Without the file the service would still start at the next boot: setup, not the user, brought nginx in.
fn release_services() -> Result<()> {
    shell::run(
        shell::as_root("rm")
            .context("no root")?
            .args(["-f", POLICY]),
    )
}
