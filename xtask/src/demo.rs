//! `cargo xtask demo`: three real clients read the same local HTTPS site, each traced, and what they paid is compared.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{build, setup, shell, vm, workspace};

const PAGES: &str = "60";
/// As `tracer` itself when it may not trace.
const CANNOT_TRACE: u8 = 3;

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [] = crate::flags(args, [])?;
    build::build(&setup::for_demo()?)?;
    if shell::as_root("true").is_none() {
        eprintln!("xtask: tracing needs root and there is no sudo; run `cargo xtask demo` as root");
        return Ok(ExitCode::from(CANNOT_TRACE));
    }
    let home = workspace::target_dir().join("demo");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let origin = Origin::start(&home)?;
    let runs = clients(&origin)
        .into_iter()
        .map(|client| client.trace(&home));
    let runs: Vec<Run> = runs.collect::<Result<_>>()?;
    drop(origin);
    print!("\n{}\n", table(&runs));
    for run in &runs {
        println!("{}", run.file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The site, served until this is dropped.
struct Origin {
    server: Child,
    port: String,
    certificate: PathBuf,
}

impl Origin {
    fn start(home: &Path) -> Result<Self> {
        let (key, certificate) = (home.join("origin.key"), home.join("origin.crt"));
        vm::make_certificate(&key, &certificate)?;
        let mut python = Command::new("python3");
        python
            .arg(script("origin.py"))
            .arg(key)
            .arg(&certificate)
            .arg(PAGES);
        shell::echo(&python);
        let mut server = python
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the origin")?;
        let output = server.stdout.take().context("the origin has no output")?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let origin = Self {
            server,
            port: port.trim().to_owned(),
            certificate,
        };
        if origin.port.is_empty() {
            bail!("the origin did not start");
        }
        Ok(origin)
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

struct Client {
    name: &'static str,
    command: Command,
}

fn clients(origin: &Origin) -> [Client; 3] {
    let client = |name, program, file, last| {
        let mut command = Command::new(program);
        command
            .arg(script(file))
            .arg(&origin.port)
            .arg(&origin.certificate)
            .arg(last);
        Client { name, command }
    };
    [
        client("curl", "sh", "curl.sh", PAGES),
        client(
            "new-connections",
            "python3",
            "crawler.py",
            "new-connections",
        ),
        client("keep-alive", "python3", "crawler.py", "keep-alive"),
    ]
}

/// One traced client: its name, its export and where that is.
struct Run {
    name: &'static str,
    file: PathBuf,
    export: Value,
}

impl Client {
    fn trace(self, home: &Path) -> Result<Run> {
        let file = home.join(format!("{}.json", self.name));
        let mut tracer =
            shell::as_root(workspace::tracer()).context("root was there a moment ago")?;
        tracer
            .args(["run", "--no-tui", "--quiet", "--json"])
            .arg(&file)
            .arg("--");
        tracer
            .arg(self.command.get_program())
            .args(self.command.get_args());
        shell::run(&mut tracer)?;
        let text = fs::read_to_string(&file)
            .with_context(|| format!("tracer left no {}", file.display()))?;
        let export = serde_json::from_str(&text)
            .with_context(|| format!("{} is not JSON", file.display()))?;
        Ok(Run {
            name: self.name,
            file,
            export,
        })
    }
}

/// How to find and print one figure of an export.
struct Row {
    title: &'static str,
    pointer: &'static str,
    print: fn(u64) -> String,
}

const ROWS: &[Row] = &[
    Row {
        title: "connections opened",
        pointer: "/totals/connections/opened",
        print: count,
    },
    Row {
        title: "TLS handshakes, full",
        pointer: "/totals/tls/full",
        print: count,
    },
    Row {
        title: "TLS handshakes, resumed",
        pointer: "/totals/tls/resumed",
        print: count,
    },
    Row {
        title: "connect, median",
        pointer: "/totals/phases/connect/p50_ns",
        print: duration,
    },
    Row {
        title: "connect, p99",
        pointer: "/totals/phases/connect/p99_ns",
        print: duration,
    },
    Row {
        title: "TLS, median",
        pointer: "/totals/phases/tls/p50_ns",
        print: duration,
    },
    Row {
        title: "TLS, p99",
        pointer: "/totals/phases/tls/p99_ns",
        print: duration,
    },
    Row {
        title: "entered TIME_WAIT",
        pointer: "/time_wait/entered",
        print: count,
    },
    Row {
        title: "whole run",
        pointer: "/window/duration_ns",
        print: duration,
    },
    Row {
        title: "events lost",
        pointer: "/events/lost",
        print: count,
    },
];

fn table(runs: &[Run]) -> String {
    let mut lines = vec![line(
        &format!("{PAGES} pages, read by"),
        runs.iter().map(|run| run.name.to_owned()),
    )];
    for row in ROWS {
        let cells = runs
            .iter()
            .map(|run| run.export.pointer(row.pointer).and_then(Value::as_u64));
        lines.push(line(
            row.title,
            cells.map(|cell| cell.map_or("-".to_owned(), row.print)),
        ));
    }
    lines.concat()
}

fn line(title: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: String = cells.map(|cell| format!("{cell:>18}")).collect();
    format!("{title:<26}{cells}\n")
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
        let export = serde_json::json!({"totals": {"connections": {"opened": 60}, "phases": {"tls": {"p50_ns": 1_500_000}}}});
        let text = table(&[Run {
            name: "curl",
            file: PathBuf::new(),
            export,
        }]);
        let cell = |title: &str| {
            text.lines()
                .find(|line| line.starts_with(title))
                .and_then(|line| line.split_whitespace().last())
        };
        assert_eq!(cell("connections opened"), Some("60"));
        assert_eq!(cell("TLS handshakes, full"), Some("-"));
        assert!(text.contains("1.50 ms"));
    }
}
