//! Empty programs at the hooks that tracer uses: the cost that no tracer at these hooks can avoid.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::bpf::{self, Hook};

/// Empty programs, attached while this value lives.
pub(crate) struct Floor {
    _programs: Vec<[OwnedFd; 2]>,
}

impl Floor {
    /// Attaches empty programs to the given hooks. They are read from a running tracer, so that both are always the same.
    pub(crate) fn attach(hooks: &[Hook]) -> Result<Self> {
        let root = cgroup_root()?;
        let root = File::open(&root).with_context(|| root.display().to_string())?;
        let attach = |hook: &Hook| match hook {
            Hook::Tracepoint(name) => Some(bpf::empty_at_tracepoint(name)),
            Hook::Cgroup(at) => {
                program_type(*at).map(|kind| bpf::empty_in_cgroup(&root, *at, kind))
            }
        };
        let _programs = hooks.iter().filter_map(attach).collect::<Result<_>>()?;
        Ok(Self { _programs })
    }
}

/// Program type that belongs to an attach type of a cgroup (`enum bpf_attach_type`, `enum bpf_prog_type`).
fn program_type(attach_type: u32) -> Option<u32> {
    const SKB: u32 = 8;
    const SOCK: u32 = 9;
    const SOCK_OPS: u32 = 13;
    const SOCK_ADDR: u32 = 18;
    match attach_type {
        0 | 1 => Some(SKB),
        2 | 12 | 13 | 34 => Some(SOCK),
        3 => Some(SOCK_OPS),
        8..=11 | 14 | 15 | 19 | 20 | 29..=32 => Some(SOCK_ADDR),
        _ => None,
    }
}

/// Mount point of cgroup v2, from a line with `… - cgroup2 cgroup2 rw`.
fn cgroup_root() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let line = mounts.lines().find(|line| line.contains(" - cgroup2 "));
    let path = line.and_then(|line| line.split(' ').nth(4));
    path.map(PathBuf::from).context("cgroup v2 is not mounted")
}
