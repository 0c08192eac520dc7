//! A crawl: the crawler, started by `tracer run` in the client's namespace.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::runtime::Runtime;
use tracer_crawler::settings::PREFIX;
use tracer_testbed::link::Side;

use super::crawled::Crawled;
use super::directory::Directory;
use super::resolver::Resolver;
use super::stage::{Servers, Stage};
use super::{DemoError, DemoSettings, MemoryFile, Profile, Run, Stop};
use crate::exit_code;
use crate::say::note;

/// Time between two changes of the progress line.
const TICK: Duration = Duration::from_millis(250);
/// Time that a crawl may exceed its own time before it gets SIGTERM, and then before it is killed.
const GRACE: Duration = Duration::from_secs(20);
/// Flags that the naive crawl adds to its profile.
pub(super) const NAIVE: [&str; 2] = ["--idle-per-host", "0"];
/// Last bytes of the crawl's output that are shown in an error.
const SHOWN_BYTES: usize = 2000;

/// End of a crawl.
pub(super) enum CrawlEnd {
    /// The crawl is complete.
    Done(Box<Run>),
    /// A signal has ended the demo; the exit code for it.
    Stopped(u8),
}

/// A crawl to be run: its site, profile and settings.
pub(super) struct Crawl<'a> {
    pub(super) settings: &'a DemoSettings,
    pub(super) stage: &'a Stage,
    pub(super) profile: Profile,
    /// Directory of the exports; the crawl is traced only with one.
    pub(super) directory: Option<&'a Directory>,
}

impl Crawl<'_> {
    /// Runs the crawl to its end.
    pub(super) fn run(&self, runtime: &Runtime, stop: &mut Stop) -> Result<CrawlEnd, DemoError> {
        let memory = DemoError::system("making a file in memory");
        let servers = self.stage.serve(self.settings)?;
        let (jsonl, output) = (
            MemoryFile::new().map_err(&memory)?,
            MemoryFile::new().map_err(&memory)?,
        );
        let command = self.command(&servers, &jsonl, &output)?;
        let export_before = self.export();
        let start = Instant::now();
        let ended = runtime.block_on(async {
            let child = tokio::process::Command::from(command).spawn();
            let child = child.map_err(DemoError::system("starting the crawler"))?;
            self.watch(child, &servers, stop).await
        });
        let took = start.elapsed();
        let counted = self.stage.stop(servers);
        let status = match ended? {
            Watched::Signal(code) => return Ok(CrawlEnd::Stopped(code)),
            Watched::Exit(status) => status,
        };
        if status != 0 {
            return Err(self.failed(status, &output));
        }
        if self.directory.is_some() && self.export() == export_before {
            return Err(DemoError::NoExport {
                profile: self.profile.name(),
                output: last_words(&output),
            });
        }
        let text = jsonl
            .read()
            .map_err(DemoError::system("reading the pages"))?;
        Ok(CrawlEnd::Done(Box::new(Run {
            profile: self.profile,
            counted,
            hosts: self.stage.hosts().len() as u64,
            crawled: Crawled::read(&text)?,
            took,
        })))
    }

    /// True if the live screen uses the terminal.
    fn shows_screen(&self) -> bool {
        self.directory.is_some() && self.settings.screen
    }

    fn failed(&self, status: u8, output: &MemoryFile) -> DemoError {
        DemoError::Client {
            profile: self.profile.name(),
            status,
            output: last_words(output),
        }
    }

    /// Device and inode of the export's file; a new file has a different inode.
    fn export(&self) -> Option<(u64, u64)> {
        let path = self.directory?.export(self.profile);
        let meta = std::fs::symlink_metadata(path).ok()?;
        Some((meta.dev(), meta.ino()))
    }

    /// Command of the crawl: by `tracer run` when it is traced, in the client's namespace when there is a link.
    fn command(
        &self,
        servers: &Servers,
        jsonl: &MemoryFile,
        output: &MemoryFile,
    ) -> Result<Command, DemoError> {
        let own = std::env::current_exe().map_err(DemoError::system("finding this program"))?;
        let mut command = match self.stage.link() {
            Some(link) => link.command(Side::Client, &own)?,
            None => Command::new(&own),
        };
        if let Some(directory) = self.directory {
            command.arg("run").arg("--json");
            command.arg(directory.export(self.profile));
            if !self.settings.screen {
                command.args(["--no-tui", "--quiet"]);
            }
            command.arg("--").arg(&own);
        }
        command.args(self.crawler(servers, jsonl));
        for (name, _) in std::env::vars_os() {
            if name.as_bytes().starts_with(PREFIX.as_bytes()) {
                command.env_remove(name);
            }
        }
        if !self.shows_screen() {
            let file = || output.for_child().map(Stdio::from);
            let file = |what| file().map_err(DemoError::system(what));
            command.stdin(Stdio::null());
            command.stdout(file("opening the output")?);
            command.stderr(file("opening the output")?);
        }
        let resolver = self.stage.link().map(|_| Resolver::new(&Stage::resolver()));
        let prepare = move || {
            // Set after the link's own setup. On SIGTERM, `tracer run` ends its command and removes its cgroup.
            set_pdeathsig(Signal::SIGTERM)?;
            resolver.as_ref().map_or(Ok(()), Resolver::enter)
        };
        // SAFETY: between fork and exec there are only system calls, on data made before the fork.
        unsafe { command.pre_exec(prepare) };
        if let Some(directory) = self.directory {
            let shared = directory.share(&mut command);
            shared.map_err(DemoError::system("sharing the lock of the exports"))?;
        }
        Ok(command)
    }

    /// Arguments of `tracer crawl`. The two crawls differ in the profile, and the naive one opens a connection for each
    /// page, like a crawler that makes a new client for each: as every worker always has a next page, two idle
    /// connections per host would save as much as a hundred.
    fn crawler(&self, servers: &Servers, jsonl: &MemoryFile) -> Vec<OsString> {
        let concurrency = self.settings.concurrency.to_string();
        let time = format!("{}ms", self.settings.time.as_millis());
        let mut words: Vec<OsString> = [
            "crawl",
            "--profile",
            self.profile.name(),
            "--concurrency",
            &concurrency,
            "--per-host",
            &concurrency,
            "--max-time",
            &time,
            "--shutdown-timeout",
            "2s",
            "--progress",
            "off",
            "--quiet",
        ]
        .map(OsString::from)
        .into();
        for (flag, file) in [
            ("--ca-file", &servers.authority),
            ("--jsonl", jsonl),
            ("--seeds", &servers.seeds),
        ] {
            words.extend([flag.into(), file.path().into_os_string()]);
        }
        if self.profile == Profile::Default {
            words.extend(NAIVE.map(OsString::from));
        }
        for host in self.stage.hosts() {
            // The origin has a private address, which a crawler requests only if it is allowed to.
            words.extend(["--allow-host".into(), host.into()]);
        }
        words
    }

    /// Shows progress until the child ends, a signal comes, or it takes far too long.
    async fn watch(
        &self,
        mut child: Child,
        servers: &Servers,
        stop: &mut Stop,
    ) -> Result<Watched, DemoError> {
        let mut progress = Progress::new(self);
        let mut tick = tokio::time::interval(TICK);
        let overdue = tokio::time::sleep(self.settings.time + GRACE);
        tokio::pin!(overdue);
        loop {
            tokio::select! {
                status = child.wait() => {
                    let status = status.map_err(DemoError::system("waiting for the crawler"))?;
                    progress.finish(servers);
                    return Ok(Watched::Exit(exit_code::passed_on(status)));
                }
                code = stop.received() => {
                    progress.clear();
                    end(&mut child).await.map_err(DemoError::system("ending the crawler"))?;
                    return Ok(Watched::Signal(code));
                }
                () = overdue.as_mut() => {
                    progress.clear();
                    end(&mut child).await.map_err(DemoError::system("ending the crawler"))?;
                    return Err(DemoError::Overdue { profile: self.profile.name() });
                }
                _ = tick.tick() => progress.show(servers),
            }
        }
    }
}

/// Last bytes of a crawl's output.
fn last_words(output: &MemoryFile) -> String {
    let text = output.read().unwrap_or_default();
    let end = text.len().saturating_sub(SHOWN_BYTES);
    String::from_utf8_lossy(&text[end..]).trim().to_owned()
}

/// Event that ended the wait.
enum Watched {
    Exit(u8),
    Signal(u8),
}

/// Sends SIGTERM to the child, then kills it if it does not end.
async fn end(child: &mut Child) -> io::Result<()> {
    if let Some(pid) = child.id() {
        // The child may have ended, or may have got the signal of the terminal itself.
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM);
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        child.kill().await?;
    }
    Ok(())
}

/// Progress line on a terminal, rewritten in place; elsewhere one line per crawl.
struct Progress {
    profile: &'static str,
    start: Instant,
    time: Duration,
    shown: bool,
    lines: bool,
}

impl Progress {
    fn new(crawl: &Crawl<'_>) -> Self {
        let quiet = crawl.shows_screen();
        Self {
            profile: crawl.profile.name(),
            start: Instant::now(),
            time: crawl.settings.time,
            shown: !quiet && io::stderr().is_terminal(),
            lines: !quiet,
        }
    }

    fn show(&self, servers: &Servers) {
        if self.shown {
            let passed = self.start.elapsed().min(self.time);
            note(format_args!(
                "\r\x1b[K{:<8} {:>3.0} of {:.0} s  {}",
                self.profile,
                passed.as_secs_f64(),
                self.time.as_secs_f64(),
                self.figures(servers)
            ));
        }
    }

    fn figures(&self, servers: &Servers) -> String {
        let counts = servers.origin.counts();
        let requests = counts.requests.load(Relaxed);
        format!(
            "{requests} pages, {} connections, {:.0} pages/s",
            counts.accepted.load(Relaxed),
            requests as f64 / self.start.elapsed().as_secs_f64()
        )
    }

    fn clear(&self) {
        if self.shown {
            note(format_args!("\r\x1b[K"));
        }
    }

    fn finish(&mut self, servers: &Servers) {
        self.clear();
        if self.lines {
            note(format_args!(
                "{:<8} {}\n",
                self.profile,
                self.figures(servers)
            ));
        }
    }
}
