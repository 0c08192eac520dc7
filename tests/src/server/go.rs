//! A Go net/http server (crypto/tls), which is a second TLS library and counts by itself.

use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Seen, wait_until_listening};
use crate::build;
use crate::certificate::Certificate;
use crate::client::Client;
use crate::process::Process;
use crate::{port, sockets};

/// Settings of a Go server.
#[derive(Debug, Clone, Default)]
pub struct GoOptions {
    /// `1.2`, `1.3`, or nothing for plain HTTP.
    pub version: Option<&'static str>,
    /// Further flags of tests/servers/go/main.go.
    pub flags: Vec<String>,
}

/// A running Go server.
pub struct Go {
    /// Port on 127.0.0.1 and ::1.
    pub port: u16,
    process: Process,
}

impl Go {
    /// Builds the server if necessary, and starts it.
    pub fn start(options: &GoOptions, certificate: &Certificate) -> Result<Self> {
        let port = port::unused()?;
        let mut command = Command::new(build::go("servers/go/main.go")?);
        command
            .arg(format!("-listen=127.0.0.1:{port},[::1]:{port}"))
            .args(&options.flags);
        if let Some(version) = options.version {
            command.arg(format!("-tls={version}"));
            command
                .arg("-cert")
                .arg(certificate.path())
                .arg("-key")
                .arg(certificate.key());
        }
        let process = Process::start(&mut command)?;
        wait_until_listening(&[], port).with_context(|| process.stderr().unwrap_or_default())?;
        Ok(Self { port, process })
    }

    /// Starts a server over TLS 1.3 that takes 5 ms for an answer, and makes the Go client that sends it `requests` requests
    /// over six connections.
    pub fn with_tuned_client(certificate: &Certificate, requests: u32) -> Result<(Self, Client)> {
        let options = GoOptions {
            version: Some("1.3"),
            flags: vec!["-delay=5ms".into()],
        };
        let server = Self::start(&options, certificate)?;
        let url = format!("https://localhost:{}/x", server.port);
        let ca = certificate.path().display().to_string();
        let client = Client::go(&["tuned", &url, &requests.to_string(), "6", &ca])?;
        Ok((server, client))
    }

    /// Ends the server once every connection is closed, and gives its counts.
    pub fn finish(self) -> Result<Seen> {
        sockets::settle(self.port)?;
        self.process.signal(Signal::SIGTERM)?;
        let finished = self.process.finish()?;
        let count: Value = serde_json::from_str(&finished.stdout)
            .with_context(|| format!("{}{}", finished.stdout, finished.stderr))?;
        Ok(Seen {
            connections: count["connections"].as_u64(),
            used: count["used"].as_u64(),
            requests: count["requests"].as_u64(),
            full: count["full"].as_u64(),
            resumed: count["resumed"].as_u64(),
            failed: count["failed"].as_u64(),
            http2: None,
        })
    }
}
