//! tracer as a service: settings that change while it runs, an export for each window, what it tells systemd and answers
//! over HTTP, and what a collector gets of a real trace.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use tempfile::TempDir;
use tracer_testbed::collector::{Collector, Protocol, Received};
use tracer_tests::certificate::Certificate;
use tracer_tests::client::Client;
use tracer_tests::export::{Export, found};
use tracer_tests::machine::{require_root, tracer_binary};
use tracer_tests::port;
use tracer_tests::process::{PATIENCE, Process, output, wait_for};
use tracer_tests::server::{Nginx, NginxOptions};
use tracer_tests::tracer::run_with;

/// A service with a manager that hears what it says.
struct Service {
    process: Process,
    manager: UnixDatagram,
    directory: TempDir,
    /// Port of the metrics.
    metrics: u16,
}

impl Service {
    fn start(ports: &[u16]) -> Result<Self> {
        require_root()?;
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("notify");
        let manager = UnixDatagram::bind(&socket)?;
        manager.set_read_timeout(Some(PATIENCE))?;
        let metrics = port::unused()?;
        fs::write(
            config_of(&directory),
            config(directory.path(), metrics, ports),
        )?;
        let mut command = Command::new(tracer_binary()?);
        command
            .args(["attach", "--config"])
            .arg(config_of(&directory))
            .env("NOTIFY_SOCKET", socket)
            .env("WATCHDOG_USEC", "1000000");
        let process = Process::start(&mut command)?;
        let service = Self {
            process,
            manager,
            directory,
            metrics,
        };
        service.hear("READY=1").with_context(|| {
            let said = service.process.stderr().unwrap_or_default();
            format!("tracer said: {said}")
        })?;
        Ok(service)
    }

    /// Waits until the manager hears a word.
    fn hear(&self, word: &str) -> Result<()> {
        let mut buffer = [0; 512];
        loop {
            let length = self.manager.recv(&mut buffer).context(word.to_owned())?;
            let heard = String::from_utf8_lossy(&buffer[..length]);
            if heard.lines().any(|line| line.starts_with(word)) {
                return Ok(());
            }
        }
    }

    /// Writes another configuration, and waits until it was read.
    fn change(&self, text: &str) -> Result<()> {
        fs::write(config_of(&self.directory), text)?;
        self.hear("RELOADING=1")?;
        self.hear("READY=1")
    }

    fn config(&self, ports: &[u16]) -> String {
        config(self.directory.path(), self.metrics, ports)
    }

    fn get(&self, path: &str) -> Result<String> {
        let url = format!("http://127.0.0.1:{}{path}", self.metrics);
        output(Command::new("curl").args(["-s", "--fail-with-body", &url]))
    }

    /// Number of requests in the export so far.
    fn requests(&self) -> Result<u64> {
        let export = Export::parse(&self.get("/snapshot.json")?)?;
        found(export.totals.requests.count, "requests")
    }

    fn wait_for_requests(&self, expected: u64) -> Result<()> {
        wait_for(&format!("{expected} requests"), PATIENCE, || {
            Ok((self.requests()? == expected).then_some(()))
        })
        .with_context(|| format!("{:?}", self.requests()))
    }

    /// Exports of the windows.
    fn windows(&self) -> Result<Vec<Export>> {
        let is_window = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("out-") && name.ends_with("Z.json")
        };
        let entries = fs::read_dir(self.directory.path())?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths
            .filter(is_window)
            .map(|it| Export::read(&it))
            .collect()
    }
}

fn config_of(directory: &TempDir) -> PathBuf {
    directory.path().join("tracer.toml")
}

fn config(directory: &Path, metrics: u16, ports: &[u16]) -> String {
    let json = directory.join("out.json");
    format!(
        "[filter]\nport = {ports:?}\n[output]\njson = {:?}\nrotate = \"1s\"\nquiet = true\nno_tui = true\nprometheus = \"127.0.0.1:{metrics}\"\n",
        json.display().to_string()
    )
}

fn server() -> Result<Nginx> {
    Nginx::start(NginxOptions::default(), &Certificate::small()?)
}

/// Asks for a page so many times, on a connection each.
fn ask(server: &Nginx, times: u64) -> Result<()> {
    let url = format!("http://127.0.0.1:{}/", server.port);
    for _ in 0..times {
        output(Command::new("curl").args(["-s", "-o", "/dev/null", &url]))?;
    }
    Ok(())
}

#[test]
fn settings_change_and_windows_sum_to_the_whole() -> Result<()> {
    let (first, second) = (server()?, server()?);
    let service = Service::start(&[first.port])?;
    ensure!(service.get("/healthz")?.trim() == "ok", "not healthy");
    service.hear("WATCHDOG=1")?;
    ask(&first, 20)?;
    service.wait_for_requests(20)?;
    std::thread::sleep(Duration::from_millis(1100));
    ask(&first, 10)?;
    service.wait_for_requests(30)?;

    service.change(&service.config(&[second.port]))?;
    let shown = service.get("/config")?;
    let port = format!("port = [{}]", second.port);
    ensure!(shown.contains(&port), "no {port}: {shown}");
    ask(&first, 5)?;
    ask(&second, 10)?;
    service.wait_for_requests(40)?;

    service.change("[filter\n")?;
    let said = service.process.stderr()?;
    ensure!(said.contains("the settings from before stay"), "{said}");
    ask(&second, 5)?;
    service.wait_for_requests(45)?;

    service.process.signal(Signal::SIGTERM)?;
    service.hear("STOPPING=1")?;
    wait_for("the last window", PATIENCE, || {
        let windows = service.windows()?;
        let counts = windows
            .iter()
            .map(|it| found(it.totals.requests.count, "requests"));
        let sum: u64 = counts.sum::<Result<u64>>()?;
        ensure!(sum <= 45, "{sum} requests in {} windows", windows.len());
        Ok((sum == 45 && windows.len() >= 2).then_some(()))
    })?;
    let Service { process, .. } = service;
    let finished = process.finish()?;
    ensure!(finished.status.code() == Some(0), "{finished:?}");
    Ok(())
}

/// Number of requests in the metrics that a collector got last.
fn durations(received: &Received) -> u64 {
    let last = received.metrics.last();
    let resources = last.iter().flat_map(|it| &it.resource_metrics);
    let metrics = resources
        .flat_map(|it| &it.scope_metrics)
        .flat_map(|it| &it.metrics);
    let histograms = metrics.filter(|it| it.name == "http.client.request.duration");
    let points = histograms.flat_map(|it| match &it.data {
        Some(Data::ExponentialHistogram(histogram)) => &histogram.data_points[..],
        _ => &[],
    });
    points.map(|point| point.count).sum()
}

/// Number of spans with a name.
fn spans(received: &Received, name: &str) -> usize {
    let resources = received.traces.iter().flat_map(|it| &it.resource_spans);
    let scopes = resources.flat_map(|it| &it.scope_spans);
    let spans = scopes.flat_map(|it| &it.spans);
    spans.filter(|span| span.name == name).count()
}

#[test]
fn a_collector_gets_the_requests_of_a_real_trace() -> Result<()> {
    let (server, collector) = (server()?, Collector::start(Protocol::Http, None, &[])?);
    let url = format!("http://{}", collector.address);
    let client = Client::shell(
        "curl",
        "curl -s -o /dev/null \"http://127.0.0.1:$1/?[1-20]\"",
        &[&server.port.to_string()],
    );
    let traced = run_with(&["--otlp", &url, "--otlp-traces", "1"], &client)?;
    let requests = found(traced.export.totals.requests.count, "requests")?;
    let received = collector.received();
    ensure!(received.faults.is_empty(), "{:?}", received.faults);
    ensure!(requests == 20, "{}", traced.story());
    ensure!(durations(&received) == 20, "{}", durations(&received));
    ensure!(
        spans(&received, "HTTP") == 20,
        "{}",
        spans(&received, "HTTP")
    );
    let established = found(traced.export.totals.connections.established, "connections")?;
    let connects = spans(&received, "connect") as u64;
    ensure!(
        connects == established,
        "{connects} spans of {established} connects"
    );
    ensure!(received.orphans() == 0, "spans without a parent");
    Ok(())
}
