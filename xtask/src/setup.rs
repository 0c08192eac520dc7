//! `cargo xtask setup`: installs everything that building and testing need; the second time it only says what it found.

use std::process::ExitCode;

use anyhow::Result;

use crate::packages::{self, Need};
use crate::toolchain::{self, Toolchain};
use crate::{arguments, python, shell, workspace};

const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

const BUILD: &[Need] = &[need("cc", "build-essential")];
const CLIENTS: &[Need] = &[
    need("curl", "curl"),
    need("python3", "python3"),
    need("openssl", "openssl"),
];
const VM: &[Need] = &[
    need("qemu-system-x86_64", "qemu-system-x86"),
    need("busybox", "busybox-static"),
    need("cpio", "cpio"),
    need("xz", "xz-utils"),
    need("dpkg-deb", "dpkg"),
];
const TEST: &[Need] = &[
    need("nginx", "nginx-light"),
    need("go", "golang-go"),
    need("tmux", "tmux"),
    need("javac", "default-jdk-headless"),
    need("node", "nodejs"),
    need("musl-gcc", "musl-tools"),
    // undici for Node's fetch through a proxy; the file is no program.
    need("/usr/share/nodejs/undici/package.json", "node-undici"),
    need("wget", "wget"),
    need("wget2", "wget2"),
    need("tinyproxy", "tinyproxy-bin"),
    need("danted", "dante-server"),
    need("redis-server", "redis-server"),
    need("redis-cli", "redis-tools"),
    // The server's programs are in a directory of their own; this one comes with any version.
    need("pg_ctlcluster", "postgresql"),
    need("sshd", "openssh-server"),
    need("ssh", "openssh-client"),
    need("tshark", "tshark"),
    need("tcpdump", "tcpdump"),
    need("ip", "iproute2"),
    need("ss", "iproute2"),
    need("jq", "jq"),
    need("tmux", "tmux"),
    need("ps", "procps"),
    need("capsh", "libcap2-bin"),
    need("chromium", "chromium"),
    need("prometheus", "prometheus"),
    need("promtool", "prometheus"),
];

const BENCH: &[Need] = &[
    need("wrk", "wrk"),
    need("h2load", "nghttp2-client"),
    need("openssl", "openssl"),
    need("nginx", "nginx-light"),
    need("tcpdump", "tcpdump"),
    need("tcplife", "libbpf-tools"),
    need("ip", "iproute2"),
];

/// Services that come with packages of the tests.
const SERVICES: &[(&str, &str)] = &[
    ("nginx-light", "nginx.service"),
    ("dante-server", "danted.service"),
    ("redis-server", "redis-server.service"),
    ("postgresql", "postgresql.service"),
    ("openssh-server", "ssh.service"),
    ("prometheus", "prometheus.service"),
];

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [build_only] = arguments::flags(args, ["--build-only"])?;
    let toolchain = for_build()?;
    println!("build: {}", toolchain.describe());
    if !build_only {
        for_test()?;
        println!(
            "test: every client, server and tool is here; Python packages in {}",
            workspace::venv().display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn for_build() -> Result<Toolchain> {
    ensure(&[BUILD])?;
    toolchain::ensure()
}

pub(crate) fn for_vm() -> Result<()> {
    ensure(&[CLIENTS, VM])
}

pub(crate) fn for_bench() -> Result<()> {
    ensure(&[BENCH])
}

pub(crate) fn for_test() -> Result<()> {
    ensure(&[CLIENTS, VM, TEST])?;
    if python::ensure()? {
        eprintln!("setup: made {}", workspace::venv().display());
    }
    Ok(())
}

fn ensure(groups: &[&[Need]]) -> Result<()> {
    let mut missing: Vec<&str> = groups
        .iter()
        .flat_map(|needs| packages::missing(needs))
        .collect();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("setup: installing {}", missing.join(" "));
    packages::install(&missing)?;
    for (package, service) in SERVICES {
        if missing.contains(package) {
            keep_off(service);
        }
    }
    Ok(())
}

/// Disables a service. Its package was installed for the tests, which start the program themselves, so the machine's own
/// service must not start at the next boot.
fn keep_off(service: &str) {
    let Some(mut systemctl) = shell::which("systemctl").and_then(shell::as_root) else {
        return;
    };
    if let Err(error) = shell::run(systemctl.args(["--quiet", "disable", service])) {
        eprintln!("setup: {error:#}");
    }
}
