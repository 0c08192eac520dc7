//! tinyproxy, a proxy with CONNECT that also forwards requests in clear.

use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::wait_until_listening;
use crate::machine::program;
use crate::port;
use crate::process::Process;

/// A running tinyproxy.
pub struct Tinyproxy {
    /// Port on 127.0.0.1.
    pub port: u16,
    directory: TempDir,
    _process: Process,
}

impl Tinyproxy {
    /// Starts tinyproxy in the foreground.
    pub fn start() -> Result<Self> {
        let port = port::unused()?;
        let directory = tempfile::tempdir()?;
        let place = directory.path().display();
        let file = directory.path().join("tinyproxy.conf");
        // Names of other machines are not even looked up.
        std::fs::write(directory.path().join("allowed"), "^localhost$\n^127\\.\n")?;
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nLogLevel Connect\nLogFile \"{place}/log\"\nMaxClients 100\nFilter \"{place}/allowed\"\nFilterDefaultDeny Yes\nFilterExtended On\n"
        );
        std::fs::write(&file, text)?;
        let mut command = Command::new(program("tinyproxy", "tinyproxy-bin")?);
        let process = Process::start(command.arg("-d").arg("-c").arg(&file))?;
        wait_until_listening(&[], port).with_context(|| process.stderr().unwrap_or_default())?;
        Ok(Self {
            port,
            directory,
            _process: process,
        })
    }

    /// Number of connections that its log has.
    pub fn accepted(&self) -> Result<u64> {
        self.logged(|line| line.contains(": Connect (file"))
    }

    /// Number of requests for a tunnel that its log has.
    pub fn tunnels(&self) -> Result<u64> {
        self.logged(|line| line.contains(": Request (file") && line.contains("): CONNECT "))
    }

    fn logged(&self, counts: impl Fn(&str) -> bool) -> Result<u64> {
        let log = std::fs::read_to_string(self.directory.path().join("log"))?;
        Ok(log.lines().filter(|line| counts(line)).count() as u64)
    }
}
