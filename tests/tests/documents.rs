//! The commands of the pages by task, run as a reader would run them.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tracer_tests::certificate::Certificate;
use tracer_tests::machine::{require_root, tracer_binary, workspace};
use tracer_tests::process::{Process, output};
use tracer_tests::server::{Nginx, NginxOptions};

/// Pages whose `sh` blocks are run, each in an order in which its files come to be.
const PAGES: [&str; 6] = [
    "quick-start",
    "troubleshooting",
    "filters",
    "recording",
    "export",
    "exit-codes",
];
/// Programs that the pages name and that a test must not run, or that a machine may lack. They do nothing.
const STAND_INS: [&str; 3] = ["cargo", "install", "man"];
/// Exit codes of tracer that say that the command line, the machine or a file is at fault.
const FAULTS: [&str; 4] = ["2", "3", "4", "70"];

/// A directory in which the commands of a page find the programs and files that it names.
struct Desk {
    directory: TempDir,
    server: Nginx,
    /// A process to trace.
    sleeper: Process,
}

impl Desk {
    fn new() -> Result<Self> {
        let desk = Self {
            directory: tempfile::tempdir()?,
            server: Nginx::start(NginxOptions::default(), &Certificate::small()?)?,
            sleeper: Process::start(Command::new("sleep").arg("600"))?,
        };
        // `--user` runs the crawl as somebody else.
        fs::set_permissions(desk.directory.path(), fs::Permissions::from_mode(0o755))?;
        desk.programs()?;
        desk.files()?;
        Ok(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn program(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n"))?;
        Ok(fs::set_permissions(
            path,
            fs::Permissions::from_mode(0o755),
        )?)
    }

    fn programs(&self) -> Result<()> {
        fs::create_dir(self.path("bin"))?;
        let crawl = format!(
            "for i in 1 2 3; do curl -s -o /dev/null http://127.0.0.1:{}/; done",
            self.server.port
        );
        for name in ["crawl.sh", "crawler", "bin/scrapy"] {
            self.program(name, &crawl)?;
        }
        for name in STAND_INS {
            self.program(&format!("bin/{name}"), "cat > /dev/null < /dev/null")?;
        }
        self.program("bin/tee", "cat > /dev/null")?;
        self.program("bin/sudo", "exec \"$@\"")?;
        let tracer = tracer_binary()?;
        let (tracer, log) = (tracer.display(), self.path("log"));
        // What goes on until Ctrl-C gets it; the status of each command is noted, because a pipe hides it.
        let wrapper = format!(
            "case $1 in attach) set -- timeout --preserve-status -s INT 1 {tracer} \"$@\";; *) set -- {tracer} \"$@\";; esac\n\
             \"$@\"; status=$?; echo \"$status $*\" >> {}; exit $status",
            log.display()
        );
        self.program("bin/tracer", &wrapper)
    }

    fn files(&self) -> Result<()> {
        let crawl = recording("crawl");
        fs::copy(&crawl, self.path("crawl.trace"))?;
        for name in ["crawl.json", "before.json", "after.json", "one.json"] {
            self.export(&crawl, name)?;
        }
        // Another trace: an export is merged only once.
        self.export(&recording("hosts"), "two.json")
    }

    fn export(&self, recording: &Path, name: &str) -> Result<()> {
        let mut command = Command::new(tracer_binary()?);
        command.args(["replay", "--quiet", "--json"]);
        output(command.arg(self.path(name)).arg(recording)).map(drop)
    }

    /// Runs a line; returns a complaint if it did not go as the page says.
    fn run(&self, line: &str) -> Result<Option<String>> {
        let here = line
            .replace("--pid 4711", &format!("--pid {}", self.sleeper.id()))
            .replace("--cgroup /system.slice/crawler.service", "--cgroup /")
            .replace("--cgroup 3f9a1c5b7d20", "--cgroup /");
        let _ = fs::remove_file(self.path("log"));
        let path = format!(
            "{}:{}",
            self.path("bin").display(),
            std::env::var("PATH").context("PATH")?
        );
        let mut command = Command::new("bash");
        command
            .current_dir(self.directory.path())
            .env("PATH", path)
            .env("USER", "nobody")
            .args(["-c", &here]);
        let finished = Process::start(&mut command)?.finish()?;
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let is_fault = |entry: &str| {
            FAULTS
                .iter()
                .any(|code| entry.starts_with(&format!("{code} ")))
        };
        let judged = line.contains("--fail-on") && finished.status.code() == Some(1);
        let is_well = finished.status.success() || judged;
        let failed = !is_well || log.lines().any(is_fault);
        Ok(failed.then(|| format!("{line}\n{log}{finished:?}")))
    }
}

/// Path of a recording of the tests of `replay`.
fn recording(name: &str) -> PathBuf {
    let path = workspace().join("tracer-user/tests/recordings").join(name);
    path.with_extension("trace")
}

/// Lines of the `sh` blocks of a page.
fn lines(page: &str) -> Result<Vec<String>> {
    let path = workspace()
        .join("docs/user")
        .join(page)
        .with_extension("md");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (mut found, mut is_inside) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("```") {
            is_inside = line == "```sh";
        } else if is_inside && !line.is_empty() {
            found.push(line.to_owned());
        }
    }
    Ok(found)
}

#[test]
fn commands_of_the_pages_work() -> Result<()> {
    require_root()?;
    let desk = Desk::new()?;
    let (mut story, mut count) = (String::new(), 0);
    for page in PAGES {
        for line in lines(page)? {
            count += 1;
            if let Some(complaint) = desk.run(&line)? {
                writeln!(story, "{page}: {complaint}")?;
            }
        }
    }
    ensure!(story.is_empty(), "{story}");
    ensure!(count > 40, "only {count} commands were found");
    Ok(())
}

#[test]
fn a_wrong_command_is_found() -> Result<()> {
    require_root()?;
    let desk = Desk::new()?;
    for line in ["tracer replay nothing.trace", "tracer diff one.json | cat"] {
        ensure!(desk.run(line)?.is_some(), "{line}");
    }
    ensure!(desk.run("tracer explain")?.is_none());
    Ok(())
}
