//! nginx with an access log that tells connections and handshakes apart.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::{Seen, wait_until_listening};
use crate::certificate::Certificate;
use crate::machine::program;
use crate::port;
use crate::process::Process;

/// Settings of nginx.
#[derive(Debug, Clone, Copy)]
pub struct NginxOptions {
    /// `ssl_protocols`, or nothing for plain HTTP.
    pub protocols: Option<&'static str>,
    /// True if there are session tickets, and so resumption.
    pub tickets: bool,
    /// Seconds that an idle connection is kept; 0 closes it after each response.
    pub keepalive_s: u32,
    /// Most requests on a connection.
    pub keepalive_requests: u32,
    /// True if TLS 1.3 early data is accepted.
    pub early_data: bool,
    /// True if HTTP/2 is offered.
    pub http2: bool,
    /// Length of what it answers to `/body`.
    pub body_bytes: usize,
    /// True if a line of the PROXY protocol comes before everything else on a connection.
    pub proxy_protocol: bool,
    /// Port on 127.0.0.1 of the server that it asks for every other page; without one it answers itself.
    pub upstream: Option<u16>,
}

impl Default for NginxOptions {
    fn default() -> Self {
        Self {
            protocols: Some("TLSv1.2 TLSv1.3"),
            tickets: true,
            keepalive_s: 60,
            keepalive_requests: 10_000,
            early_data: false,
            http2: false,
            proxy_protocol: false,
            body_bytes: 0,
            upstream: None,
        }
    }
}

/// Name of the socket in its directory on which it states how many connections it has accepted.
const STATUS: &str = "status";

/// A running nginx.
pub struct Nginx {
    /// Port on every address.
    pub port: u16,
    directory: TempDir,
    /// Number of times that it was asked for the connections it has accepted.
    asked: AtomicU64,
    _process: Process,
}

impl Nginx {
    /// Starts nginx in the foreground with one worker.
    pub fn start(options: NginxOptions, certificate: &Certificate) -> Result<Self> {
        Self::start_behind(&[], options, certificate)
    }

    /// Starts nginx behind a command `prefix`, which brings it into a namespace.
    pub fn start_behind(
        prefix: &[String],
        options: NginxOptions,
        certificate: &Certificate,
    ) -> Result<Self> {
        let port = port::unused()?;
        let directory = tempfile::tempdir()?;
        std::fs::write(
            directory.path().join("body"),
            vec![b'x'; options.body_bytes],
        )?;
        let file = directory.path().join("nginx.conf");
        std::fs::write(
            &file,
            configuration(&options, certificate, port, &directory),
        )?;
        let nginx = program("nginx", "nginx-light")?;
        let words: Vec<OsString> = prefix
            .iter()
            .map(OsString::from)
            .chain([nginx.into()])
            .collect();
        let mut command = Command::new(words.first().context("no command")?);
        command
            .args(words.iter().skip(1))
            .arg("-p")
            .arg(directory.path())
            .arg("-c")
            .arg(&file);
        command.arg("-e").arg(directory.path().join("error.log"));
        let process = Process::start(&mut command)?;
        wait_until_listening(prefix, port).with_context(|| process.stderr().unwrap_or_default())?;
        Ok(Self {
            port,
            directory,
            asked: AtomicU64::new(0),
            _process: process,
        })
    }

    /// Connections accepted so far, used or not, without those that asked for this number.
    pub fn accepted(&self) -> Result<u64> {
        let mut status = UnixStream::connect(self.directory.path().join(STATUS))?;
        status.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        status.read_to_string(&mut text)?;
        let mut lines = text.lines().skip_while(|line| !line.contains("accepts"));
        let counts = lines.nth(1).context("no counts")?;
        let accepted: u64 = counts
            .split_whitespace()
            .next()
            .context("no count")?
            .parse()?;
        let asked = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        accepted
            .checked_sub(asked)
            .context("fewer than asked for the number")
    }

    /// Number of lines of the access log so far.
    pub fn logged(&self) -> Result<usize> {
        Ok(self.log()?.lines().count())
    }

    /// Number of lines of the access log that were written between two times, in seconds since 1970.
    pub fn logged_between(&self, from_s: f64, to_s: f64) -> Result<u64> {
        let mut count = 0;
        for line in self.log()?.lines() {
            let entry: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            let at_s = entry["at"].as_f64().context("no time")?;
            count += u64::from((from_s..=to_s).contains(&at_s));
        }
        Ok(count)
    }

    fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(
            self.directory.path().join("access.log"),
        )?)
    }

    /// Counts of the access log so far.
    pub fn seen(&self) -> Result<Seen> {
        self.seen_since(0)
    }

    /// Counts of the access log without its first lines.
    pub fn seen_since(&self, first: usize) -> Result<Seen> {
        let log = self.log()?;
        let lines: Vec<&str> = log.lines().skip(first).collect();
        let mut reused: HashMap<u64, bool> = HashMap::new();
        let mut http2 = 0;
        for line in &lines {
            let entry: Value = serde_json::from_str(line).with_context(|| (*line).to_owned())?;
            let connection = entry["connection"]
                .as_u64()
                .context("no connection number")?;
            reused.insert(connection, entry["reused"] == "r");
            http2 += u64::from(entry["http"] == "HTTP/2.0");
        }
        let resumed = reused.values().filter(|reused| **reused).count() as u64;
        let connections = reused.len() as u64;
        let is_tls = lines.first().is_some_and(|line| line.contains("TLSv"));
        Ok(Seen {
            connections: Some(connections),
            used: Some(connections),
            requests: Some(lines.len() as u64),
            full: Some(if is_tls { connections - resumed } else { 0 }),
            resumed: Some(resumed),
            failed: None,
            http2: Some(http2),
        })
    }
}

fn configuration(
    options: &NginxOptions,
    certificate: &Certificate,
    port: u16,
    directory: &TempDir,
) -> String {
    let ssl = options.protocols.map_or("", |_protocols| "ssl");
    let more = match (options.http2, options.proxy_protocol) {
        (true, _) => "http2",
        (_, true) => "proxy_protocol",
        (false, false) => "",
    };
    let tls = options.protocols.map_or_else(String::new, |protocols| {
        format!(
            "ssl_protocols {protocols}; ssl_certificate {}; ssl_certificate_key {}; \
             ssl_session_cache {}; ssl_session_tickets {}; ssl_early_data {};",
            certificate.path().display(),
            certificate.key().display(),
            if options.tickets {
                "shared:sessions:4m"
            } else {
                "off"
            },
            if options.tickets { "on" } else { "off" },
            if options.early_data { "on" } else { "off" },
        )
    });
    let place = directory.path().display();
    let page = options.upstream.map_or_else(
        || r#"default_type text/html; return 200 "<title>a page</title>\n""#.to_owned(),
        |port| format!("proxy_pass http://127.0.0.1:{port}"),
    );
    let (keepalive, requests) = (options.keepalive_s, options.keepalive_requests);
    format!(
        r#"daemon off; master_process off; worker_processes 1; pid {place}/pid; error_log {place}/error.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  log_format seen '{{"connection":$connection,"request":$connection_requests,'
    '"protocol":"$ssl_protocol","reused":"$ssl_session_reused","port":$remote_port,"http":"$server_protocol","at":$msec}}';
  access_log {place}/access.log seen;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  keepalive_timeout {keepalive}; keepalive_requests {requests}; {tls}
  server {{
    listen 0.0.0.0:{port} {ssl} {more} backlog=4096; listen [::]:{port} {ssl} {more} backlog=4096;
    location = /body {{ root {place}; }}
    location / {{ {page}; }}
  }}
  server {{ listen unix:{place}/{STATUS}; location / {{ stub_status; access_log off; }} }}
}}
"#
    )
}
