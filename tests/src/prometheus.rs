//! A real Prometheus that scrapes one target, and its answers to queries.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::machine::program;
use crate::port;
use crate::process::{PATIENCE, Process, output, wait_for};

/// A running Prometheus.
pub struct Prometheus {
    port: u16,
    _directory: TempDir,
    process: Process,
}

impl Prometheus {
    /// Starts a server that scrapes a port of 127.0.0.1 twice a second, with these features.
    pub fn start(target: u16, features: &[&str]) -> Result<Self> {
        let port = port::unused()?;
        let directory = tempfile::tempdir()?;
        let config = directory.path().join("prometheus.yml");
        let text = format!(
            "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\nscrape_configs:\n  - job_name: tracer\n    static_configs:\n      - targets: ['127.0.0.1:{target}']\n"
        );
        std::fs::write(&config, text)?;
        let mut command = Command::new(program("prometheus", "prometheus")?);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        for feature in features {
            command.arg(format!("--enable-feature={feature}"));
        }
        let process = Process::start(&mut command)?;
        Ok(Self {
            port,
            _directory: directory,
            process,
        })
    }

    /// Values of a query, with their labels, now.
    pub fn query(&self, query: &str) -> Result<Vec<(Value, f64)>> {
        self.ask(&format!("query={query}"), None)
    }

    /// Values of a query, with their labels, at a time in seconds since 1970.
    pub fn query_at(&self, query: &str, time: f64) -> Result<Vec<(Value, f64)>> {
        self.ask(&format!("query={query}"), Some(format!("time={time}")))
    }

    fn ask(&self, query: &str, time: Option<String>) -> Result<Vec<(Value, f64)>> {
        let mut command = Command::new("curl");
        command.args(["-s", "--get", "--data-urlencode", query]);
        command.args(time.iter().flat_map(|time| ["--data-urlencode", time]));
        command.arg(format!("http://127.0.0.1:{}/api/v1/query", self.port));
        let text = output(&mut command)?;
        let answer: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
        ensure!(answer["status"] == "success", "{query}: {text}");
        let samples = answer["data"]["result"].as_array().context("no vector")?;
        let value = |sample: &Value| {
            let value = sample["value"][1].as_str().context("no value")?;
            Ok((sample["metric"].clone(), value.parse()?))
        };
        samples.iter().map(value).collect()
    }

    /// The only value of a query.
    pub fn single(&self, query: &str) -> Result<f64> {
        let values = self.query(query)?;
        ensure!(values.len() == 1, "{query}: {values:?}");
        values.first().map(|(_, value)| *value).context("no value")
    }

    /// Waits until a query, which has one value, gives this one.
    pub fn wait_until(&self, query: &str, expected: f64) -> Result<()> {
        let mut last = String::from("no answer");
        let reached = wait_for(&format!("{query} to be {expected}"), PATIENCE, || {
            // Meanwhile the server starts, and does not answer yet.
            let values = self.query(query);
            last = format!("{values:?}");
            let is_it =
                values.is_ok_and(|all| matches!(all[..], [(_, value)] if value == expected));
            std::thread::sleep(std::time::Duration::from_millis(50));
            Ok(is_it.then_some(()))
        });
        reached.with_context(|| format!("{last}\n{}", self.process.stderr().unwrap_or_default()))
    }
}
