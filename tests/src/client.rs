//! Real clients, as commands that print their own count on the last line of their output.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::build;
use crate::certificate::Certificate;
use crate::machine::{fixture, program, venv_python};
use crate::namespace::Namespace;
use crate::process::Process;

/// Command to trace.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Program and arguments.
    pub command: Vec<OsString>,
    /// Environment variables of the client besides ours.
    pub environment: Vec<(String, OsString)>,
    /// Name of the processes that connect.
    pub comm: &'static str,
}

impl Client {
    /// Makes a client of any command; `comm` is the name of the processes that connect.
    pub fn new(comm: &'static str, command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let command = command.into_iter().map(Into::into).collect();
        Self {
            command,
            environment: Vec::new(),
            comm,
        }
    }

    /// Command as a line for a shell.
    pub fn line(&self) -> String {
        let words = self.command.iter();
        let words: Vec<String> = words
            .map(|word| format!("'{}'", word.to_string_lossy()))
            .collect();
        words.join(" ")
    }

    /// Client that runs a shell script with `arguments` as `$1`, `$2`, ….
    pub fn shell(comm: &'static str, script: &str, arguments: &[&str]) -> Self {
        let fixed = ["sh", "-ec", script, "sh"];
        Self::new(comm, fixed.iter().chain(arguments).copied())
    }

    /// Client that runs a script of tests/clients by Python with `requests` and `aiohttp`.
    pub fn python(script: &str, arguments: &[&str]) -> Result<Self> {
        let mut client = Self::new("python", [venv_python()?.into_os_string()]);
        client.command.push(fixture("clients").join(script).into());
        client.command.extend(arguments.iter().map(OsString::from));
        Ok(client)
    }

    /// Go client.
    pub fn go(arguments: &[&str]) -> Result<Self> {
        let mut client = Self::new("clients-go-main", [build::go("clients/go/main.go")?]);
        client.command.extend(arguments.iter().map(OsString::from));
        Ok(client)
    }

    /// Client from a C program of tests/clients, linked with musl, whose resolver is not glibc's. For `comm` see [`Self::new`].
    pub fn musl(source: &str, comm: &'static str, arguments: &[&str]) -> Result<Self> {
        let mut client = Self::new(comm, [build::musl(source)?]);
        client.command.extend(arguments.iter().map(OsString::from));
        Ok(client)
    }

    /// Client that uses Node's fetch.
    pub fn node(arguments: &[&str], certificate: &Certificate) -> Result<Self> {
        let script = fixture("clients/fetch.mjs").into_os_string();
        let mut client = Self::new(
            "node",
            [program("node", "nodejs")?.into_os_string(), script],
        );
        client.command.extend(arguments.iter().map(OsString::from));
        Ok(client.with("NODE_EXTRA_CA_CERTS", certificate.path()))
    }

    /// Client that uses Java's HttpClient.
    pub fn java(arguments: &[&str]) -> Result<Self> {
        let script = fixture("clients/Client.java").into_os_string();
        let java = program("java", "openjdk-17-jdk-headless")?.into_os_string();
        let mut client = Self::new("java", [java, script]);
        client.command.extend(arguments.iter().map(OsString::from));
        Ok(client)
    }

    /// Executable of the processes that connect, as /proc names it.
    pub fn executable(&self) -> Result<PathBuf> {
        let named = |argument: &&OsString| {
            let name = Path::new(argument).file_name().and_then(OsStr::to_str);
            // The kernel keeps 15 bytes of the name of a process.
            name.is_some_and(|name| name.chars().take(15).eq(self.comm.chars()))
        };
        let path = match self.command.iter().find(named) {
            Some(path) if Path::new(path).is_absolute() => PathBuf::from(path),
            _ => program(self.comm, self.comm)?,
        };
        Ok(path.canonicalize()?)
    }

    /// Starts the client, which is not traced from its beginning.
    pub fn start(&self) -> Result<Process> {
        let mut words = self.command.iter();
        let mut command = Command::new(words.next().context("no command")?);
        command.args(words);
        Process::start(command.envs(self.environment.iter().cloned()))
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.environment
            .push((name.to_owned(), value.as_ref().into()));
        self
    }

    /// Moves the client into a network namespace.
    #[must_use]
    pub fn inside(mut self, namespace: &Namespace) -> Self {
        let prefix = namespace.prefix().into_iter().map(OsString::from);
        self.command = prefix.chain(self.command).collect();
        self
    }
}
