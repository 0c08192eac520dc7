//! Traces of clients with one fault, or without any, and checks of what tracer finds in them.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use tracer_export::{Finding, FindingStatus, Phase, Severity};
use tracer_testbed::link::{Link, LinkOptions, Side};
use tracer_testbed::origin::Options;

use crate::build;
use crate::client::Client;
use crate::export::Export;
use crate::machine::{fixture, program, tracer_binary};
use crate::process::output;
use crate::recording::{keep_in, unchanged};
use crate::server::{Testbed, origin};
use crate::tracer::run_with;

/// Options of an origin in clear on loopback that thinks for this long.
pub fn thinking(ms: u64) -> Options {
    origin(([127, 0, 0, 1], 0).into(), Duration::from_millis(ms), 1024)
}

/// Python client of `faults.py`.
pub fn python(words: &[&str]) -> Result<Client> {
    Client::python("faults.py", words)
}

/// Go client of `faults/main.go`.
pub fn go(words: &[&str]) -> Result<Client> {
    let program = build::go("clients/go/faults/main.go")?;
    let mut client = Client::new("clients-go-faul", [program]);
    client.command.extend(words.iter().map(OsString::from));
    Ok(client)
}

/// Node client of `faults.mjs`.
pub fn node(words: &[&str]) -> Result<Client> {
    let script = fixture("clients/faults.mjs").into_os_string();
    let program = program("node", "nodejs")?.into_os_string();
    let mut client = Client::new("node", [program, script]);
    client.command.extend(words.iter().map(OsString::from));
    Ok(client)
}

/// Java client of `Faults.java`, with options of the virtual machine.
pub fn java(options: &[&str], words: &[&str]) -> Result<Client> {
    let java = program("java", "openjdk-17-jdk-headless")?.into_os_string();
    let mut client = Client::new("java", [java]);
    let script = fixture("clients/Faults.java").into_os_string();
    client.command.extend(options.iter().map(OsString::from));
    client.command.push(script);
    client.command.extend(words.iter().map(OsString::from));
    Ok(client)
}

/// Traces a client. Its recording is kept for the tests without rights, under `name`: the rule that it breaks, or
/// `healthy`, and after an underscore the variant.
pub fn trace(name: &str, client: &Client) -> Result<Export> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("run.trace");
    let record = format!("--record={}", file.display());
    let traced = run_with(&[&record], client)?;
    ensure!(traced.finished.status.success(), "{}", traced.story());
    keep_in("findings", &file, name, &mut unchanged)?;
    Ok(traced.export)
}

/// Traces a client of an origin on loopback, as [`trace`] does.
pub fn against(
    name: &str,
    options: Options,
    client: impl FnOnce(&str) -> Result<Client>,
) -> Result<Export> {
    let mut testbed = Testbed::new()?;
    let address = testbed.start(options)?;
    let export = trace(name, &client(&format!("http://{address}/page/0"))?)?;
    testbed.finish();
    Ok(export)
}

/// An origin behind a link with a round trip, so that connects take a known time.
pub struct Far {
    link: Link,
    testbed: Testbed,
    /// Address of the origin.
    pub address: SocketAddr,
}

impl Far {
    /// Starts an origin at the other end of a link.
    pub fn start(rtt: Duration, options: Options) -> Result<Self> {
        let link = LinkOptions {
            rtt,
            ..LinkOptions::default()
        };
        Self::over(link, options)
    }

    /// Starts an origin at the other end of a link of this kind.
    pub fn over(link: LinkOptions, options: Options) -> Result<Self> {
        let link = Link::new(link)?;
        let mut testbed = Testbed::new()?;
        let options = Options {
            listen: (Side::Server.ipv4(), 0).into(),
            ..options
        };
        let started = link.run_in(Side::Server, || testbed.start(options))?;
        let address = started.map_err(|error| anyhow!("{error:#}"))?;
        Ok(Self {
            link,
            testbed,
            address,
        })
    }

    /// Address of a page.
    pub fn url(&self) -> String {
        format!("http://{}/page/0", self.address)
    }

    /// Moves a client to this end of the link.
    pub fn inside(&self, mut client: Client) -> Client {
        let inside = self.link.namespace_path(Side::Client);
        let inside = format!("--net={}", inside.display());
        let prefix = ["nsenter", &inside, "--"].map(OsString::from);
        client.command.splice(0..0, prefix);
        client
    }

    /// Traces a client at this end, as [`trace`] does.
    pub fn trace(&self, name: &str, client: Client) -> Result<Export> {
        trace(name, &self.inside(client))
    }

    /// Number of data packets of the origin that the link has dropped.
    pub fn lost_from_server(&self) -> u64 {
        self.link.counts().lost_from_server.load(Ordering::Relaxed)
    }

    /// Ends the origin and gives its counts.
    pub fn finish(self) -> Vec<Value> {
        self.testbed.finish()
    }
}

/// Verdicts of an export.
fn findings(export: &Export) -> Result<&[Finding]> {
    export.findings.as_deref().context("no findings")
}

/// Text for whoever looks into a failure: all that was found, and why the other rules could not tell.
pub fn told(export: &Export) -> String {
    let lines = export.findings.iter().flatten().map(|finding| {
        let Finding {
            id,
            status,
            severity,
            summary,
            reason,
            evidence,
            client,
            ..
        } = finding;
        format!("{id} {status:?} {severity:?} {summary:?} {reason:?} {evidence:?} {client:?}\n")
    });
    lines.collect()
}

/// Faults of the client, not of a machine that is busy with other tests.
pub fn found(export: &Export) -> Result<impl Iterator<Item = &Finding>> {
    let waits_for_a_cpu = |finding: &Finding| {
        let ratio = finding.evidence.get("pickup_cpu_ratio");
        ratio.is_some_and(|ratio| *ratio >= 0.5)
    };
    let all = findings(export)?.iter();
    let found = all.filter(|finding| finding.status == FindingStatus::Found);
    Ok(found.filter(move |finding| !waits_for_a_cpu(finding)))
}

/// Faults that are more than information, in their order.
pub fn faults(export: &Export) -> Result<Vec<&str>> {
    let faults = found(export)?.filter(|finding| finding.severity > Some(Severity::Info));
    Ok(faults.map(|finding| &*finding.id).collect())
}

/// Checks that an export has no fault that is more than information.
pub fn healthy(export: &Export) -> Result<()> {
    ensure!(faults(export)?.is_empty(), "{}", told(export));
    Ok(())
}

/// Verdict of a rule that has found its fault.
pub fn finding<'e>(export: &'e Export, id: &str) -> Result<&'e Finding> {
    let is_it = |finding: &&Finding| finding.id == id;
    let finding = found(export)?.find(is_it);
    finding.with_context(|| format!("{id} expected: {}", told(export)))
}

/// Checks that a fault is the only one, and whose it is.
pub fn only<'e>(export: &'e Export, id: &str, client: &str) -> Result<&'e Finding> {
    let others = faults(export)?.iter().any(|other| *other != id);
    ensure!(!others, "{id} expected: {}", told(export));
    let finding = finding(export, id)?;
    ensure!(finding.client.as_deref() == Some(client), "{finding:#?}");
    ensure!(!finding.advice.is_empty(), "{finding:#?}");
    Ok(finding)
}

/// Checks a figure of the evidence, within ten percent.
pub fn evidence(finding: &Finding, name: &str, expected: f64) -> Result<()> {
    let value = finding.evidence.get(name).copied();
    let value = value.with_context(|| format!("{name}: {finding:#?}"))?;
    ensure!(
        (value - expected).abs() <= expected / 10.0,
        "{name}: {value}, expected {expected}: {finding:#?}"
    );
    Ok(())
}

/// Value that the advice for a setting proposes.
pub fn proposed(finding: &Finding, setting: &str) -> Result<String> {
    let is_it = |advice: &&tracer_export::Advice| advice.setting.as_deref() == Some(setting);
    let advice = finding.advice.first().filter(is_it);
    let proposed = advice.and_then(|advice| advice.proposed.clone());
    proposed.with_context(|| format!("no value for {setting}: {finding:#?}"))
}

/// Checks by `tracer diff` that a fault is fixed.
pub fn gone(before: &Export, after: &Export, id: &str) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let files = ["before.json", "after.json"].map(|name| directory.path().join(name));
    for (file, export) in files.iter().zip([before, after]) {
        std::fs::write(file, export.raw.to_string())?;
    }
    let mut diff = Command::new(tracer_binary()?);
    let text = output(diff.args(["diff", "--json"]).args(&files))?;
    let compared: Value = serde_json::from_str(&text)?;
    let fates = compared["findings"].as_array().context("no findings")?;
    let fate = fates.iter().find(|fate| fate["id"] == id);
    let fate = fate.with_context(|| format!("no {id}: {fates:#?}"))?;
    ensure!(fate["change"] == "fixed", "{fate:#}");
    healthy(after)
}

/// Checks by `tracer diff` that a fault is fixed, and that the phases take less time by about what the finding promised: by
/// at least half of that, and by no more, apart from what figures differ by from run to run. Connections that are being
/// closed still count as open, and so as needed.
pub fn cured(before: &Export, after: &Export, id: &str, phases: &[Phase]) -> Result<()> {
    gone(before, after, id)?;
    let saves = finding(before, id)?.saves.as_ref().context("no saving")?;
    let promised = saves.total_ns as f64;
    let saved = spent(before, phases) - spent(after, phases);
    println!(
        "{id}: promised {:.1} ms, saved {:.1} ms ({:.0} %)",
        promised / 1e6,
        saved / 1e6,
        100.0 * saved / promised
    );
    ensure!(
        saved >= 0.5 * promised && saved <= 1.2 * promised,
        "{id}: saved {saved} ns of {promised}, which are {}",
        saves.basis
    );
    Ok(())
}

/// Time of all samples of phases, ns. A connect counts only if its connection carried a request: Go opens more
/// connections, and nothing waits for them.
fn spent(export: &Export, phases: &[Phase]) -> f64 {
    let sum = |phase: &Phase| {
        let histogram = export.totals.phases.get(*phase)?;
        let used = match phase {
            Phase::Connect => export.totals.requests.connections?,
            _ => u64::MAX,
        };
        Some(used.min(histogram.count?) as f64 * histogram.mean_ns?)
    };
    phases.iter().filter_map(sum).sum()
}
