//! `cargo xtask demo`: three real clients read the same local HTTPS site, each traced, and what they paid is compared.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{build, setup, shell, workspace};

const PAGES: &str = "60";
/// As `tracer` itself when it may not trace.
const CANNOT_TRACE: u8 = 3;

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [] = crate::flags(args, [])?;
    build::build(&setup::for_demo()?)?;
    let testbed = build::testbed()?;
    if shell::as_root("true").is_none() {
        eprintln!("xtask: tracing needs root and there is no sudo; run `cargo xtask demo` as root");
        return Ok(ExitCode::from(CANNOT_TRACE));
    }
    let home = workspace::target_dir().join("demo");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let mut runs = Vec::new();
    for client in CLIENTS {
        runs.push(trace(client, &home, Origin::start(&testbed, &home)?)?);
    }
    print!("\n{}\n", table(&runs));
    for run in &runs {
        println!("{}", run.file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// A site of linked pages, served until this is stopped or dropped.
struct Origin {
    server: Child,
    output: BufReader<ChildStdout>,
    port: String,
    ca: PathBuf,
}

impl Origin {
    fn start(testbed: &Path, home: &Path) -> Result<Self> {
        let ca = home.join("ca.pem");
        let mut command = Command::new(testbed);
        command
            .args([
                "origin",
                "--name",
                "origin.test",
                "--pages",
                PAGES,
                "--ca-file",
            ])
            .arg(&ca);
        shell::echo(&command);
        let mut server = command
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the origin")?;
        let output = server.stdout.take().context("the origin has no output")?;
        let mut origin = Self {
            server,
            output: BufReader::new(output),
            port: String::new(),
            ca,
        };
        let started = origin.next_line().context("the origin did not start")?;
        let address = started["listening"].as_str().unwrap_or_default();
        origin.port = address.rsplit(':').next().unwrap_or_default().to_owned();
        Ok(origin)
    }

    fn next_line(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Asks it to end, and for what it counted.
    fn stop(mut self) -> Result<Value> {
        shell::run(Command::new("kill").arg(self.server.id().to_string()))?;
        self.next_line().context("the origin gave no counts")
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn script(name: &str) -> PathBuf {
    workspace::root().join("xtask/assets/demo").join(name)
}

/// A name, then the program, its script and the script's last argument, after the port and the certificate.
type Client = (&'static str, &'static str, &'static str, &'static str);

const CLIENTS: [Client; 3] = [
    ("curl", "sh", "curl.sh", PAGES),
    (
        "new-connections",
        "python3",
        "crawler.py",
        "new-connections",
    ),
    ("keep-alive", "python3", "crawler.py", "keep-alive"),
];

/// One traced client: tracer's export, and what the origin and the kernel's socket table say of the same.
struct Run {
    name: &'static str,
    file: PathBuf,
    export: Value,
    origin: Value,
}

fn trace((name, program, file, last): Client, home: &Path, origin: Origin) -> Result<Run> {
    let export = home.join(format!("{name}.json"));
    let mut tracer = shell::as_root(workspace::tracer()).context("root was there a moment ago")?;
    tracer
        .args(["run", "--no-tui", "--quiet", "--json"])
        .arg(&export)
        .arg("--");
    tracer
        .arg(program)
        .arg(script(file))
        .arg(&origin.port)
        .arg(&origin.ca)
        .arg(last);
    shell::run(&mut tracer)?;
    let text = fs::read_to_string(&export)
        .with_context(|| format!("tracer left no {}", export.display()))?;
    let parsed =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", export.display()))?;
    let time_wait = time_wait_toward(&origin.port)?;
    let mut counts = origin.stop()?;
    counts["time_wait"] = time_wait.into();
    Ok(Run {
        name,
        file: export,
        export: parsed,
        origin: counts,
    })
}

/// The clients' sockets in TIME_WAIT (06), by the port of their far end.
fn time_wait_toward(port: &str) -> Result<usize> {
    let far_end = format!(":{:04X}", port.parse::<u16>()?);
    let table = fs::read_to_string("/proc/net/tcp").context("cannot read /proc/net/tcp")?;
    let waiting = table.lines().filter(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words
            .get(2)
            .is_some_and(|remote| remote.ends_with(&far_end))
            && words.get(3) == Some(&"06")
    });
    Ok(waiting.count())
}

/// How to find and print one figure, in tracer's export or in the origin's counts.
struct Row {
    title: &'static str,
    side: fn(&Run) -> &Value,
    pointer: &'static str,
    print: fn(u64) -> String,
}

const fn traced(title: &'static str, pointer: &'static str, print: fn(u64) -> String) -> Row {
    Row {
        title,
        side: |run| &run.export,
        pointer,
        print,
    }
}

const fn served(title: &'static str, pointer: &'static str) -> Row {
    Row {
        title,
        side: |run| &run.origin,
        pointer,
        print: count,
    }
}

const ROWS: &[Row] = &[
    traced("connections", "/totals/connections/established", count),
    served("  the origin's count", "/connections"),
    traced("full TLS handshakes", "/totals/tls/full", count),
    served("  the origin's count", "/tls/full"),
    traced("resumed TLS handshakes", "/totals/tls/resumed", count),
    served("  the origin's count", "/tls/resumed"),
    traced("requests", "/totals/requests/count", count),
    served("  the origin's count", "/requests"),
    traced("connect, median", "/totals/phases/connect/p50_ns", duration),
    traced("connect, p99", "/totals/phases/connect/p99_ns", duration),
    traced("TLS, median", "/totals/phases/tls/p50_ns", duration),
    traced("TLS, p99", "/totals/phases/tls/p99_ns", duration),
    traced(
        "first byte, new connection",
        "/totals/phases/ttfb_first/p50_ns",
        duration,
    ),
    traced(
        "first byte, reused one",
        "/totals/phases/ttfb_reused/p50_ns",
        duration,
    ),
    traced("entered TIME_WAIT", "/time_wait/entered", count),
    served("  in the kernel's table", "/time_wait"),
    traced("whole run", "/window/duration_ns", duration),
    traced("events lost", "/events/lost", count),
];

fn table(runs: &[Run]) -> String {
    let mut lines = vec![line(
        &format!("{PAGES} pages, read by"),
        runs.iter().map(|run| run.name.to_owned()),
    )];
    for row in ROWS {
        let cells = runs
            .iter()
            .map(|run| (row.side)(run).pointer(row.pointer).and_then(Value::as_u64));
        lines.push(line(
            row.title,
            cells.map(|cell| cell.map_or("-".to_owned(), row.print)),
        ));
    }
    lines.concat()
}

fn line(title: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: String = cells.map(|cell| format!("{cell:>18}")).collect();
    format!("{title:<30}{cells}\n")
}

fn count(n: u64) -> String {
    n.to_string()
}

fn duration(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{:.0} us", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_figures_are_dashes() {
        let export = serde_json::json!({
            "totals": {"connections": {"established": 60}, "phases": {"tls": {"p50_ns": 1_500_000}}}
        });
        let origin = serde_json::json!({"connections": 61});
        let text = table(&[Run {
            name: "curl",
            file: PathBuf::new(),
            export,
            origin,
        }]);
        let cells: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_whitespace().last())
            .collect();
        assert_eq!(cells[..4], ["curl", "60", "61", "-"]);
        assert!(text.contains("1.50 ms"));
    }
}
