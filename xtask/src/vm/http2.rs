//! Server and client of HTTP/2 in Go, for machines on which probes are tried.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::architecture::Architecture;
use crate::initramfs::Initramfs;
use crate::{shell, workspace};

/// Builds the program, and adds it with the script that calls it.
pub(crate) fn add(files: &Initramfs, architecture: Architecture) -> Result<()> {
    let source = workspace::root().join("xtask/assets/vm/h2.go");
    let mut go = Command::new("go");
    go.env("GOARCH", architecture.debian())
        .env("CGO_ENABLED", "0")
        .env("GO111MODULE", "off");
    go.args(["build", "-o"])
        .arg(files.inside(Path::new("/bin/h2")));
    shell::run(go.arg(source))?;
    files.script("/http2", include_str!("../../assets/vm/http2"))
}
