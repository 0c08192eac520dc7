//! `openssl s_server`, which takes every unusual TLS setting.

use std::process::Command;

use anyhow::{Context, Result};

use super::{Seen, wait_until_listening};
use crate::certificate::Certificate;
use crate::port;
use crate::process::Process;

/// A running `openssl s_server -www`.
pub struct OpenSsl {
    /// Port on 127.0.0.1.
    pub port: u16,
    process: Process,
}

impl OpenSsl {
    /// Starts the server with further `options`.
    pub fn start(options: &[&str], certificate: &Certificate) -> Result<Self> {
        let port = port::unused()?;
        let mut command = Command::new("openssl");
        command.args([
            "s_server",
            "-www",
            "-msg",
            "-accept",
            &format!("127.0.0.1:{port}"),
        ]);
        command
            .arg("-cert")
            .arg(certificate.path())
            .arg("-key")
            .arg(certificate.key());
        let process = Process::start(command.args(options))?;
        wait_until_listening(&[], port).with_context(|| process.stderr().unwrap_or_default())?;
        Ok(Self { port, process })
    }

    /// Counts of the message log so far. Handshakes with a Finished of the client are complete.
    pub fn seen(&self) -> Result<Seen> {
        let log = self.process.stdout()?;
        let mut seen = Log::default();
        log.lines().for_each(|line| seen.read(line));
        Ok(Seen {
            full: Some(seen.full),
            resumed: Some(seen.resumed),
            ..Seen::default()
        })
    }
}

/// Counts of a message log. s_server serves one connection after the other.
#[derive(Default)]
struct Log {
    certificate_sent: bool,
    server_finished: bool,
    client_finished: bool,
    full: u64,
    resumed: u64,
}

impl Log {
    fn read(&mut self, line: &str) {
        let Some((direction, message)) = line.split_once(' ') else {
            return;
        };
        let Some(message) = message.rsplit(", ").next() else {
            return;
        };
        match (direction, message) {
            ("<<<", "ClientHello") => {
                *self = Self {
                    full: self.full,
                    resumed: self.resumed,
                    ..Self::default()
                }
            }
            (">>>", "Certificate") => self.certificate_sent = true,
            (">>>", "Finished") => self.server_finished = true,
            ("<<<", "Finished") => self.client_finished = true,
            _ => return,
        }
        if self.server_finished && self.client_finished {
            self.full += u64::from(self.certificate_sent);
            self.resumed += u64::from(!self.certificate_sent);
            (self.server_finished, self.client_finished) = (false, false);
        }
    }
}
