//! Recordings of many kinds of traces, which the pure tests replay (`tracer-user/tests/golden.rs`). With
//! UPDATE_GENERATED each is kept anew.

use std::borrow::Cow;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tracer_common::{
    counter::Counter,
    overflow::{BUCKETS, Count, Histogram},
};
use tracer_core::overflow::Overflow;
use tracer_recording::{Entry, Input};
use tracer_tests::certificate::Certificate;
use tracer_tests::client::Client;
use tracer_tests::dns::{DnsServer, Script};
use tracer_tests::figure;
use tracer_tests::machine::fixture;
use tracer_tests::outcome::nginx;
use tracer_tests::port;
use tracer_tests::process::{PATIENCE, wait_for};
use tracer_tests::recording::{Recorded, check_same, keep, record, replay, unchanged};
use tracer_tests::server::{Nginx, NginxOptions, Threaded, reset};
use tracer_tests::tracer::Attached;

/// Fails where a replay is not what was traced.
fn check(recorded: &Recorded) -> Result<()> {
    check_same(&recorded.live()?, &replay(&recorded.trace())?)
}

/// Several hosts with full and resumed handshakes of both versions, in clear, and reused connections.
const HOSTS: &str = r#"tls="$1"; clear="$2"; ca="$3"; sessions=$(mktemp -d)
  for name in one two three; do
    curl -s -o /dev/null --cacert "$ca" --resolve "$name.tracer.test:$tls:127.0.0.1" "https://$name.tracer.test:$tls/" "https://$name.tracer.test:$tls/" "https://$name.tracer.test:$tls/"
  done
  ask() { printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -quiet -ign_eof -connect "127.0.0.1:$tls" -servername "again.tracer.test" "$@" >/dev/null 2>&1; }
  for version in -tls1_2 -tls1_3; do
    ask $version -sess_out "$sessions/session"
    ask $version -sess_in "$sessions/session"
  done
  rm -r "$sessions"
  curl -s -o /dev/null -H 'Host: clear.tracer.test' "http://127.0.0.1:$clear/" "http://127.0.0.1:$clear/"
  sleep 1.2"#;

fn hosts(flags: &[&str]) -> Result<Recorded> {
    let certificate = Certificate::small()?;
    let server = nginx("TLSv1.2 TLSv1.3", &certificate)?;
    let options = NginxOptions {
        protocols: None,
        ..NginxOptions::default()
    };
    let clear = Nginx::start(options, &certificate)?;
    let ca = certificate.path().display().to_string();
    let arguments = [&*server.port.to_string(), &clear.port.to_string(), &ca];
    record(flags, &Client::shell("sh", HOSTS, &arguments))
}

#[test]
fn of_several_hosts() -> Result<()> {
    let filter = [
        "--cidr=127.0.0.0/8",
        "--comm=curl",
        "--comm=openssl",
        "--host=*.tracer.test",
    ];
    let recorded = hosts(&filter)?;
    check(&recorded)?;
    keep(&recorded.trace(), "hosts", &mut unchanged)?;
    keep(&recorded.trace(), "lost", &mut thinned())
}

/// More hosts than have figures of their own.
#[test]
fn of_folded_hosts() -> Result<()> {
    let recorded = hosts(&["--max-hosts", "2"])?;
    check(&recorded)?;
    keep(&recorded.trace(), "folded", &mut unchanged)
}

/// Every fourth record is missing; some found the ring full, some could not be recorded.
fn thinned() -> impl FnMut(Entry<'_>, &mut dyn FnMut(&Entry<'_>)) {
    let mut records = 0;
    move |entry, push| match entry {
        Entry::Input(Input::Record(_)) => {
            records += 1;
            if records % 4 != 0 {
                push(&entry);
            }
        }
        Entry::Input(Input::Finish { .. }) => {
            let mut counters = [0; Counter::COUNT as usize];
            for (value, counter) in (1..).zip(&mut counters) {
                *counter = value;
            }
            push(&Entry::Input(Input::Counters(counters)));
            push(&Entry::Input(Input::Overflow(Cow::Owned(overflow()))));
            push(&Entry::Input(Input::Loss { inputs: 17 }));
            push(&entry);
        }
        Entry::Input(Input::Counters(_)) => {}
        entry => push(&entry),
    }
}

/// Figures in every phase and every count.
fn overflow() -> Overflow {
    let mut histograms = vec![0; (Histogram::COUNT * BUCKETS) as usize];
    for (number, histogram) in (1..).zip(Histogram::ALL) {
        histograms[histogram.slot(number * 1_000_000) as usize] = 40 + number;
        histograms[histogram.slot(number * 300_000) as usize] = 3;
    }
    Overflow {
        histograms,
        counts: (0..u64::from(Count::COUNT))
            .map(|slot| 500 + slot)
            .collect(),
    }
}

/// Connects, handshakes and requests that fail, each in its own way.
#[test]
fn of_failures() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = nginx("TLSv1.2 TLSv1.3", &certificate)?;
    let closes = Threaded::start(drop)?;
    let resets = Threaded::start(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        reset(stream);
    })?;
    let mute = Threaded::start(|mut stream| drop(stream.read_to_end(&mut Vec::new())))?;
    let clear = Threaded::start(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
    })?;
    let script = r#"curl -s "http://127.0.0.1:$1/" "http://127.0.0.1:$1/" || true
      curl -s "https://localhost:$2/" || true
      curl -sk --tls-max 1.2 --ciphers ECDHE-RSA-AES128-GCM-SHA256 "https://localhost:$2/" || true
      curl -s "http://127.0.0.1:$3/" || true
      curl -s "http://127.0.0.1:$4/" || true
      curl -s --max-time 0.3 "http://127.0.0.1:$5/" || true
      curl -sk --max-time 0.3 "https://127.0.0.1:$5/" || true
      curl -sk "https://localhost:$6/" || true
      curl -s --max-time 0.3 "http://240.0.0.1:$6/" || true
      curl -s --max-time 0.3 "http://[2001:db8::1]:$6/" || true
      sleep 1.2"#;
    let ports = [
        port::unused()?,
        server.port,
        closes.port(),
        resets.port(),
        mute.port(),
        clear.port(),
    ];
    let ports = ports.map(|port| port.to_string());
    let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
    let recorded = record(&[], &Client::shell("sh", script, &ports))?;
    check(&recorded)?;
    keep(&recorded.trace(), "failures", &mut unchanged)
}

/// Lookups that are answered, repeated, asked again, truncated, and that fail.
#[test]
fn of_lookups() -> Result<()> {
    let server = DnsServer::start("127.0.0.53", Script::default())?;
    let names = [
        "resolve",
        "a.ok.test",
        "a.ok.test",
        "b.alias.test",
        "c.nx.test",
        "d.fail.test",
        "e.tc.test",
        "f.late.test",
        "g.mute.test",
    ];
    let script = fixture("clients/lookups.py");
    let words = ["/usr/bin/python3", &script.display().to_string()];
    let client = Client::new("python3", words.into_iter().chain(names));
    let resolving = server.resolves(client, "search .\noptions timeout:1 attempts:2")?;
    let recorded = record(&[], &resolving.client)?;
    check(&recorded)?;
    keep(&recorded.trace(), "lookups", &mut unchanged)
}

/// Connections that were open before, are open at the end, idle, in flight or unused.
#[test]
fn of_open_connections() -> Result<()> {
    let options = NginxOptions {
        protocols: None,
        ..NginxOptions::default()
    };
    let server = Nginx::start(options, &Certificate::small()?)?;
    let mute = Threaded::start(|mut stream| drop(stream.read_to_end(&mut Vec::new())))?;
    let clear = server.port;
    let connect = |port| TcpStream::connect(("127.0.0.1", port));
    let mut before = connect(clear)?;
    let unused = connect(clear)?;
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("run.trace");
    // With other processes the recording would hold what everybody on this machine executes.
    let flags = [
        "--pid",
        &std::process::id().to_string(),
        "--port",
        &clear.to_string(),
        "--port",
        &mute.port().to_string(),
        "--record",
        &trace.display().to_string(),
        "--interval",
        "100ms",
    ];
    let attached = Attached::start(&flags)?;
    for _ in 0..3 {
        ask(&mut before)?;
    }
    let mut waiting = connect(mute.port())?;
    waiting.write_all(b"GET / HTTP/1.1\r\nHost: mute.tracer.test\r\n\r\n")?;
    let mut idle = connect(clear)?;
    ask(&mut idle)?;
    let fresh = connect(clear)?;
    wait_for("a second of the trace", PATIENCE, || {
        let Ok(export) = attached.export() else {
            return Ok(None);
        };
        let long = figure!(export, window.duration_ns)? > 1_500_000_000;
        let seen = figure!(export, totals.requests.in_flight_now).unwrap_or(0) == 1;
        Ok((long && seen).then_some(()))
    })?;
    let traced = attached.end(Signal::SIGINT)?;
    drop((before, unused, waiting, idle, fresh));
    ensure!(
        figure!(traced.export, totals.connections.adopted)? == 2,
        "{}",
        traced.story()
    );
    ensure!(replay(&trace)?.status.success(), "the replay fails");
    keep(&trace, "open", &mut unchanged)
}

/// Sends a request and reads the answer.
fn ask(stream: &mut TcpStream) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: open.tracer.test\r\n\r\n")?;
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        ensure!(stream.read(&mut byte)? == 1, "closed");
        got.extend(byte);
    }
    Ok(())
}
