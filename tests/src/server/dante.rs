//! Dante, a SOCKS 5 proxy.

use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::wait_until_listening;
use crate::machine::program;
use crate::port;
use crate::process::Process;

/// A running danted.
pub struct Dante {
    /// Port on 127.0.0.1.
    pub port: u16,
    directory: TempDir,
    process: Option<Process>,
}

impl Dante {
    /// Starts danted in the foreground.
    pub fn start() -> Result<Self> {
        let port = port::unused()?;
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("danted.conf");
        std::fs::write(&file, configuration(port, &directory))?;
        let mut command = Command::new(program("danted", "dante-server")?);
        command
            .arg("-f")
            .arg(&file)
            .arg("-p")
            .arg(directory.path().join("pid"));
        let process = Process::start(&mut command)?;
        wait_until_listening(&[], port).with_context(|| process.stderr().unwrap_or_default())?;
        Ok(Self {
            port,
            directory,
            process: Some(process),
        })
    }

    /// Number of connections that its log has.
    pub fn accepted(&self) -> Result<u64> {
        self.logged("tcp/accept [")
    }

    /// Number of tunnels that its log has.
    pub fn tunnels(&self) -> Result<u64> {
        self.logged("tcp/connect [")
    }

    fn logged(&self, event: &str) -> Result<u64> {
        let log = std::fs::read_to_string(self.directory.path().join("log"))?;
        Ok(log.lines().filter(|line| line.contains(event)).count() as u64)
    }
}

impl Drop for Dante {
    fn drop(&mut self) {
        // The first process ends its children when it is asked to end; killed, it would leave them.
        if let Some(process) = self.process.take()
            && process.signal(Signal::SIGTERM).is_ok()
        {
            let _ = process.finish();
        }
    }
}

fn configuration(port: u16, directory: &TempDir) -> String {
    let place = directory.path().display();
    format!(
        "logoutput: {place}/log
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: root
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect }}
socks pass {{ from: 0.0.0.0/0 to: 127.0.0.0/8 log: connect }}
"
    )
}
