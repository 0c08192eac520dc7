//! Runs a command for each page. The command gets the page as a JSON object on standard input, has a time limit, and is
//! killed together with everything it has started.

use std::{
    convert::Infallible,
    future::pending,
    io,
    os::fd::AsFd,
    pin::pin,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

use super::group::{self, Group};
use crate::{limit::Concurrency, settings::Hooks, stats::Stats};

/// Reasons why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The command could not be started.
    #[error("cannot be started: {0}; it is run by /bin/sh -c")]
    Start(io::Error),
    /// The command ended with a failure.
    #[error("ended with {0}")]
    Status(ExitStatus),
    /// The command took too long and was killed.
    #[error("took longer than {0:?} and was killed; hooks.exec_timeout gives it more")]
    Timeout(Duration),
    /// The system did not report how the command ended.
    #[error("cannot be waited for: {0}")]
    Wait(io::Error),
}

/// Runs the command of `--exec-per-page`.
#[derive(Debug)]
pub struct ExecPerPage {
    command: String,
    timeout: Duration,
    at_once: Arc<Concurrency>,
    stats: Arc<Stats>,
}

impl ExecPerPage {
    /// Makes a runner; `None` without a command in the settings.
    pub fn new(settings: &Hooks, stats: Arc<Stats>) -> Option<Self> {
        Some(Self {
            command: settings.exec_per_page.clone()?,
            timeout: settings.exec_timeout,
            at_once: Concurrency::new(settings.exec_concurrency as usize),
            stats,
        })
    }

    /// Runs the command for one page, in the order of calls. A failure is counted and logged; the page is not affected.
    pub async fn run(&self, url: &str, json: &[u8]) {
        let _place = self.at_once.acquire().await;
        match self.try_run(json).await {
            Ok(()) => self.stats.hooks_done.add_one(),
            Err(error) => {
                self.stats.hooks_failed.add_one();
                tracing::warn!(url, %error, "hook command");
            }
        }
    }

    async fn try_run(&self, json: &[u8]) -> Result<(), ExecError> {
        let (mut child, group) = self.start().await?;
        let stdin = child.stdin.take();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A command that does not read its input has not failed.
                let _ = stdin.write_all(json).await;
                let _ = stdin.shutdown().await;
            }
            pending::<Infallible>().await
        };
        let mut ended = pin!(async {
            tokio::select! {
                status = child.wait() => status,
                never = feed => match never {},
            }
        });
        let in_time = tokio::time::timeout(self.timeout, &mut ended).await;
        // This kills whatever the command has left running. The same happens when this future is dropped.
        drop(group);
        let Ok(status) = in_time else {
            let _ = ended.await;
            return Err(ExecError::Timeout(self.timeout));
        };
        match status.map_err(ExecError::Wait)? {
            status if status.success() => Ok(()),
            status => Err(ExecError::Status(status)),
        }
    }

    /// Starts the command in a process group of its own. Its output goes to standard error, because standard output may
    /// carry the pages.
    async fn start(&self) -> Result<(Child, Group), ExecError> {
        let stderr = io::stderr()
            .as_fd()
            .try_clone_to_owned()
            .map_err(ExecError::Start)?;
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(stderr);
        group::spawn(command).await.map_err(ExecError::Start)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(&self.command);
        command
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::config::secret::VARIABLES;

    fn hook(command: &str, timeout: Duration, at_once: u32) -> ExecPerPage {
        let settings = Hooks {
            exec_per_page: Some(command.to_owned()),
            exec_timeout: timeout,
            exec_concurrency: at_once,
        };
        ExecPerPage::new(&settings, Arc::new(Stats::default())).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    fn counts(hook: &ExecPerPage) -> (u64, u64) {
        (hook.stats.hooks_done.get(), hook.stats.hooks_failed.get())
    }

    #[tokio::test]
    async fn the_page_is_on_standard_input() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let hook = hook(&format!("cat >> {}", out.display()), LONG, 1);
        let long = format!("{{\"url\":\"{}\"}}\n", "x".repeat(300_000));
        hook.run("u", long.as_bytes()).await;
        hook.run("u", b"{}\n").await;
        assert_eq!(fs::read_to_string(out).unwrap(), format!("{long}{{}}\n"));
        assert_eq!(counts(&hook), (2, 0));
    }

    #[tokio::test]
    async fn secrets_of_the_crawl_are_not_in_its_environment() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let group = hook(&format!("env > {}", out.display()), LONG, 1);
        let mut command = group.command();
        for variable in VARIABLES {
            command.env(variable, "hunter2");
        }
        command.env("KEPT", "yes").stdout(Stdio::null());
        let (mut child, _group) = group::spawn(command).await.unwrap();
        assert!(child.wait().await.unwrap().success());
        let environment = fs::read_to_string(out).unwrap();
        assert!(environment.contains("KEPT=yes"), "{environment}");
        assert!(!environment.contains("hunter2"), "{environment}");
    }

    #[tokio::test]
    async fn failures_are_counted() {
        let hook = hook("exit 3", LONG, 1);
        hook.run("u", b"{}").await;
        let error = hook.try_run(b"{}").await.unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert_eq!(counts(&hook), (0, 1));
    }

    #[tokio::test]
    async fn one_that_does_not_read_is_well() {
        let hook = hook("exec true", LONG, 1);
        hook.run("u", &vec![b'x'; 1 << 20]).await;
        assert_eq!(counts(&hook), (1, 0));
    }

    /// True if a process exists and is no zombie.
    fn is_alive(pid: &str) -> bool {
        let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat"));
        stat.is_ok_and(|stat| {
            !stat
                .rsplit(')')
                .next()
                .unwrap()
                .trim_start()
                .starts_with('Z')
        })
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let pid = directory.path().join("pid");
        let command = format!(
            "sleep 1000 & echo $! > {}.new; mv {0}.new {0}; wait",
            pid.display()
        );
        let hook = hook(&command, Duration::from_secs(2), 1);
        let error = hook.try_run(b"{}").await.unwrap_err();
        assert!(matches!(error, ExecError::Timeout(_)), "{error}");
        let child = fs::read_to_string(&pid).unwrap();
        for _ in 0..1000 {
            if !is_alive(&child) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{child} is alive");
    }

    #[tokio::test]
    async fn a_cancelled_one_is_killed() {
        let directory = tempfile::tempdir().unwrap();
        let pid = directory.path().join("pid");
        let hook = hook(
            &format!(
                "echo $$ > {0}.new; mv {0}.new {0}; sleep 1000",
                pid.display()
            ),
            LONG,
            1,
        );
        let work = tokio::time::timeout(Duration::from_secs(30), hook.try_run(b"{}"));
        tokio::select! {
            _ = work => panic!("it ended"),
            () = async { while !pid.exists() { tokio::time::sleep(Duration::from_millis(5)).await } } => (),
        }
        let child = fs::read_to_string(&pid).unwrap();
        for _ in 0..1000 {
            if !is_alive(&child) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{child} is alive");
    }

    #[tokio::test]
    async fn no_more_than_allowed_run_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let (dir, log) = (directory.path().display(), directory.path().join("log"));
        // mkdir is atomic: a third command running at once finds both directories taken.
        let command = format!(
            "if mkdir {dir}/1 2>/dev/null; then p=1; elif mkdir {dir}/2 2>/dev/null; then p=2; else echo third >> {dir}/log; exit 1; fi; sleep 0.05; rmdir {dir}/$p"
        );
        let hook = Arc::new(hook(&command, LONG, 2));
        let runs: Vec<_> = (0..12)
            .map(|_| {
                let hook = Arc::clone(&hook);
                tokio::spawn(async move { hook.run("u", b"{}").await })
            })
            .collect();
        for run in runs {
            run.await.unwrap();
        }
        assert!(!log.exists());
        assert_eq!(counts(&hook), (12, 0));
    }
}
