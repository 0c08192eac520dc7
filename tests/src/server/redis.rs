//! Redis, whose clients speak first, in lines and in arrays.

use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::wait_until_listening;
use crate::machine::program;
use crate::port;
use crate::process::{Process, output};

/// A running redis-server that keeps nothing.
pub struct Redis {
    /// Port on 127.0.0.1.
    pub port: u16,
    _directory: TempDir,
    _process: Process,
}

impl Redis {
    /// Starts the server.
    pub fn start() -> Result<Self> {
        let port = port::unused()?;
        let directory = tempfile::tempdir()?;
        let mut command = Command::new(program("redis-server", "redis-server")?);
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(directory.path());
        let process = Process::start(&mut command)?;
        wait_until_listening(&[], port).with_context(|| process.stdout().unwrap_or_default())?;
        Ok(Self {
            port,
            _directory: directory,
            _process: process,
        })
    }

    /// Number of times that a command was called so far.
    pub fn called(&self, command: &str) -> Result<u64> {
        let text = output(
            Command::new(program("redis-cli", "redis-tools")?)
                .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
                .args(["info", "commandstats"]),
        )?;
        let prefix = format!("cmdstat_{command}:calls=");
        let count = text.lines().find_map(|line| line.strip_prefix(&prefix));
        let count = count.and_then(|rest| rest.split(',').next());
        count.map_or(Ok(0), |count| Ok(count.parse()?))
    }
}
