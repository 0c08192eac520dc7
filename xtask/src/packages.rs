//! Debian packages: finds the missing ones and installs them without starting their services.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};

use crate::shell;

/// A program, or the full path of a file, and the package that contains it.
pub(crate) struct Need {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_TEXT: &str = "#!/bin/sh\n# Here only while `cargo xtask setup` installs packages; safe to remove.\nexit 101\n";

/// Packages of the needs whose program is missing. A program on PATH counts, wherever it came from.
pub(crate) fn missing(needs: &[Need]) -> Vec<&'static str> {
    let absent = needs.iter().filter(|need| !is_here(need.program));
    absent.map(|need| need.package).collect()
}

fn is_here(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).exists();
    }
    shell::which(program).is_some()
}

/// Packages that dpkg does not list as installed.
pub(crate) fn not_installed<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    // dpkg-query fails when one package is unknown, but still prints the others.
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
    if shell::as_root("apt-get").is_none() {
        bail!("installing packages needs root and there is no sudo; run as root: {by_hand}");
    }
    let policy = hold_services()?;
    let done = install_with(packages).with_context(|| format!("by hand: {by_hand}"));
    if policy {
        release_services()?;
    }
    done
}

fn install_with(packages: &[&str]) -> Result<()> {
    static UPDATED: AtomicBool = AtomicBool::new(false);
    if !UPDATED.swap(true, Ordering::Relaxed) {
        shell::run(root("apt-get")?.args(["-qq", "update"]))?;
    }
    // The command goes through env, because sudo passes no variables on.
    let mut apt = root("env")?;
    apt.args([
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-qq",
        "-o",
        "Dpkg::Use-Pty=0",
    ]);
    apt.args(["install", "--yes", "--no-install-recommends"])
        .args(packages);
    shell::run(apt.stdin(Stdio::null()).stdout(Stdio::null()))
}

/// Downloads packages, each as `NAME` or `NAME:ARCHITECTURE`, and unpacks them into a folder. Nothing is installed.
pub(crate) fn unpack(packages: &[String], to: &Path) -> Result<()> {
    let downloads = to.with_extension("download");
    fs::create_dir_all(&downloads)?;
    let mut apt = Command::new("apt-get");
    // Without this option apt warns root that its own user cannot write here.
    apt.args(["-qq", "-o", "APT::Sandbox::User=root", "download"]);
    shell::run(apt.args(packages).current_dir(&downloads))?;
    for archive in fs::read_dir(&downloads)? {
        let mut dpkg = Command::new("dpkg-deb");
        shell::run(dpkg.arg("--extract").arg(archive?.path()).arg(to))?;
    }
    fs::remove_dir_all(downloads)?;
    Ok(())
}

/// Lets apt offer the packages of another architecture beside those of this machine.
pub(crate) fn add_architecture(debian: &str) -> Result<()> {
    let listed =
        |list: Option<String>| list.is_some_and(|list| list.lines().any(|it| it == debian));
    if listed(shell::probe("dpkg", &["--print-architecture"]))
        || listed(shell::probe("dpkg", &["--print-foreign-architectures"]))
    {
        return Ok(());
    }
    shell::run(root("dpkg")?.args(["--add-architecture", debian]))?;
    shell::run(root("apt-get")?.args(["-qq", "update"]))
}

fn root(program: &str) -> Result<Command> {
    shell::as_root(program).context("this needs root and there is no sudo")
}

/// Writes the file that keeps Debian from starting a service when its package is installed. An existing file is left as
/// it is.
fn hold_services() -> Result<bool> {
    match fs::read_to_string(POLICY) {
        // A setup that was killed left this file behind.
        Ok(text) if text == POLICY_TEXT => return Ok(true),
        Ok(_) => return Ok(false),
        Err(_) => (),
    }
    let script = std::env::temp_dir().join(format!("tracer-policy-{}", std::process::id()));
    fs::write(&script, POLICY_TEXT).context("cannot write to the temporary directory")?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let mut install = root("install")?;
    let done = shell::run(install.args(["-m", "755"]).arg(&script).arg(POLICY));
    fs::remove_file(&script)?;
    done.map(|()| true)
}

/// Removes the file that keeps services from starting.
fn release_services() -> Result<()> {
    shell::run(
        shell::as_root("rm")
            .context("no root")?
            .args(["-f", POLICY]),
    )
}
