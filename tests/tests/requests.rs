//! Requests, their connections and their times: what the server and the client counted and measured.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use tracer_export::{Histogram, Phase};
use tracer_tests::case::{Origin, Running, Target, said, target};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::figure;
use tracer_tests::server::{GoOptions, NginxOptions, Threaded};
use tracer_tests::tracer::{Traced, run, run_with};
use tracer_tests::turns::{self, Turns};

/// Certainty with which the first response of a server can be told from tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// No tickets.
    Certain,
    /// TLS 1.3.
    Tickets,
}

/// Traces a client; the server has counted what the row says, and so has tracer.
fn check(
    origin: &Origin,
    client: impl FnOnce(&Target) -> Result<Client>,
    expected: Turns,
    first: First,
) -> Result<Traced> {
    let certificate = Certificate::small()?;
    let server = Running::start(origin, &certificate)?;
    let client = client(&target(origin.is_tls(), server.port(), &certificate))?;
    let traced = run(&client)?;
    let seen = server.seen()?;
    let mut differences = Differences::of(format!("{:?}", client.command));
    traced.export.compare_losses(&mut differences);
    let answered = expected.requests - expected.failed;
    differences.holds(
        &format!("the server saw {:?} of {expected:?}", seen.requests),
        seen.requests == Some(expected.requests) || seen.requests == Some(answered),
    );
    differences.equal(
        "connections of the server",
        seen.used,
        Some(expected.connections),
    );
    turns::compare(&traced.export, expected, &mut differences);
    if first == First::Certain {
        turns::compare_certain(&traced.export, &mut differences);
    }
    differences.finish(|| traced.story())?;
    Ok(traced)
}

/// A figure of a phase of the totals is near what is known.
fn check_time(
    traced: &Traced,
    phase: Phase,
    figure: fn(&Histogram) -> Option<u64>,
    expected_ms: f64,
    limit_ms: f64,
) -> Result<()> {
    let name = phase.key();
    let mut differences = Differences::of(name);
    let [expected_ns, limit_ns] = [expected_ms, limit_ms].map(|ms| (ms * 1e6) as u64);
    let got = traced.export.phase(phase).and_then(figure).context(name);
    turns::compare_time(name, got, expected_ns, limit_ns, &mut differences);
    differences.finish(|| traced.story())
}

fn plain() -> Origin {
    Origin::Go(GoOptions::default())
}

/// `count` times the URL's `path` with curl's `options`, on one connection.
fn curl(at: &Target, path: &str, count: usize, options: &str) -> Client {
    let script = r#"
urls=$(for _ in $(seq "$3"); do printf '%s ' "$1$2"; done)
curl -s --cacert "$4" $5 $urls >/dev/null || true"#;
    let count = count.to_string();
    Client::shell("curl", script, &[&at.url, path, &count, &at.ca, options])
}

/// tests/clients/turns.py with `rest`: connections, requests and what follows.
fn turns(at: &Target, rest: &str) -> Result<Client> {
    let scheme = at.url.split(':').next().unwrap_or_default();
    let argument = format!("{scheme},127.0.0.1,{},localhost,{rest}", at.port);
    Client::python("turns.py", &["1", &argument])
}

#[test]
fn heads() -> Result<()> {
    for (origin, first) in [
        (plain(), First::Certain),
        (Origin::go("1.2"), First::Certain),
        (Origin::go("1.3"), First::Tickets),
    ] {
        check(
            &origin,
            |at| Ok(curl(at, "", 7, "-I")),
            Turns::answered(7, 1),
            first,
        )?;
    }
    Ok(())
}

#[test]
fn responses_without_content() -> Result<()> {
    for (origin, first) in [
        (plain(), First::Certain),
        (Origin::go("1.2"), First::Certain),
        (Origin::go("1.3"), First::Tickets),
    ] {
        let client = |at: &Target| Ok(curl(at, "empty", 7, ""));
        check(&origin, client, Turns::answered(7, 1), first)?;
    }
    Ok(())
}

/// Bodies of 100 kB are one request each, also where tickets arrive in their middle.
#[test]
fn request_bodies() -> Result<()> {
    for (origin, first) in [
        (plain(), First::Certain),
        (Origin::go("1.2"), First::Certain),
        (Origin::go("1.3"), First::Tickets),
    ] {
        let client = |at: &Target| turns(at, "10,4,body=100000");
        check(&origin, client, Turns::answered(40, 10), first)?;
    }
    Ok(())
}

/// Six chunks, 20 ms apart: the response takes 100 ms.
#[test]
fn slow_chunked_responses() -> Result<()> {
    for (origin, first) in [
        (plain(), First::Certain),
        (Origin::go("1.2"), First::Certain),
        (Origin::go("1.3"), First::Tickets),
    ] {
        let client = |at: &Target| Ok(curl(at, "slow", 5, ""));
        let traced = check(&origin, client, Turns::answered(5, 1), first)?;
        check_time(&traced, Phase::Transfer, |phase| phase.p50_ns, 102.0, 4.0)?;
    }
    Ok(())
}

/// The last chunk, which is empty, comes 50 ms after everything else; over TLS 1.3 it is as long as a KeyUpdate.
#[test]
fn responses_whose_end_comes_late() -> Result<()> {
    for (origin, first) in [
        (plain(), First::Certain),
        (Origin::go("1.2"), First::Certain),
        (Origin::go("1.3"), First::Tickets),
    ] {
        let client = |at: &Target| Ok(curl(at, "tail", 5, ""));
        let traced = check(&origin, client, Turns::answered(5, 1), first)?;
        check_time(&traced, Phase::Transfer, |phase| phase.p50_ns, 51.0, 2.0)?;
        check_time(&traced, Phase::Idle, |phase| phase.p50_ns, 0.5, 2.0)?;
    }
    Ok(())
}

/// A request that the server answers by closing.
#[test]
fn unanswered_requests() -> Result<()> {
    for (origin, first) in [
        (plain(), First::Certain),
        (Origin::go("1.2"), First::Certain),
    ] {
        let expected = Turns {
            requests: 1,
            connections: 1,
            failed: 1,
        };
        check(&origin, |at| Ok(curl(at, "abort", 1, "")), expected, first)?;
    }
    Ok(())
}

/// Requests in one segment are one turn by definition: their responses cannot be told apart.
#[test]
fn pipelined_requests_are_one_turn() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Running::start(&plain(), &certificate)?;
    let client = turns(&target(false, server.port(), &certificate), "5,3,pipe=4")?;
    let traced = run(&client)?;
    let mut differences = Differences::of("four requests at once");
    differences.equal("requests", server.seen()?.requests, Some(5 * 3 * 4));
    turns::compare(&traced.export, Turns::answered(15, 5), &mut differences);
    differences.finish(|| traced.story())
}

/// The response lies in the socket for 50 ms.
#[test]
fn a_client_that_reads_late() -> Result<()> {
    for origin in [plain(), Origin::go("1.2")] {
        let client = |at: &Target| turns(at, "4,5,late=50");
        let traced = check(&origin, client, Turns::answered(20, 4), First::Certain)?;
        check_time(&traced, Phase::Pickup, |phase| phase.p50_ns, 50.5, 1.5)?;
    }
    Ok(())
}

#[test]
fn a_client_that_reads_at_once() -> Result<()> {
    let client = |at: &Target| turns(at, "4,50");
    let traced = check(&plain(), client, Turns::answered(200, 4), First::Certain)?;
    check_time(&traced, Phase::Pickup, |phase| phase.p50_ns, 0.0, 0.5)
}

/// 30 ms between a response and the next request.
#[test]
fn idle_connections() -> Result<()> {
    let client = |at: &Target| turns(at, "3,6,gap=30");
    let traced = check(&plain(), client, Turns::answered(18, 3), First::Certain)?;
    check_time(&traced, Phase::Idle, |phase| phase.p50_ns, 30.5, 1.0)
}

/// `Expect: 100-continue`: what the server says before the body is no response.
#[test]
fn an_interim_response_is_no_response() -> Result<()> {
    for (origin, first) in [
        (plain(), First::Certain),
        (Origin::go("1.2"), First::Certain),
        (Origin::go("1.3"), First::Tickets),
    ] {
        let client = |at: &Target| Ok(curl(at, "", 5, "-d a=body -H Expect:100-continue"));
        check(&origin, client, Turns::answered(5, 1), first)?;
    }
    Ok(())
}

/// Interim response as Tomcat words it, without a phrase. The response comes 30 ms after the body.
fn continues_tersely(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let mut said = false;
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        request.extend_from_slice(buffer.get(..length).unwrap_or_default());
        let has_head = request.windows(4).any(|window| window == b"\r\n\r\n");
        let answer: &[u8] = if has_head && !said {
            said = true;
            b"HTTP/1.1 100 \r\n\r\n"
        } else if request.ends_with(b"a=body") {
            request.clear();
            said = false;
            std::thread::sleep(Duration::from_millis(30));
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        } else {
            continue;
        };
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

#[test]
fn an_interim_response_without_a_phrase_is_none_either() -> Result<()> {
    let server = Threaded::start(continues_tersely)?;
    let url = format!("http://127.0.0.1:{}/", server.port());
    let script = r#"curl -s -d a=body -H Expect:100-continue "$1" "$1" "$1" >/dev/null"#;
    let traced = run(&Client::shell("curl", script, &[&url]))?;
    let mut differences = Differences::of("HTTP/1.1 100");
    turns::compare(&traced.export, Turns::answered(3, 1), &mut differences);
    differences.finish(|| traced.story())?;
    check_time(&traced, Phase::Ttfb, |phase| phase.p50_ns, 31.0, 2.0)
}

/// HTTP/2 in clear, known by its preface. One request a connection: curl 7.88 fails on a second.
#[test]
fn http_2_in_clear_is_kept_apart() -> Result<()> {
    let script = r#"for _ in 1 2 3 4 5 6; do curl -s --http2-prior-knowledge "$1"; done"#;
    check_http_2(None, script)
}

/// Over TLS it is known by ALPN in the ServerHello, or by the length of EncryptedExtensions.
#[test]
fn http_2_over_tls_12_is_kept_apart() -> Result<()> {
    check_http_2(Some("TLSv1.2"), HTTP_2_OVER_TLS)
}

#[test]
fn http_2_over_tls_13_is_kept_apart() -> Result<()> {
    check_http_2(Some("TLSv1.3"), HTTP_2_OVER_TLS)
}

/// Bodies as long as an acknowledgement of HTTP/2, in records of their own, by a client that offers HTTP/2.
#[test]
fn short_posts_are_no_http_2() -> Result<()> {
    for length in ["8", "9", "16"] {
        let client =
            |at: &Target| Client::python("short_posts.py", &["127.0.0.1", &at.port, "10", length]);
        let traced = check(
            &Origin::nginx("TLSv1.3"),
            client,
            Turns::answered(10, 1),
            First::Tickets,
        )?;
        let mut differences = Differences::of(format!("bodies of {length} bytes"));
        compare!(
            &mut differences,
            traced.export,
            totals.requests.h2_turns = 0,
            totals.http2.connections = 0,
        );
        differences.finish(|| traced.story())?;
    }
    Ok(())
}

/// Six connections, three of them with two requests.
const HTTP_2_OVER_TLS: &str =
    r#"for _ in 1 2 3; do curl -sk --http2 "$1"; curl -sk --http2 "$1" "$1"; done"#;

fn check_http_2(protocols: Option<&'static str>, script: &str) -> Result<()> {
    let certificate = Certificate::small()?;
    let origin = Origin::Nginx(NginxOptions {
        protocols,
        http2: true,
        ..NginxOptions::default()
    });
    let server = Running::start(&origin, &certificate)?;
    let at = target(protocols.is_some(), server.port(), &certificate);
    let flags = ["--http2", "wire"];
    let traced = run_with(&flags, &Client::shell("curl", script, &[&at.url]))?;
    let mut differences = Differences::of(format!("HTTP/2 over {protocols:?}"));
    // Lengths of records tell requests; in clear there are none.
    let (requests, inferred, turns) = match protocols {
        Some(_) => (9, 9, 0),
        None => (6, 0, 6),
    };
    differences.equal("requests", server.seen()?.requests, Some(requests));
    let export = &traced.export;
    compare!(
        &mut differences,
        export,
        totals.connections.established = 6,
        totals.requests.by_protocol.http1 = 0,
        totals.requests.by_protocol.http2 = inferred,
        totals.requests.inferred = inferred,
        totals.requests.failed = 0,
        totals.requests.aborted = 0,
        totals.http2.connections = 6,
    );
    let found = figure!(export, totals.requests.h2_turns)?;
    differences.holds(&format!("{found} HTTP/2 turns"), found >= turns);
    differences.finish(|| traced.story())
}

/// Each client once over all of these; its own count and the server's decide.
fn check_client(client: impl Fn(&Target) -> Result<Client>, requests: u64) -> Result<()> {
    for origin in [
        Origin::plain(),
        Origin::nginx("TLSv1.2"),
        Origin::nginx("TLSv1.3"),
    ] {
        let certificate = Certificate::small()?;
        let server = Running::start(&origin, &certificate)?;
        let client = client(&target(origin.is_tls(), server.port(), &certificate))?;
        let traced = run(&client)?;
        let seen = server.seen()?;
        let mut differences = Differences::of(format!("{} to {origin:?}", client.comm));
        differences.equal("requests of the server", seen.requests, Some(requests));
        let connections = seen.used.context("nginx counts connections")?;
        turns::compare(
            &traced.export,
            Turns::answered(requests, connections),
            &mut differences,
        );
        differences.finish(|| traced.story())?;
    }
    Ok(())
}

#[test]
fn curl_with_many_urls() -> Result<()> {
    check_client(|at| Ok(curl(at, "", 50, "")), 50)
}

#[test]
fn python_keeping_alive() -> Result<()> {
    let client =
        |at: &Target| Client::python("http_client.py", &["keepalive", &at.url, "50", &at.ca]);
    check_client(client, 50)
}

#[test]
fn python_with_new_connections() -> Result<()> {
    let client = |at: &Target| Client::python("http_client.py", &["fresh", &at.url, "50", &at.ca]);
    check_client(client, 50)
}

#[test]
fn go_with_both_transports() -> Result<()> {
    for mode in ["default", "tuned"] {
        check_client(|at| Client::go(&[mode, &at.url, "300", "10", &at.ca]), 300)?;
    }
    Ok(())
}

#[test]
fn node() -> Result<()> {
    check_client(|at| Client::node(&["4", &at.url, "40"], at.certificate), 40)
}

/// Data waits because the thread that reads it waits for a CPU: the kernel's own account of the thread says so too.
#[test]
fn a_client_without_a_cpu() -> Result<()> {
    const REQUESTS: u64 = 60;
    let server = Running::start(&plain(), &Certificate::small()?)?;
    let arguments = [
        "127.0.0.1",
        &server.port().to_string(),
        &REQUESTS.to_string(),
    ];
    let traced = run(&Client::python("starved.py", &arguments)?)?;
    let export = &traced.export;
    let mut differences = Differences::of("a busy CPU");
    turns::compare(export, Turns::answered(REQUESTS, 1), &mut differences);
    let (slow, measured) = (
        figure!(export, totals.requests.slow_pickups)?,
        figure!(export, totals.requests.slow_pickups_measured)?,
    );
    let ratio = figure!(export, totals.requests.pickup_cpu_ratio)?;
    let of_pickups_ns = figure!(export, Phase::PickupCpu.mean_ns)? as u64 * measured;
    let of_thread_ns = said(&traced, "waited_ns")?;
    differences.holds(
        &format!("{measured} of {slow} slow pickups of {REQUESTS} are measured"),
        slow > REQUESTS / 4 && measured + 2 >= slow,
    );
    differences.holds(&format!("{ratio} of them is waiting"), ratio > 0.9);
    // The thread also waits when no response does: while it sends.
    differences.holds(
        &format!("{of_pickups_ns} ns in pickups, {of_thread_ns} ns by schedstat"),
        of_pickups_ns <= of_thread_ns + of_thread_ns / 100 && of_pickups_ns > of_thread_ns / 10,
    );
    differences.finish(|| traced.story())
}

/// Data waits because the client sleeps: no CPU is missing.
#[test]
fn a_client_that_sleeps_on_its_data() -> Result<()> {
    let client = |at: &Target| turns(at, "2,6,late=50");
    let traced = check(&plain(), client, Turns::answered(12, 2), First::Certain)?;
    let ratio = figure!(traced.export, totals.requests.pickup_cpu_ratio)?;
    let mut differences = Differences::of("a sleeping client");
    differences.holds(&format!("{ratio} is waiting for a CPU"), ratio < 0.2);
    differences.finish(|| traced.story())
}
