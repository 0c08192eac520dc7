//! The load: nginx with one worker that answers three bytes, and wrk or, for HTTP/2, h2load with one thread, in a network
//! namespace of their own.

use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{shell, vm::make_certificate};

/// Port in clear, on every loopback address.
pub(super) const PORT: u16 = 8080;
/// Port for HTTP/2 over TLS.
const TLS_PORT: u16 = 8443;
const CONNECTIONS: &str = "32";
const STARTS_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    KeepAlive,
    Short,
    /// HTTP/2 over TLS by a client whose library can have probes.
    Http2,
}

impl Workload {
    pub(crate) const ALL: [Self; 3] = [Self::KeepAlive, Self::Short, Self::Http2];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KeepAlive => "keep-alive",
            Self::Short => "short",
            Self::Http2 => "http2",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::KeepAlive | Self::Http2 => "request",
            Self::Short => "connection",
        }
    }

    /// Command line of the client for so many seconds.
    pub(crate) fn command(self, seconds: u32) -> Vec<String> {
        match self {
            Self::KeepAlive | Self::Short => self.wrk(seconds),
            Self::Http2 => h2load(seconds),
        }
    }

    fn wrk(self, seconds: u32) -> Vec<String> {
        let mut words = vec![
            "wrk",
            "--threads",
            "1",
            "--connections",
            CONNECTIONS,
            "--duration",
        ];
        let duration = format!("{seconds}s");
        words.push(&duration);
        if self == Self::Short {
            words.extend(["--header", "Connection: close"]);
        }
        let url = format!("http://127.0.0.1:{PORT}/");
        words.push(&url);
        words.into_iter().map(str::to_owned).collect()
    }
}

/// Command line of h2load: four connections with eight streams each.
fn h2load(seconds: u32) -> Vec<String> {
    let duration = format!("--duration={seconds}");
    let url = format!("https://127.0.0.1:{TLS_PORT}/");
    let fixed = ["h2load", "--threads=1", "--clients=4"];
    let last = ["--max-concurrent-streams=8", &duration, &url];
    fixed
        .iter()
        .chain(&last)
        .map(|word| (*word).to_owned())
        .collect()
}

/// Enters a network namespace for this process and its children alone, so that packets, ports and TIME_WAIT are theirs;
/// it ends with them. Enters a mount namespace too, and mounts tracefs there for the peers that need it.
pub(crate) fn enter_own_namespaces() -> Result<()> {
    // SAFETY: changes only the namespaces of this thread, the only one.
    if unsafe { libc::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS) } != 0 {
        return Err(std::io::Error::last_os_error()).context("cannot make namespaces");
    }
    shell::run(Command::new("mount").args(["--make-rprivate", "/"]))?;
    if !Path::new("/sys/kernel/tracing/events").exists() {
        shell::run(Command::new("mount").args([
            "-t",
            "tracefs",
            "tracefs",
            "/sys/kernel/tracing",
        ]))?;
    }
    shell::run(Command::new("ip").args(["link", "set", "lo", "up"]))
}

/// Makes a child end when xtask ends, for whatever reason.
pub(crate) fn end_with_us(command: &mut Command) -> &mut Command {
    // SAFETY: prctl is async-signal-safe and nothing else happens between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        })
    }
}

/// Sends a signal to a child. The child has not been waited for, so its pid cannot belong to another process.
pub(crate) fn signal(child: &Child, signal: i32) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(child.id() as i32, signal) };
}

/// A running nginx, ended on drop.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn start(home: &Path) -> Result<Self> {
        let file = home.join("nginx.conf");
        fs::write(&file, config(home))?;
        make_certificate(&home.join("key.pem"), &home.join("certificate.pem"))?;
        let mut nginx = Command::new(shell::which("nginx").context("nginx is missing")?);
        nginx
            .arg("-e")
            .arg(home.join("nginx.err"))
            .arg("-p")
            .arg(home)
            .arg("-c")
            .arg(&file);
        let server = Self(
            end_with_us(&mut nginx)
                .spawn()
                .context("cannot start nginx")?,
        );
        let deadline = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect(("127.0.0.1", PORT)).is_err() {
            if Instant::now() > deadline {
                bail!(
                    "nginx does not listen; see {}",
                    home.join("nginx.err").display()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        signal(&self.0, libc::SIGTERM);
        let _ = self.0.wait();
    }
}

fn config(home: &Path) -> String {
    let home = home.display();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let places: String = kinds
        .map(|kind| format!("  {kind}_temp_path {home}/{kind};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {home}/nginx.pid;\nerror_log {home}/nginx.err;\n\
         events {{ worker_connections 4096; }}\nhttp {{\n  access_log off;\n  keepalive_requests 1000000000;\n{places}\
         server {{ listen {PORT} backlog=4096; location / {{ return 200 \"ok\\n\"; }} }}\n  \
         server {{ listen 127.0.0.1:{TLS_PORT} ssl http2; ssl_certificate {home}/certificate.pem; \
         ssl_certificate_key {home}/key.pem; location / {{ return 200 \"ok\\n\"; }} }}\n}}\n"
    )
}

/// Result of a run of the client.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Served {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
}

impl Served {
    /// Reads the output of wrk or h2load.
    pub(crate) fn of(output: &str) -> Option<Self> {
        Self::of_wrk(output).or_else(|| Self::of_h2load(output))
    }

    /// Reads the lines `  94871 requests in 1.10s, 14.02MB read` and `Requests/sec:  86241.93`.
    fn of_wrk(output: &str) -> Option<Self> {
        let count = output
            .lines()
            .find_map(|line| line.trim().split_once(" requests in "))?;
        let rate = output
            .lines()
            .find_map(|line| line.strip_prefix("Requests/sec:"))?;
        Some(Self {
            requests: count.0.parse().ok()?,
            per_second: rate.trim().parse().ok()?,
        })
    }

    /// Reads the lines `finished in 1.00s, 25334.00 req/s, 1.27MB/s` and `requests: 25334 total, …`.
    fn of_h2load(output: &str) -> Option<Self> {
        let mut lines = output.lines();
        let rate = lines.find_map(|line| line.strip_prefix("finished in "))?;
        let count = lines.find_map(|line| line.strip_prefix("requests: "))?;
        Some(Self {
            requests: count.split(' ').next()?.parse().ok()?,
            per_second: rate.split(' ').nth(1)?.parse().ok()?,
        })
    }
}

/// A running client, or the program that runs it.
pub(crate) struct Load {
    child: Child,
    command: String,
}

impl Load {
    pub(crate) fn start(words: &[String]) -> Result<Self> {
        let (program, args) = words.split_first().context("nothing to run")?;
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let child = end_with_us(&mut command)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        Ok(Self {
            child,
            command: words.join(" "),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells whether the program has started a process.
    pub(crate) fn has_child(&self) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid()));
        let children = |task: fs::DirEntry| fs::read_to_string(task.path().join("children"));
        let mut tasks = tasks.into_iter().flatten().flatten();
        tasks.any(|task| children(task).is_ok_and(|children| !children.trim().is_empty()))
    }

    /// Waits until the load ends.
    pub(crate) fn finish(self) -> Result<Served> {
        let output = self.child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        Served::of(&text).with_context(|| format!("`{}` gave no figures: {text}", self.command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_wrk() {
        let text = "Running 1s test\n  94871 requests in 1.10s, 14.02MB read\nRequests/sec:  86241.93\nTransfer/sec: 1MB\n";
        assert_eq!(
            Served::of(text),
            Some(Served {
                requests: 94_871,
                per_second: 86_241.93
            })
        );
        assert_eq!(Served::of("unable to connect"), None);
    }

    #[test]
    fn figures_of_h2load() {
        let text = "progress: 100% done\n\nfinished in 1.00s, 25334.00 req/s, 1.27MB/s\n\
                    requests: 25334 total, 25366 started, 25334 done, 25334 succeeded, 0 failed\n";
        assert_eq!(
            Served::of(text),
            Some(Served {
                requests: 25_334,
                per_second: 25_334.0
            })
        );
    }
}
