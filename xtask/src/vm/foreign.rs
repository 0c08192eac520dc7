//! Clients and servers of another architecture, from Debian's packages, which are unpacked but never installed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::architecture::Architecture;
use crate::initramfs::Initramfs;
use crate::{shell, workspace};

/// Folders that no program of the scenario reads.
const UNUSED: [&str; 6] = [
    "share/doc",
    "share/man",
    "share/locale",
    "share/perl",
    "lib/python3",
    "include",
];

/// Makes a file system with busybox, curl and openssl, and their libraries. The unpacked packages are kept: remove target/vm to
/// look for newer ones.
pub(crate) fn clients(root: PathBuf, architecture: Architecture) -> Result<Initramfs> {
    let unpacked = workspace::target_dir()
        .join("vm")
        .join(architecture.rust())
        .join("clients");
    if !unpacked.exists() {
        let fresh = unpacked.with_extension("new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        let mut mmdebstrap = Command::new("mmdebstrap");
        mmdebstrap.args([
            "--quiet",
            "--variant=extract",
            "--include=busybox-static,curl,openssl",
        ]);
        mmdebstrap.arg(format!("--architectures={}", architecture.debian()));
        shell::run(mmdebstrap.arg("bookworm").arg(&fresh))?;
        fs::rename(fresh, &unpacked)?;
    }
    let files = Initramfs::new(root)?;
    files.copy_tree(&unpacked.join("usr"), "/usr")?;
    for folder in UNUSED.map(|it| files.inside(format!("/usr/{it}").as_ref())) {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    // Debian before the merge of /lib into /usr/lib has files in both.
    for folder in ["lib", "bin"] {
        let from = unpacked.join(folder);
        if !from.is_symlink() && from.exists() {
            files.copy_tree(&from, &format!("/{folder}"))?;
        } else if folder == "lib" {
            symlink("usr/lib", files.inside("/lib".as_ref()))?;
        }
    }
    Ok(files)
}
