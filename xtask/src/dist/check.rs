//! `cargo xtask dist --check`: installs the packages into empty systems, and runs them there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::release::Release;
use crate::architecture::Architecture;
use crate::{shell, workspace};

/// Commands in the system with the installed package. The page's text proves that curl ran, the export that it was traced.
const TRACED: &str = "set -e
tracer --version
tracer doctor
mkdir -p /tmp/www && echo page-of-the-test >/tmp/www/index.html
busybox httpd -f -p 127.0.0.1:8765 -h /tmp/www & server=$!
trap 'kill $server' EXIT
tries=0
until curl -s http://127.0.0.1:8765/ >/dev/null || [ $tries = 50 ]; do tries=$((tries + 1)); sleep 0.1; done
tracer run --no-tui --json /tmp/run.json -- curl -sS http://127.0.0.1:8765/ | grep page-of-the-test
grep -q '\"count\": 1' /tmp/run.json
tracer check /tmp/run.json --fail-on 'requests.count != 1'
";

/// Checks the packages of an architecture. Those of another one cannot trace here; their programs run in QEMU.
pub(crate) fn run(architecture: Architecture, release: &Release, packages: &Path) -> Result<()> {
    let home = workspace::target_dir().join("dist/check");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::create_dir_all(&home)?;
    let version = &release.version;
    let deb = packages.join(format!("tracer_{version}-1_{}.deb", architecture.debian()));
    let rpm = packages.join(format!("tracer-{version}-1.{}.rpm", architecture.rust()));
    if architecture.is_native() {
        debian(&deb, &home.join("debian"))?;
    }
    rpm_root(&rpm, &home.join("rpm"), architecture)?;
    fs::remove_dir_all(home)?;
    println!(
        "{}: the packages can be installed, and what they install runs",
        architecture.rust()
    );
    Ok(())
}

/// Makes a minimal Debian, installs the package there with apt, and traces a command.
fn debian(package: &Path, root: &Path) -> Result<()> {
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.args([
        "--quiet",
        "--variant=minbase",
        "--include=curl,busybox-static",
    ]);
    shell::run(mmdebstrap.arg("bookworm").arg(root))?;
    fs::copy(package, root.join("tmp/tracer.deb"))?;
    inside(root, "apt-get -qq install --yes /tmp/tracer.deb </dev/null")?;
    inside(
        root,
        "dpkg --verify tracer && test -z \"$(dpkg --verify tracer)\"",
    )?;
    inside(root, TRACED)?;
    inside(
        root,
        "apt-get -qq purge --yes tracer </dev/null && test ! -e /usr/bin/tracer && test ! -e /etc/tracer",
    )
}

/// Installs the package with rpm into an empty folder, and runs the program there, without any library.
fn rpm_root(package: &Path, root: &Path, architecture: Architecture) -> Result<()> {
    let needs = shell::probe(
        "rpm",
        &["-qp".as_ref(), "--requires".as_ref(), package.as_os_str()],
    )
    .context("rpm cannot read the package")?;
    let foreign = needs.lines().find(|it| {
        !it.starts_with("rpmlib(") && !it.starts_with("/bin/sh") && !it.starts_with("config(")
    });
    ensure!(foreign.is_none(), "the package needs {foreign:?}");
    fs::create_dir_all(root)?;
    let mut rpm = Command::new("rpm");
    rpm.arg("--root").arg(root);
    rpm.args(["--install", "--nodeps", "--noscripts", "--ignorearch"]);
    shell::run(rpm.arg(package))?;
    let program: PathBuf = root.join("usr/bin/tracer");
    let mut tracer = match architecture.is_native() {
        true => Command::new(&program),
        false => Command::new(format!("qemu-{}-static", architecture.rust())),
    };
    if !architecture.is_native() {
        tracer.arg(&program);
    }
    shell::run(tracer.arg("--version"))
}

/// Runs a script in another root, in a mount namespace of its own, so that no mount is left.
fn inside(root: &Path, script: &str) -> Result<()> {
    let outer = "set -e
for folder in proc sys dev; do mount --rbind \"/$folder\" \"$ROOT/$folder\"; done
exec chroot \"$ROOT\" /bin/sh -ec \"$SCRIPT\"";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "slave", "sh", "-ec", outer]);
    unshare
        .env("ROOT", root)
        .env("SCRIPT", script)
        .env("DEBIAN_FRONTEND", "noninteractive");
    shell::run(&mut unshare)
}
