//! PostgreSQL, whose clients speak first, and may ask for TLS before anything else.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::unistd::{User, chown};
use tempfile::TempDir;

use super::wait_until_listening;
use crate::certificate::Certificate;
use crate::machine::program;
use crate::port;
use crate::process::{Process, output};

/// User that the server runs as: it refuses to run as root.
const USER: &str = "nobody";

/// A running server with a data directory of its own.
pub struct Postgres {
    /// Port on 127.0.0.1.
    pub port: u16,
    directory: TempDir,
    process: Option<Process>,
}

impl Postgres {
    /// Makes a data directory and starts the server, which offers TLS with a certificate.
    pub fn start(certificate: Option<&Certificate>) -> Result<Self> {
        let port = port::unused()?;
        let directory = tempfile::tempdir()?;
        own(&directory.path().to_path_buf())?;
        let data = directory.path().join("data");
        output(
            unprivileged("initdb")?
                .args([
                    "--auth=trust",
                    "--no-sync",
                    "--no-instructions",
                    "--encoding=UTF8",
                    "--locale=C",
                    "-D",
                ])
                .arg(&data),
        )?;
        let mut command = unprivileged("postgres")?;
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .arg("-c")
            .arg(format!(
                "unix_socket_directories={}",
                directory.path().display()
            ))
            .args([
                "-c",
                "fsync=off",
                "-c",
                "log_connections=on",
                "-c",
                "log_statement=all",
            ]);
        if let Some(certificate) = certificate {
            secure(&directory, certificate, &mut command)?;
        }
        let process = Process::start(&mut command)?;
        wait_until_listening(&[], port).with_context(|| process.stderr().unwrap_or_default())?;
        Ok(Self {
            port,
            directory,
            process: Some(process),
        })
    }

    /// Words of psql with these queries, each in a message of its own. `sslmode` says whether it asks for TLS.
    pub fn psql(&self, sslmode: &str, queries: &[&str]) -> Result<Vec<String>> {
        let at = format!(
            "host=127.0.0.1 port={} user={USER} dbname=postgres sslmode={sslmode} gssencmode=disable",
            self.port
        );
        let words = [
            tool("psql")?.display().to_string(),
            "-X".into(),
            "-q".into(),
            at,
        ];
        let queries = queries
            .iter()
            .flat_map(|query| ["-c".to_owned(), (*query).to_owned()]);
        Ok(words.into_iter().chain(queries).collect())
    }

    /// Lines of its log with this text.
    pub fn logged(&self, text: &str) -> Result<u64> {
        let process = self.process.as_ref().context("it has ended")?;
        Ok(process
            .stderr()?
            .lines()
            .filter(|line| line.contains(text))
            .count() as u64)
    }

    /// Directory of its files.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_path_buf()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Asked to end, it ends its children and frees its shared memory first.
        if let Some(process) = self.process.take()
            && process.signal(Signal::SIGINT).is_ok()
        {
            let _ = process.finish();
        }
    }
}

/// Path of a program of the newest installed version, which is not on PATH.
fn tool(name: &str) -> Result<PathBuf> {
    let root = PathBuf::from("/usr/lib/postgresql");
    let versions = std::fs::read_dir(&root).into_iter().flatten().flatten();
    let newest = versions
        .filter(|version| version.path().join("bin/initdb").is_file())
        .filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok())
        .max();
    let newest = newest.context("PostgreSQL is not installed (Debian package postgresql)")?;
    Ok(root.join(newest.to_string()).join("bin").join(name))
}

fn unprivileged(name: &str) -> Result<Command> {
    let mut command = Command::new(program("setpriv", "util-linux")?);
    command
        .args([
            "--reuid",
            USER,
            "--regid",
            "nogroup",
            "--clear-groups",
            "--",
        ])
        .arg(tool(name)?);
    Ok(command)
}

/// Gives a file to the server's user.
fn own(path: &PathBuf) -> Result<()> {
    let user = User::from_name(USER)?.context(USER)?;
    Ok(chown(path, Some(user.uid), Some(user.gid))?)
}

fn secure(directory: &TempDir, certificate: &Certificate, command: &mut Command) -> Result<()> {
    command.args(["-c", "ssl=on"]);
    for (setting, from) in [
        ("ssl_cert_file", certificate.path()),
        ("ssl_key_file", certificate.key()),
    ] {
        let to = directory.path().join(setting);
        std::fs::copy(from, &to)?;
        own(&to)?;
        command.arg("-c").arg(format!("{setting}={}", to.display()));
    }
    Ok(())
}
