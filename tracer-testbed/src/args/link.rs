//! `tracer-testbed link`.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tracer_testbed::link::{Hold, Link, LinkOptions, Side};

use super::proportion::{bandwidth, probability};

/// Time that the command has to end after a signal.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct LinkArgs {
    /// Round trip, for example 40ms; half of it each way.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "85ms")]
    rtt: Duration,
    /// Greatest additional delay each way; the order of packets stays.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "0")]
    jitter: Duration,
    /// Packets lost, for example 1%.
    #[arg(long, value_parser = probability, default_value = "0")]
    loss: f64,
    /// Packets sent twice.
    #[arg(long, value_parser = probability, default_value = "0")]
    duplicate: f64,
    /// TCP data packets that change place with the next one of their connection.
    #[arg(long, value_parser = probability, default_value = "0")]
    reorder: f64,
    /// In every connection hold back the N-th data packet (1 is the first) the client sends; repeatable.
    #[arg(long, value_name = "N")]
    hold_client: Vec<u32>,
    /// In every connection hold back the N-th data packet the server sends; repeatable.
    #[arg(long, value_name = "N")]
    hold_server: Vec<u32>,
    /// Bits per second each way, for example 20M (K, M and G are powers of 1000); no limit without it.
    #[arg(long, value_parser = bandwidth)]
    bandwidth: Option<u64>,
    /// A veth pair with the kernel's sch_netem instead of TUN devices.
    #[arg(long)]
    netem: bool,
    /// Seed of the random decisions; the same seed repeats them.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The command; it runs outside of the namespaces and finds files for `nsenter --net=FILE` in
    /// TRACER_CLIENT_NS and TRACER_SERVER_NS, the addresses in TRACER_CLIENT_ADDR, TRACER_SERVER_ADDR, and with a 6 at the end
    /// for IPv6.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl LinkArgs {
    /// Runs the command, and gives its exit code or 128 + n for signal n.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let status = runtime.block_on(self.run_command())?;
        let code = status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
    }

    async fn run_command(&self) -> anyhow::Result<ExitStatus> {
        // Handlers are set before the link exists, so that every later signal is seen by `supervise`.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let link = Link::new(self.options())?;
        println!(
            "{}",
            json!({
                "client_ns": link.namespace_path(Side::Client),
                "server_ns": link.namespace_path(Side::Server),
            })
        );
        let mut child = self
            .command(&link)
            .spawn()
            .with_context(|| format!("cannot run {:?}", self.command[0]))?;
        let received = tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = interrupt.recv() => Signal::SIGINT,
            _ = terminate.recv() => Signal::SIGTERM,
        };
        end(child, received).await
    }

    fn options(&self) -> LinkOptions {
        let holds = |from, packets: &[u32]| {
            packets
                .iter()
                .map(move |&data_packet| Hold { from, data_packet })
                .collect::<Vec<_>>()
        };
        LinkOptions {
            rtt: self.rtt,
            jitter: self.jitter,
            loss: self.loss,
            duplicate: self.duplicate,
            reorder: self.reorder,
            holds: [
                holds(Side::Client, &self.hold_client),
                holds(Side::Server, &self.hold_server),
            ]
            .concat(),
            bandwidth_bits: self.bandwidth,
            netem: self.netem,
            seed: self.seed,
        }
    }

    fn command(&self, link: &Link) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).kill_on_drop(true);
        // SAFETY: one system call between fork and exec.
        unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL)?)) };
        for (name, side) in [("CLIENT", Side::Client), ("SERVER", Side::Server)] {
            command.env(format!("TRACER_{name}_NS"), link.namespace_path(side));
            command.env(format!("TRACER_{name}_ADDR"), side.ipv4().to_string());
            command.env(format!("TRACER_{name}_ADDR6"), side.ipv6().to_string());
        }
        command
    }
}

/// Passes the signal on and waits; after the grace time the command is killed.
async fn end(mut child: Child, received: Signal) -> anyhow::Result<ExitStatus> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // The command may have ended, or have received the terminal's signal itself.
        let _ = kill(Pid::from_raw(pid), received);
    }
    if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
        return Ok(status?);
    }
    child.kill().await?;
    Ok(child.wait().await?)
}
