//! Kernels from Debian's packages, which are downloaded once and unpacked, but never installed.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::architecture::Architecture;
use crate::{shell, workspace};

pub(crate) struct KernelImage {
    pub(crate) image: PathBuf,
    modules: PathBuf,
}

/// Modules that inet_diag snapshots need in Debian's kernels, in the order of their dependencies.
const MODULES: [&str; 2] = ["inet_diag", "tcp_diag"];

/// Makes sure that the newest cloud kernel of a series, such as "6.1", is here. A kernel is kept: remove target/vm to look
/// for a newer one.
pub(crate) fn ensure(series: &str, architecture: Architecture) -> Result<KernelImage> {
    let home = directory(series, architecture);
    let unpacked = home.join("package");
    if !unpacked.join("boot").exists() {
        fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
        let package = newest(series, architecture)?;
        let mut apt = Command::new("apt-get");
        // Without this option apt warns root that its own user cannot write here.
        apt.args(["-qq", "-o", "APT::Sandbox::User=root", "download", &package]);
        shell::run(apt.current_dir(&home))?;
        let archive = find(&home, &format!("{package}_"))?;
        shell::run(
            Command::new("dpkg-deb")
                .arg("--extract")
                .arg(&archive)
                .arg(&unpacked),
        )?;
        fs::remove_file(&archive)?;
    }
    let image = find(&unpacked.join("boot"), "vmlinuz-")?;
    let modules = find(&unpacked.join("lib/modules"), "")?;
    Ok(KernelImage { image, modules })
}

/// Folder for the files of the machine with this kernel.
pub(crate) fn directory(series: &str, architecture: Architecture) -> PathBuf {
    let home = workspace::target_dir().join("vm");
    match architecture.is_native() {
        true => home.join(series),
        false => home.join(architecture.rust()).join(series),
    }
}

fn newest(series: &str, architecture: Architecture) -> Result<String> {
    if let Some(package) = newest_known(series, architecture) {
        return Ok(package);
    }
    let Some(mut update) = shell::as_root("apt-get") else {
        bail!("apt knows no {series} kernel; run as root: apt-get update");
    };
    shell::run(update.args(["-qq", "update"]))?;
    newest_known(series, architecture)
        .with_context(|| format!("Debian's package lists hold no cloud kernel {series}"))
}

fn newest_known(series: &str, architecture: Architecture) -> Option<String> {
    let pattern = format!("^linux-image-.*-cloud-{}-unsigned$", architecture.debian());
    let names = shell::probe("apt-cache", &["--names-only", "search", &pattern])?;
    let names = names
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let prefix = format!("linux-image-{series}.");
    let mut names: Vec<&str> = names.filter(|name| name.starts_with(&prefix)).collect();
    names.sort_by_key(|name| Reverse(numbers(name)));
    names.first().map(ToString::to_string)
}

/// Numbers in a name, by which versions are compared: 6 1 0 56 for `linux-image-6.1.0-56-cloud`.
fn numbers(name: &str) -> Vec<u32> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

fn find(directory: &Path, prefix: &str) -> Result<PathBuf> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let matching = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    };
    paths
        .find(matching)
        .with_context(|| format!("no {prefix}* in {}", directory.display()))
}

impl KernelImage {
    /// Copies the needed modules as 1.ko, 2.ko …, ready to be inserted in that order.
    pub(crate) fn copy_modules(&self, to: &Path) -> Result<()> {
        for (index, name) in MODULES.iter().enumerate() {
            let plain = self.modules.join(format!("kernel/net/ipv4/{name}.ko"));
            let packed = plain.with_extension("ko.xz");
            let bytes = if plain.exists() {
                fs::read(&plain)?
            } else {
                unxz(&packed)?
            };
            fs::write(to.join(format!("{}-{name}.ko", index + 1)), bytes)?;
        }
        Ok(())
    }
}

fn unxz(packed: &Path) -> Result<Vec<u8>> {
    let output = Command::new("xz")
        .args(["--decompress", "--stdout"])
        .arg(packed)
        .output()?;
    if !output.status.success() {
        bail!("cannot unpack {}", packed.display());
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(
            numbers("linux-image-6.12.117+deb12-cloud")
                > numbers("linux-image-6.12.99+deb12-cloud")
        );
        assert!(numbers("linux-image-6.1.0-56-cloud") > numbers("linux-image-6.1.0-9-cloud"));
    }
}
