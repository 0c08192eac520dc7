//! OpenSSH's server, which speaks first.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use super::wait_until_listening;
use crate::machine::program;
use crate::port;
use crate::process::{Process, output};

/// Directory that sshd wants to be there, empty. Its service makes it, and we start no service.
const EMPTY: &str = "/run/sshd";

/// A running sshd that lets one key in.
pub struct Sshd {
    /// Port on 127.0.0.1.
    pub port: u16,
    directory: TempDir,
    process: Process,
    _empty: Empty,
}

/// Directory that sshd wants, removed again if it was not there before.
struct Empty {
    is_ours: bool,
}

impl Empty {
    fn make() -> Result<Self> {
        let is_ours = !Path::new(EMPTY).exists();
        if is_ours {
            std::fs::create_dir(EMPTY)?;
        }
        Ok(Self { is_ours })
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        if self.is_ours {
            // A directory that is left behind harms nobody.
            let _ = std::fs::remove_dir(EMPTY);
        }
    }
}

impl Sshd {
    /// Makes keys and starts the server.
    pub fn start() -> Result<Self> {
        let port = port::unused()?;
        let directory = tempfile::tempdir()?;
        for key in ["host", "user"] {
            output(
                Command::new(program("ssh-keygen", "openssh-client")?)
                    .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                    .arg(directory.path().join(key)),
            )?;
        }
        let empty = Empty::make()?;
        let file = directory.path().join("sshd_config");
        std::fs::write(&file, configuration(port, &directory))?;
        let mut command = Command::new(program("sshd", "openssh-server")?);
        let process = Process::start(command.args(["-D", "-e", "-f"]).arg(&file))?;
        wait_until_listening(&[], port).with_context(|| process.stderr().unwrap_or_default())?;
        Ok(Self {
            port,
            directory,
            process,
            _empty: empty,
        })
    }

    /// Words of an ssh that runs a shell command at the server.
    pub fn ssh(&self, command: &str) -> Result<Vec<String>> {
        let user = User::from_uid(geteuid())?.context("no user")?;
        let key = self.directory.path().join("user").display().to_string();
        let words = [
            &*program("ssh", "openssh-client")?.display().to_string(),
            "-F/dev/null",
            "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null",
            "-oIdentitiesOnly=yes",
            "-oBatchMode=yes",
            "-i",
            &key,
            "-p",
            &self.port.to_string(),
            &format!("{}@127.0.0.1", user.name),
            command,
        ]
        .map(str::to_owned);
        Ok(words.into())
    }

    /// Number of logins so far.
    pub fn logins(&self) -> Result<u64> {
        let log = self.process.stderr()?;
        Ok(log
            .lines()
            .filter(|line| line.contains("Accepted publickey"))
            .count() as u64)
    }
}

fn configuration(port: u16, directory: &TempDir) -> String {
    let place = directory.path().display();
    format!(
        "Port {port}
ListenAddress 127.0.0.1
HostKey {place}/host
AuthorizedKeysFile {place}/user.pub
StrictModes no
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PidFile none
LogLevel VERBOSE
PrintMotd no
"
    )
}
