//! Findings about TLS and proxies.

use std::time::Duration;

use anyhow::{Context, Result};
use tracer_export::Phase;
use tracer_testbed::origin::{Options, TlsOptions, TlsVersions};
use tracer_tests::certificate::Certificate;
use tracer_tests::faults::{Far, cured, evidence, go, node, only, python, thinking, trace};
use tracer_tests::server::{Script, Testbed, tls_13};

fn secure(tls: TlsOptions) -> Options {
    Options {
        tls: Some(tls),
        ..thinking(0)
    }
}

#[test]
fn clients_that_share_no_sessions() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let ca = directory.path().join("ca.pem");
    let tls = TlsOptions {
        versions: TlsVersions::Only12,
        names: vec!["10.77.0.2".into()],
        ca_file: Some(ca.clone()),
        ..tls_13(2)
    };
    let far = Far::start(Duration::from_millis(60), secure(tls))?;
    let url = format!("https://{}/page/0", far.address);
    let client =
        |name: &str| Ok::<_, anyhow::Error>(go(&[name, &url, "10"])?.with("SSL_CERT_FILE", &ca));
    let before = far.trace("tls-not-resumed", client("three-workers")?)?;
    let finding = only(&before, "tls-not-resumed", "Go net/http")?;
    evidence(finding, "full_handshakes", 30.0)?;
    // All but the first of each worker, and a few while the one before is on its way to the close.
    evidence(finding, "avoidable_handshakes", 26.0)?;
    let after = far.trace("healthy_sessions", client("shared-sessions")?)?;
    cured(
        &before,
        &after,
        "tls-not-resumed",
        &[Phase::Tls, Phase::TlsResumed],
    )
}

/// Median of sorted times.
fn median(times: &[f64]) -> Result<f64> {
    times.get(times.len() / 2).copied().context("no times")
}

#[test]
fn a_server_that_is_slow_to_shake_hands() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Script::secure("slow_handshake.py", &certificate, &[])?;
    let url = format!("https://localhost:{}/", server.port);
    let client =
        node(&["one-connection-each", &url])?.with("NODE_EXTRA_CA_CERTS", certificate.path());
    let export = trace("tls-dominates", &client)?;
    let finding = only(&export, "tls-dominates", "a Node client")?;
    let handshakes = server.numbers("handshake")?;
    evidence(finding, "handshakes", handshakes.len() as f64)?;
    evidence(finding, "handshake_p50_ns", median(&handshakes)?)
}

/// Origin over TLS behind a proxy that takes this long for a tunnel.
struct Behind {
    _testbed: Testbed,
    proxy: Script,
    url: String,
}

impl Behind {
    fn start(seconds: &str) -> Result<Self> {
        let mut testbed = Testbed::new()?;
        let port = testbed.start(secure(tls_13(2)))?.port();
        Ok(Self {
            _testbed: testbed,
            proxy: Script::start("slow_proxy.py", &[seconds])?,
            url: format!("https://127.0.0.1:{port}/page/0"),
        })
    }

    fn proxy(&self) -> String {
        format!("http://127.0.0.1:{}", self.proxy.port)
    }
}

#[test]
fn a_proxy_that_is_slow_to_make_tunnels() -> Result<()> {
    let behind = Behind::start("1")?;
    let client = python(&["tunnels", &behind.url, &behind.proxy()])?;
    let export = trace("proxy-slow", &client)?;
    let finding = only(&export, "proxy-slow", "a Python client")?;
    let tunnels = behind.proxy.numbers("tunnel")?;
    evidence(finding, "tunnels", tunnels.len() as f64)?;
    evidence(finding, "tunnel_p50_ns", median(&tunnels)?)
}

#[test]
fn a_tunnel_for_each_request() -> Result<()> {
    let behind = Behind::start("0.1")?;
    let client = |name| go(&[name, &behind.url, &behind.proxy()]);
    let before = trace("proxy-not-reused", &client("new-tunnels")?)?;
    let finding = only(&before, "proxy-not-reused", "Go net/http")?;
    evidence(finding, "tunnels", 72.0)?;
    let after = trace("healthy_tunnels", &client("kept-tunnels")?)?;
    cured(
        &before,
        &after,
        "proxy-not-reused",
        &[Phase::Connect, Phase::Tunnel, Phase::Tls, Phase::TlsResumed],
    )
}
