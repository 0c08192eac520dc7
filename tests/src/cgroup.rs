//! A cgroup for commands of a test.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// A cgroup of the test's own, removed with it.
pub struct Cgroup {
    /// Directory of the cgroup.
    pub path: PathBuf,
}

impl Cgroup {
    /// Makes the cgroup below the root, beside that of the test.
    pub fn new() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let mount = mounts
            .lines()
            .find(|line| line.contains(" - cgroup2 "))
            .context("no cgroup v2")?;
        let root = mount.split(' ').nth(4).context("a strange mountinfo")?;
        let path = PathBuf::from(root).join(format!("tracer-test-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Fails only while a process of the test is in it.
        let _ = fs::remove_dir(&self.path);
    }
}
