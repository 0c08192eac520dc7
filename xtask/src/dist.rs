//! `cargo xtask dist`: static binaries, and the packages of a release.

mod archive;
mod binary;
mod check;
mod crates;
mod deb;
mod kit;
mod licences;
mod release;
mod rpm;
mod sbom;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::architecture::Architecture;
use crate::toolchain::Toolchain;
use crate::{setup, shell, workspace};
use release::Release;
use stage::{Family, Texts};

/// Arguments of the verb.
struct Options {
    architectures: Vec<Architecture>,
    build: bool,
    check: bool,
}

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let options = options(args)?;
    let toolchain = setup::for_build()?;
    setup::for_dist(&options.architectures, toolchain.llvm())?;
    let (release, to) = (Release::current()?, directory());
    fs::create_dir_all(&to)?;
    for architecture in &options.architectures {
        package(*architecture, &toolchain, &options, &release, &to)?;
    }
    sum(&to)?;
    if options.check {
        for architecture in &options.architectures {
            check::run(*architecture, &release, &to)?;
        }
    }
    println!("packages in {}", to.display());
    Ok(ExitCode::SUCCESS)
}

fn options(args: &[String]) -> Result<Options> {
    let mut options = Options {
        architectures: Vec::new(),
        build: true,
        check: false,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--arch" => {
                let name = args.next().context("--arch takes x86_64 or aarch64")?;
                options.architectures.push(Architecture::named(name)?);
            }
            "--no-build" => options.build = false,
            "--check" => options.check = true,
            other => {
                bail!("unknown argument {other:?}; `cargo xtask help` lists what each verb takes")
            }
        }
    }
    if options.architectures.is_empty() {
        options.architectures.extend(Architecture::ALL);
    }
    Ok(options)
}

/// Folder for the packages.
fn directory() -> PathBuf {
    workspace::target_dir().join("dist/packages")
}

/// The static binary of an architecture; builds it unless `build` is false.
pub(crate) fn static_binary(
    architecture: Architecture,
    toolchain: &Toolchain,
    build: bool,
) -> Result<PathBuf> {
    if build {
        return binary::build(architecture, toolchain);
    }
    let binary = binary::path(architecture);
    if !binary.exists() {
        bail!("{} is not there; leave --no-build out", binary.display());
    }
    Ok(binary)
}

fn package(
    architecture: Architecture,
    toolchain: &Toolchain,
    options: &Options,
    release: &Release,
    to: &Path,
) -> Result<()> {
    let binary = static_binary(architecture, toolchain, options.build)?;
    let crates = crates::list(architecture.target())?;
    let texts = Texts {
        third_party: licences::text(&crates)?,
    };
    let home = workspace::target_dir()
        .join("dist/stage")
        .join(architecture.rust());
    let lay_out = |family, name| stage::lay_out(home.join(name), family, &binary, &texts);
    let bill = to.join(format!(
        "tracer-{}-linux-{}.cdx.json",
        release.version,
        architecture.rust()
    ));
    fs::write(&bill, sbom::text(&crates, release)?)?;
    let packages = [
        archive::build(&binary, &texts, architecture, release, to)?,
        deb::build(lay_out(Family::Debian, "deb")?, architecture, release, to)?,
        rpm::build(&lay_out(Family::Rpm, "rpm")?, architecture, release, to)?,
        bill,
    ];
    for package in packages {
        let size = package
            .metadata()
            .with_context(|| format!("no {}", package.display()))?
            .len();
        println!("{} ({:.1} MB)", package.display(), size as f64 / 1e6);
    }
    fs::remove_dir_all(home)?;
    Ok(())
}

/// Writes SHA256SUMS of all packages.
fn sum(packages: &Path) -> Result<()> {
    let mut names: Vec<String> = fs::read_dir(packages)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("tracer"))
        .collect();
    names.sort();
    let mut sha256sum = Command::new("sha256sum");
    sha256sum.args(names).current_dir(packages);
    shell::run(sha256sum.stdout(fs::File::create(packages.join("SHA256SUMS"))?))
}

#[cfg(test)]
mod tests;
