//! Owners of connections: forks, threads, double forks, exec, leaders that leave, sessions.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::export::shown;
use tracer_tests::server::{Threaded, answer};
use tracer_tests::tracer::{Traced, run};

/// Established connections by pid, as the export has them.
fn by_pid(traced: &Traced) -> BTreeMap<u32, u64> {
    let mut counts = BTreeMap::new();
    for process in &traced.export.processes {
        let established = process.group.connections.established.unwrap_or_default();
        if established > 0 {
            *counts.entry(process.pid).or_default() += established;
        }
    }
    counts
}

/// The pids the script says connected, and how often.
fn said(traced: &Traced) -> Result<BTreeMap<u32, u64>> {
    let count = traced.client_count()?;
    let pids = count["pids"]
        .as_object()
        .context("the script named no pids")?;
    pids.iter()
        .map(|(pid, count)| Ok((pid.parse()?, count.as_u64().context("no count")?)))
        .collect()
}

/// Runs one shape; the last connection of each process was made under one of these names.
fn check(shape: &str, comms: &[&str]) -> Result<()> {
    let server = Threaded::start(answer)?;
    let arguments = [shape, "127.0.0.1", &server.port().to_string()];
    let traced = run(&Client::python("processes.py", &arguments)?)?;
    let mut differences = Differences::of(shape);
    let (expected, got) = (said(&traced)?, by_pid(&traced));
    let total: u64 = expected.values().sum();
    differences.equal("connections by pid", got, expected);
    differences.equal("accepted by the server", server.accepted(), total);
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = total,
    );
    for process in &traced.export.processes {
        let comm = &*process.comm;
        let connected = process.group.connections.established > Some(0);
        differences.holds(
            &format!("{comm} is one of {comms:?}"),
            !connected || comms.contains(&comm),
        );
    }
    differences.finish(|| {
        format!(
            "{}\nprocesses: {}",
            traced.story(),
            shown(&traced.export.processes)
        )
    })
}

#[test]
fn forked_children() -> Result<()> {
    check("fork", &["python"])
}

#[test]
fn threads() -> Result<()> {
    check("threads", &["python"])
}

#[test]
fn double_fork() -> Result<()> {
    check("double_fork", &["python"])
}

#[test]
fn double_fork_in_a_session_of_its_own() -> Result<()> {
    check("setsid", &["python"])
}

#[test]
fn leader_gone_before_its_thread_connects() -> Result<()> {
    check("leader", &["python"])
}

#[test]
fn exec_between_two_connections() -> Result<()> {
    check("exec_", &["python", "curl"])
}

#[test]
fn spawned_with_vfork() -> Result<()> {
    check("vfork", &["curl"])
}

/// tracer comes before others for a processor, and what it traces does not: the command waits for the one and says the other.
#[test]
fn only_tracer_comes_first() -> Result<()> {
    const SCRIPT: &str = r#"
        nice_of() { awk '{ print $19 }' "/proc/$1/stat"; }
        until [ "$(nice_of $PPID)" = -10 ]; do :; done
        echo "{\"nice\": $(nice_of $$)}""#;
    let traced = run(&Client::shell("sh", SCRIPT, &[]))?;
    let own = traced.client_count()?;
    anyhow::ensure!(own["nice"] == 0, "{own}");
    Ok(())
}
