//! A network namespace for one test, removed with it.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};

use crate::certificate::Certificate;
use crate::process::output;
use crate::server::{Nginx, NginxOptions};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A named network namespace with `lo` up.
pub struct Namespace {
    name: String,
}

/// An open handle on a namespace, to be entered by one thread.
pub struct Entry(File);

impl Entry {
    /// Moves the calling thread into the namespace, for good.
    pub fn enter(self) -> Result<()> {
        setns(self.0, CloneFlags::CLONE_NEWNET).context("entering the network namespace")
    }
}

impl Namespace {
    /// Makes one.
    pub fn new() -> Result<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let made = Self {
            name: format!("tracer-test-{}-{number}", std::process::id()),
        };
        output(Command::new("ip").args(["netns", "add", &made.name]))?;
        made.ip(&["link", "set", "lo", "up"])?;
        Ok(made)
    }

    /// Name of the namespace, as `ip` takes it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts nginx inside, on every address.
    pub fn nginx(&self, protocols: &'static str, certificate: &Certificate) -> Result<Nginx> {
        let options = NginxOptions {
            protocols: Some(protocols),
            ..NginxOptions::default()
        };
        Nginx::start_behind(&self.prefix(), options, certificate)
    }

    /// Runs `ip` with `arguments` inside.
    pub fn ip(&self, arguments: &[&str]) -> Result<()> {
        output(Command::new("ip").args(["-n", &self.name]).args(arguments)).map(drop)
    }

    /// The command prefix that runs a program inside, leaving every mount as it is.
    pub fn prefix(&self) -> Vec<String> {
        vec![
            "nsenter".into(),
            format!("--net={}", self.path().display()),
            "--".into(),
        ]
    }

    /// A handle for a thread of this process to enter by.
    pub fn open(&self) -> Result<Entry> {
        Ok(Entry(
            File::open(self.path()).with_context(|| self.name.clone())?,
        ))
    }

    /// Runs `work` on a thread inside; sockets it opens stay inside.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let entry = self.open()?;
        std::thread::spawn(move || entry.enter().and_then(|()| work()))
            .join()
            .map_err(|_panic| anyhow!("the thread in the namespace panicked"))?
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing to be done about a failure while unwinding.
        let _ = output(Command::new("ip").args(["netns", "del", &self.name]));
    }
}
