//! Tests of packages whose binary is another program.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::stage::{Family, Stage, Texts, lay_out};
use super::{Release, archive, deb, rpm};
use crate::architecture::Architecture;
use crate::{shell, workspace};

/// Empty folder for one test.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = workspace::target_dir().join("dist-test").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn texts() -> Texts {
    Texts {
        third_party: "licences".to_owned(),
    }
}

fn stage(home: &Path, family: Family) -> Result<Stage> {
    lay_out(home.join("stage"), family, Path::new("/bin/true"), &texts())
}

/// Content of the usual places, which every package has.
const EVERYWHERE: [&str; 6] = [
    "/usr/bin/tracer",
    "/usr/share/man/man1/tracer-run.1.gz",
    "/usr/share/bash-completion/completions/tracer",
    "/usr/share/fish/vendor_completions.d/tracer.fish",
    "/usr/share/doc/tracer/LICENSE-MIT",
    "/usr/share/doc/tracer/THIRD-PARTY.gz",
];

fn check_listing(listing: &str, more: &[&str]) -> Result<()> {
    for path in EVERYWHERE.iter().chain(more) {
        let listed = listing.lines().any(|line| line.ends_with(path));
        ensure!(listed, "{path} is missing in\n{listing}");
    }
    Ok(())
}

fn output(program: &str, args: &[&str], file: &Path) -> Result<String> {
    let file = file.to_string_lossy();
    let args: Vec<&str> = args.iter().copied().chain([file.as_ref()]).collect();
    shell::probe(program, &args).with_context(|| format!("{program} {args:?}"))
}

#[test]
fn the_debian_package_has_its_content_and_is_the_same_each_time() -> Result<()> {
    let home = folder("deb")?;
    let release = Release::at(1_700_000_000);
    let built = || -> Result<PathBuf> {
        deb::build(
            stage(&home, Family::Debian)?,
            Architecture::Aarch64,
            &release,
            &home,
        )
    };
    let package = built()?;
    let listing = output("dpkg-deb", &["--contents"], &package)?;
    let zsh = "/usr/share/zsh/vendor-completions/_tracer";
    check_listing(&listing, &[zsh, "/usr/share/doc/tracer/copyright"])?;
    ensure!(listing.contains("-rwxr-xr-x root/root"), "{listing}");
    ensure!(!listing.contains("DEBIAN"), "{listing}");
    let fields = output("dpkg-deb", &["--field"], &package)?;
    for field in ["Architecture: arm64", "Package: tracer", "Description: "] {
        ensure!(fields.contains(field), "{fields}");
    }
    let first = fs::read(&package)?;
    ensure!(fs::read(built()?)? == first, "a second build differs");
    fs::remove_dir_all(home)?;
    Ok(())
}

#[test]
fn settings_and_units_are_where_the_system_looks_for_them() -> Result<()> {
    let home = folder("service")?;
    let mut stage = stage(&home, Family::Debian)?;
    if stage.units.is_empty() {
        // The folder packaging has no unit: one is made up.
        stage.add("usr/lib/systemd/system/tracer.service", b"[Unit]\n", 0o644)?;
        stage.add("etc/tracer/tracer.toml", b"\n", 0o644)?;
        stage.units.push("tracer.service".to_owned());
        stage.settings.push("etc/tracer/tracer.toml".to_owned());
    }
    let release = Release::at(1_700_000_000);
    let package = deb::build(stage, Architecture::X86_64, &release, &home)?;
    let control = home.join("control");
    let mut unpack = std::process::Command::new("dpkg-deb");
    shell::run(unpack.arg("--control").arg(&package).arg(&control))?;
    let settings = fs::read_to_string(control.join("conffiles"))?;
    ensure!(settings.contains("/etc/tracer/tracer.toml"), "{settings}");
    let sums = fs::read_to_string(control.join("md5sums"))?;
    ensure!(
        sums.contains("usr/bin/tracer") && !sums.contains("etc/tracer"),
        "{sums}"
    );
    for script in ["postinst", "prerm", "postrm"] {
        output("sh", &["-n"], &control.join(script))?;
    }
    fs::remove_dir_all(home)?;
    Ok(())
}

#[test]
fn the_rpm_package_has_its_content_and_needs_nothing() -> Result<()> {
    let home = folder("rpm")?;
    let stage = stage(&home, Family::Rpm)?;
    let release = Release::at(1_700_000_000);
    let package = rpm::build(&stage, Architecture::Aarch64, &release, &home)?;
    let listing = output("rpm", &["-qp", "--list"], &package)?;
    check_listing(&listing, &["/usr/share/zsh/site-functions/_tracer"])?;
    let needs = output("rpm", &["-qp", "--requires"], &package)?;
    let own = |line: &str| {
        line.starts_with("rpmlib(") || line.starts_with("/bin/sh") || line.starts_with("config(")
    };
    ensure!(needs.lines().all(own), "{needs}");
    let arch = output(
        "rpm",
        &["-qp", "--queryformat", "%{ARCH} %{BUILDTIME}"],
        &package,
    )?;
    ensure!(arch == "aarch64 1700000000", "{arch}");
    fs::remove_dir_all(home)?;
    Ok(())
}

#[test]
fn the_archive_is_one_folder_and_the_same_each_time() -> Result<()> {
    let home = folder("archive")?;
    let release = Release::at(1_700_000_000);
    let built = || {
        let binary = Path::new("/bin/true");
        archive::build(binary, &texts(), Architecture::X86_64, &release, &home)
    };
    let archive = built()?;
    let listing = output("tar", &["--list", "--file"], &archive)?;
    let name = format!("tracer-{}-linux-x86_64/", release.version);
    ensure!(
        listing.lines().all(|line| line.starts_with(&name)),
        "{listing}"
    );
    for file in [
        "tracer",
        "man/tracer.1",
        "completions/_tracer",
        "LICENSE-MIT",
        "THIRD-PARTY",
    ] {
        ensure!(
            listing.lines().any(|line| line == format!("{name}{file}")),
            "{listing}"
        );
    }
    let first = fs::read(&archive)?;
    ensure!(fs::read(built()?)? == first, "a second build differs");
    fs::remove_dir_all(home)?;
    Ok(())
}
