//! A client that works between its reads: data wait for it in the socket, and no time is idle.

use anyhow::Result;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::figure;
use tracer_tests::server::Script;
use tracer_tests::tracer::run;
use tracer_tests::turns::{self, Turns, median};

const REQUESTS: u64 = 4;
/// Greatest time between the last read of a response and the next request.
const AT_ONCE_NS: u64 = 10_000_000;

/// Reads responses of so many bytes in pieces; the socket has room for `held` bytes.
fn check(bytes: u64, piece: u64, held: u64) -> Result<()> {
    let server = Script::pages(&[])?;
    let numbers = [u64::from(server.port), REQUESTS, bytes, piece, held];
    let words = numbers.map(|number| number.to_string());
    let words = words.each_ref().map(String::as_str);
    let traced = run(&Client::python("slow_reader.py", &words)?)?;
    let read_ns = median(&traced.client_count()?["read_ns"])?;
    let export = &traced.export;
    let mut differences = Differences::of(format!("{bytes} bytes in pieces of {piece}"));
    differences.equal(
        "requests of the server",
        server.counted("request")?,
        REQUESTS,
    );
    export.compare_losses(&mut differences);
    let turns = Turns {
        requests: REQUESTS,
        connections: 1,
        failed: 0,
    };
    turns::compare(export, turns, &mut differences);
    compare!(
        &mut differences,
        export,
        totals.requests.slow_pickups = REQUESTS
    );
    let (pickup_ns, transfer_ns) = (
        figure!(export, Phase::Pickup.p50_ns)?,
        figure!(export, Phase::Transfer.p50_ns)?,
    );
    differences.holds(
        &format!(
            "a transfer of {transfer_ns} and a wait of {pickup_ns} ns are the client's {read_ns}"
        ),
        (transfer_ns + pickup_ns).abs_diff(read_ns) < read_ns / 10,
    );
    if held > bytes {
        differences.holds(
            &format!("all of it waited: {pickup_ns} of {read_ns} ns"),
            pickup_ns > read_ns / 2,
        );
    }
    for idle_ns in [
        figure!(export, Phase::Idle.max_ns)?,
        figure!(export, Phase::IdleAtClose.max_ns)?,
    ] {
        differences.holds(&format!("idle for {idle_ns} ns"), idle_ns < AT_ONCE_NS);
    }
    differences.finish(|| server.story(&traced))
}

/// The response is in the socket at once.
#[test]
fn a_response_that_the_socket_holds() -> Result<()> {
    check(400_000, 16_384, 16 << 20)
}

/// The server has to wait for the client.
#[test]
fn a_response_that_the_socket_does_not_hold() -> Result<()> {
    check(8_000_000, 262_144, 0)
}
