//! Threads and processes of `tracer crawl`: which CPUs they may use, and that nothing is left when it is killed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tracer_tests::check::Differences;
use tracer_tests::machine::{program, tracer_binary};
use tracer_tests::process::{PATIENCE, Process, output, wait_for};
use tracer_tests::server::{Threaded, answer};

/// CPUs as the kernel writes them: `0-3,8`.
fn cpus(list: &str) -> Result<BTreeSet<usize>> {
    let mut found = BTreeSet::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        found.extend(first.parse::<usize>()?..=last.parse()?);
    }
    Ok(found)
}

/// CPUs of a `status` file.
fn allowed(status: &str) -> Result<BTreeSet<usize>> {
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    cpus(list.with_context(|| status.to_owned())?)
}

/// A CPU of each core, of those that may be used, as lscpu says.
fn one_of_each_core(of: &BTreeSet<usize>) -> Result<BTreeSet<usize>> {
    let text = output(Command::new("lscpu").arg("-p=CPU,CORE,SOCKET"))?;
    let mut cores = BTreeSet::new();
    let mut found = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (cpu, core) = line.split_once(',').context("no core")?;
        let cpu = cpu.parse()?;
        if of.contains(&cpu) && cores.insert(core.to_owned()) {
            found.insert(cpu);
        }
    }
    Ok(found)
}

/// A crawl of one page whose hook says what it may use, and stays.
struct Held {
    crawl: Process,
    /// Status of the hook.
    hook: String,
    _server: Threaded,
    _directory: tempfile::TempDir,
}

impl Held {
    fn start(before: &[&str], arguments: &[&str]) -> Result<Self> {
        let server = Threaded::start(answer)?;
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("status");
        let hook = format!(
            "cat /proc/self/status > {0}.new; mv {0}.new {0}; sleep 1000",
            file.display()
        );
        let binary = tracer_binary()?;
        let words = before.iter().map(OsStr::new);
        let mut words = words.chain([binary.as_os_str()]);
        let mut command = Command::new(words.next().context("no program")?);
        command
            .args(words)
            .args(["crawl", "--robots=false", "--exec-timeout", "1h"]);
        command.args(arguments).args(["--exec-per-page", &hook]);
        let mut crawl = Process::start(command.arg(format!("http://{}/", server.address)))?;
        let hook = wait_for("the hook", PATIENCE, || {
            ensure!(!crawl.has_ended()?, "the crawl ended: {}", crawl.stderr()?);
            Ok(fs::read_to_string(&file).ok())
        })?;
        Ok(Self {
            crawl,
            hook,
            _server: server,
            _directory: directory,
        })
    }

    /// CPUs of the threads that crawl, those for blocking calls included.
    fn threads(&self) -> Result<Vec<BTreeSet<usize>>> {
        let mut found = Vec::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.crawl.id()))? {
            let task = task?.path();
            if fs::read_to_string(task.join("comm"))?.trim() == "crawl" {
                found.push(allowed(&fs::read_to_string(task.join("status"))?)?);
            }
        }
        Ok(found)
    }
}

/// Each of `expected` has one thread that may use it alone; all others, and the hook, may use all of `all`.
fn check_pinned(
    before: &[&str],
    arguments: &[&str],
    all: &BTreeSet<usize>,
    expected: &BTreeSet<usize>,
) -> Result<()> {
    let held = Held::start(before, &[&["--pin"], arguments].concat())?;
    let threads = held.threads()?;
    let mut differences = Differences::of(format!("{before:?} {arguments:?}"));
    differences.equal("CPUs of the hook", allowed(&held.hook)?, all.clone());
    for cpu in expected {
        let alone = BTreeSet::from([*cpu]);
        let bound = threads.iter().filter(|thread| **thread == alone).count();
        let wanted = if *all == alone { threads.len() } else { 1 };
        differences.equal(&format!("threads on CPU {cpu} alone"), bound, wanted);
    }
    let elsewhere = threads
        .iter()
        .filter(|thread| *thread != all && !(thread.len() == 1 && thread.is_subset(expected)));
    differences.equal("threads bound otherwise", elsewhere.count(), 0);
    differences.finish(|| format!("{threads:?}"))
}

#[test]
fn each_thread_has_a_core_of_its_own() -> Result<()> {
    let all = allowed(&fs::read_to_string("/proc/self/status")?)?;
    let cores = one_of_each_core(&all)?;
    check_pinned(&[], &[], &all, &cores)?;
    let first: BTreeSet<usize> = cores.into_iter().take(1).collect();
    check_pinned(&[], &["--threads", "1"], &all, &first)?;
    // A smaller set, as a container has it.
    let last = all.last().copied().context("no CPU")?;
    let only = BTreeSet::from([last]);
    check_pinned(&["taskset", "-c", &last.to_string()], &[], &only, &only)
}

/// Processes, other than zombies, whose command line holds this text.
fn processes(text: &str) -> Result<usize> {
    let entries = fs::read_dir("/proc")?.flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    Ok(lines
        .filter(|line| String::from_utf8_lossy(line).contains(text))
        .count())
}

/// Kills tracer, and waits until nobody has `mark` in the command line.
fn check_killed(crawl: Process, mark: &str, least: usize) -> Result<()> {
    wait_for("its processes", PATIENCE, || {
        Ok((processes(mark)? >= least).then_some(()))
    })?;
    crawl.signal(Signal::SIGKILL)?;
    let finished = crawl.finish()?;
    ensure!(
        !finished.status.success(),
        "it was not killed: {finished:?}"
    );
    wait_for("its processes to be gone", PATIENCE, || {
        Ok((processes(mark)? == 0).then_some(()))
    })
}

/// The shell, what it starts, and what that starts end with a tracer that could do nothing any more.
#[test]
fn a_killed_crawl_leaves_no_hook() -> Result<()> {
    let server = Threaded::start(answer)?;
    // A time that nobody else sleeps.
    let mark = format!("1000.{}", std::process::id());
    let hook = format!("sh -c 'sleep {mark} & wait' & sleep {mark} & wait");
    let mut command = Command::new(tracer_binary()?);
    command.args([
        "crawl",
        "--robots=false",
        "--exec-timeout",
        "1h",
        "--exec-per-page",
        &hook,
    ]);
    let crawl = Process::start(command.arg(format!("http://{}/", server.address)))?;
    // tracer itself, two shells and two sleeps.
    check_killed(crawl, &mark, 5)
}

#[test]
fn a_killed_crawl_leaves_no_browser() -> Result<()> {
    program("chromium", "chromium")?;
    // A page with a type, so that it is worth a browser.
    let server = Threaded::start(|mut stream| {
        let mut head = [0; 4096];
        // A connection that ends early is none of ours.
        let _ = stream.read(&mut head);
        let _ = stream.write_all(
            b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\npage\n",
        );
    })?;
    let agent = format!("killed-{}", std::process::id());
    let mut command = Command::new(tracer_binary()?);
    command.args([
        "crawl",
        "--robots=false",
        "--render",
        "--render-wait-selector",
        "#never",
    ]);
    command.args(["--render-timeout", "1h", "--user-agent", &agent]);
    let directory = tempfile::tempdir()?;
    command.env("TMPDIR", directory.path());
    let url = format!("http://{}/", server.address);
    let crawl = Process::start(command.arg(&url))?;
    check_killed(crawl, &agent, 3)?;
    ensure!(fs::read_dir(directory.path())?.count() == 1);
    // The next one clears away what a killed one had no time for.
    let mut next = Command::new(tracer_binary()?);
    next.args(["crawl", "--robots=false", "--render", "--max-pages", "1"]);
    output(next.arg(&url).env("TMPDIR", directory.path()))?;
    ensure!(fs::read_dir(directory.path())?.count() == 0);
    Ok(())
}
