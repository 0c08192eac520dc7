//! Servers in Python below `tests/servers`: each takes its port first, and prints a line for everything that it counts.

use std::process::Command;

use anyhow::{Context, Result};

use super::wait_until_listening;
use crate::certificate::Certificate;
use crate::check::Differences;
use crate::machine::{fixture, venv_python};
use crate::port;
use crate::process::Process;
use crate::tracer::Traced;
use crate::turns::{self, Turns};

/// A running script.
pub struct Script {
    /// Port on 127.0.0.1.
    pub port: u16,
    process: Process,
}

impl Script {
    /// Starts a script with `arguments` behind its port.
    pub fn start(script: &str, arguments: &[&str]) -> Result<Self> {
        let port = port::unused()?;
        let mut command = Command::new(venv_python()?);
        command
            .arg(fixture("servers").join(script))
            .arg(port.to_string())
            .args(arguments);
        let process = Process::start(&mut command)?;
        wait_until_listening(&[], port).with_context(|| process.stderr().unwrap_or_default())?;
        Ok(Self { port, process })
    }

    /// Starts `pages.py` with these options.
    pub fn pages(options: &[&str]) -> Result<Self> {
        Self::start("pages.py", options)
    }

    /// Starts a script that speaks TLS with this certificate, and with `options`.
    pub fn secure(script: &str, certificate: &Certificate, options: &[&str]) -> Result<Self> {
        let cert = format!("cert={}", certificate.path().display());
        let key = format!("key={}", certificate.key().display());
        let arguments: Vec<&str> = [&*cert, &*key]
            .into_iter()
            .chain(options.iter().copied())
            .collect();
        Self::start(script, &arguments)
    }

    /// Number of lines that are `what`.
    pub fn counted(&self, what: &str) -> Result<u64> {
        let lines = self.process.stdout()?;
        Ok(lines.lines().filter(|line| *line == what).count() as u64)
    }

    /// Numbers of the lines that are `what` and a number, the least first.
    pub fn numbers(&self, what: &str) -> Result<Vec<f64>> {
        let text = self.process.stdout()?;
        let rest = text.lines().filter_map(|line| line.strip_prefix(what));
        let numbers: Result<Vec<f64>, _> = rest.map(|text| text.trim().parse()).collect();
        let mut numbers = numbers?;
        numbers.sort_by(f64::total_cmp);
        Ok(numbers)
    }

    /// Checks that the server counted these requests and connections, that tracer did, and that nothing was lost.
    pub fn compare_pages(
        &self,
        traced: &Traced,
        expected: Turns,
        differences: &mut Differences,
    ) -> Result<()> {
        let requests = self.counted("request")?;
        differences.equal("requests of the server", requests, expected.requests);
        let connections = self.counted("connection")?;
        differences.equal(
            "connections of the server",
            connections,
            expected.connections,
        );
        differences.holds("the client succeeded", traced.finished.status.success());
        traced.export.compare_losses(differences);
        turns::compare(&traced.export, expected, differences);
        Ok(())
    }

    /// Text that helps when a case fails.
    pub fn story(&self, traced: &Traced) -> String {
        let stderr = self.process.stderr().unwrap_or_default();
        format!("{}\nserver: {stderr}", traced.story())
    }
}
