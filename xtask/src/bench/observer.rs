//! Observers of the load: tracer in its modes, empty programs at its hooks, and its peers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::bpf::{self, Hook, Program};
use super::floor::Floor;
use super::load::{Workload, end_with_us, signal};
use super::outputs;
use crate::{shell, workspace};

const STARTS_WITHIN: Duration = Duration::from_secs(20);
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// Time without a new link after which all links are taken to be attached.
const SETTLED_FOR: Duration = Duration::from_millis(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Observer {
    /// No observer.
    Nobody,
    /// Empty programs at tracer's hooks.
    Floor,
    /// `tracer attach` on the load.
    Attach,
    /// `tracer attach --record` on the load.
    Record,
    /// `tracer run` with the load as its command: packets are watched in the command's cgroup only.
    Run,
    /// `tracer attach` with a filter that admits no process: the load is a bystander.
    Bystander,
    /// `tracer run` with another command: the load is a bystander whose packets are not watched.
    Neighbour,
    Tcpdump,
    Tcplife,
    Tcpstates,
    /// `tracer run --http2 frames`: probes in the TLS library of the load.
    Frames,
    /// `tracer run --http2 wire`.
    Wire,
    /// `tracer run --http2 off`.
    Off,
    /// `tracer attach` on the load of `bench sinks`, without sinks until the end.
    Hosts,
    /// `tracer attach` on that load with every sink that goes on while tracing.
    Sinks,
}

impl Observer {
    pub(crate) const ALL: [Self; 12] = [
        Self::Floor,
        Self::Attach,
        Self::Record,
        Self::Run,
        Self::Bystander,
        Self::Neighbour,
        Self::Tcpdump,
        Self::Tcplife,
        Self::Tcpstates,
        Self::Frames,
        Self::Wire,
        Self::Off,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Floor => "floor",
            Self::Attach => "attach",
            Self::Record => "record",
            Self::Run => "run",
            Self::Bystander => "bystander",
            Self::Neighbour => "neighbour",
            Self::Tcpdump => "tcpdump",
            Self::Tcplife => "tcplife",
            Self::Tcpstates => "tcpstates",
            Self::Frames => "frames",
            Self::Wire => "wire",
            Self::Off => "off",
            Self::Hosts => "hosts",
            Self::Sinks => "sinks",
        }
    }

    pub(crate) fn is_tracer(self) -> bool {
        let beside = [Self::Attach, Self::Record, Self::Bystander, Self::Neighbour];
        let of_sinks = [Self::Hosts, Self::Sinks];
        beside.contains(&self) || of_sinks.contains(&self) || self.runs_load()
    }

    /// Tells whether the load is the command of `tracer run`.
    pub(crate) fn runs_load(self) -> bool {
        self == Self::Run || self.http2().is_some()
    }

    /// Value of `--http2`.
    fn http2(self) -> Option<&'static str> {
        matches!(self, Self::Frames | Self::Wire | Self::Off).then(|| self.name())
    }

    /// Tells whether the observer is measured under this workload.
    pub(crate) fn watches(self, workload: Workload) -> bool {
        self.http2().is_some() == (workload == Workload::Http2)
    }

    /// Program to start beside the load.
    fn command(self, export: &Path) -> Option<Command> {
        let (program, args): (PathBuf, &[&str]) = match self {
            Self::Attach | Self::Record => (workspace::tracer(), &["attach", "--comm", "wrk"]),
            Self::Bystander => (
                workspace::tracer(),
                &["attach", "--comm", "no-such-program"],
            ),
            Self::Hosts | Self::Sinks => (
                workspace::tracer(),
                &["attach", "--port", "8080", "--quiet"],
            ),
            Self::Neighbour => {
                let mut command = Command::new(workspace::tracer());
                let export = export.as_os_str();
                command
                    .args(["run", "--no-tui", "--quiet", "--json"])
                    .arg(export);
                command.args(["--", "sleep", "3600"]);
                return Some(command);
            }
            Self::Tcpdump => (
                "tcpdump".into(),
                &["-i", "lo", "-s", "96", "-w", "/dev/null"],
            ),
            Self::Tcplife | Self::Tcpstates => (shell::which(self.name())?, &[]),
            _ => return None,
        };
        let mut command = Command::new(program);
        command.args(args);
        if self.is_tracer() {
            command.args(["--no-tui", "--json"]).arg(export);
        }
        if self == Self::Record {
            command.arg("--record").arg(export.with_extension("trace"));
        }
        if self == Self::Sinks {
            command.args(outputs::flags(export));
        }
        Some(command)
    }

    /// Command line that starts the load as this observer needs it.
    pub(crate) fn wrap(self, load: Vec<String>, export: &Path) -> Vec<String> {
        if !self.runs_load() {
            return load;
        }
        let tracer = workspace::tracer().display().to_string();
        let export = export.display().to_string();
        let fixed = [&tracer, "run", "--no-tui", "--quiet", "--json", &export];
        let http2 = self.http2().map(|choice| ["--http2", choice]);
        let words = fixed.into_iter().chain(http2.into_iter().flatten());
        words.chain(["--"]).map(str::to_owned).chain(load).collect()
    }
}

/// A running observer.
pub(crate) struct Watch {
    observer: Observer,
    child: Option<Child>,
    _floor: Option<Floor>,
    home: PathBuf,
    cpu_at_start: Duration,
}

/// Result of an observer that has ended.
#[derive(Debug, Default, Clone)]
pub(crate) struct Report {
    /// Processor time of the observer's process while the load ran.
    pub(crate) cpu: Option<Duration>,
    /// BPF programs of the observer.
    pub(crate) programs: Vec<Program>,
    /// Number of lost events, if the observer reports it.
    pub(crate) lost: Option<u64>,
}

pub(crate) fn export_file(home: &Path) -> PathBuf {
    home.join("export.json")
}

impl Watch {
    /// Starts the observer and waits until it watches. `hooks` are for the empty programs.
    pub(crate) fn start(observer: Observer, home: &Path, hooks: &[Hook]) -> Result<Self> {
        let floor = (observer == Observer::Floor)
            .then(|| Floor::attach(hooks))
            .transpose()?;
        // The export of the run before must not be taken for the one of this run.
        let _ = fs::remove_file(export_file(home));
        let child = observer.command(&export_file(home)).map(|mut command| {
            let stderr = fs::File::create(home.join("observer.err"))?;
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(stderr);
            end_with_us(&mut command).spawn()
        });
        let child = child
            .transpose()
            .with_context(|| format!("cannot start {}", observer.name()))?;
        let mut watch = Self {
            observer,
            child,
            _floor: floor,
            home: home.into(),
            cpu_at_start: Duration::ZERO,
        };
        watch
            .wait_until_attached()
            .with_context(|| observer.name())?;
        watch.cpu_at_start = watch.cpu().unwrap_or_default();
        Ok(watch)
    }

    fn wait_until_attached(&mut self) -> Result<()> {
        let deadline = Instant::now() + STARTS_WITHIN;
        let (mut links, mut since) = (0, Instant::now());
        while let Some(child) = &mut self.child {
            if let Some(status) = child.try_wait()? {
                let said = fs::read_to_string(self.home.join("observer.err")).unwrap_or_default();
                bail!("ended at once ({status}): {}", said.trim());
            }
            let now = attached(self.observer, child.id())?;
            if now != links {
                (links, since) = (now, Instant::now());
            }
            if links > 0 && since.elapsed() > SETTLED_FOR {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("has not attached within {STARTS_WITHIN:?}");
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// BPF hooks of the process that watches.
    pub(crate) fn hooks(&self) -> Result<Vec<Hook>> {
        let pid = self.child.as_ref().context("nobody watches")?.id();
        Ok(bpf::held_by(pid)?.hooks)
    }

    fn cpu(&self) -> Option<Duration> {
        cpu_of(self.child.as_ref()?.id())
    }

    /// Ends the observer and reads its result.
    pub(crate) fn stop(mut self) -> Result<Report> {
        let cpu = self.cpu().map(|now| now.saturating_sub(self.cpu_at_start));
        let holder = self.child.as_ref().map_or(std::process::id(), Child::id);
        let programs = bpf::held_by(holder)?.programs;
        self.end();
        Ok(Report {
            cpu,
            programs,
            lost: self.lost(),
        })
    }

    fn end(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        signal(&child, libc::SIGINT);
        let deadline = Instant::now() + ENDS_WITHIN;
        while matches!(child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                signal(&child, libc::SIGKILL);
            }
            sleep(Duration::from_millis(10));
        }
    }

    fn lost(&self) -> Option<u64> {
        if self.observer == Observer::Tcpdump {
            let said = fs::read_to_string(self.home.join("observer.err")).ok()?;
            let line = said
                .lines()
                .find_map(|line| line.strip_suffix(" packets dropped by kernel"))?;
            return line.trim().parse().ok();
        }
        let text = fs::read_to_string(export_file(&self.home)).ok()?;
        let events = tracer_export::read(text.as_bytes()).ok()?.events;
        let elsewhere = [events.map_full, events.evicted];
        let of_records = [events.lost, events.undecodable, events.overflowed];
        Some(of_records.into_iter().chain(elsewhere).flatten().sum())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

/// Number of attached parts: BPF links, or packet sockets in this network namespace.
fn attached(observer: Observer, pid: u32) -> Result<usize> {
    if observer == Observer::Tcpdump {
        return Ok(fs::read_to_string(format!("/proc/{pid}/net/packet"))?
            .lines()
            .count()
            - 1);
    }
    Ok(bpf::held_by(pid)?.links)
}

/// User and system time, fields 14 and 15 of /proc/PID/stat, in ticks.
fn cpu_of(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    // SAFETY: no memory is involved.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
    Some(Duration::from_millis(ticks * 1000 / per_second))
}
