//! Tests of the server with an engine that is played by the test.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use tokio::time::Instant;
use tracer_core::snapshot::Snapshot;
use tracer_crawler::endpoint::{Reply, StatusCode};

use super::{desk::Supply, *};
use crate::{
    sink::Results,
    trace::description::{Description, Machine},
};

/// Results of a window that began at `started_ns`, with a number of requests.
fn results(started_ns: u64, requests: u64) -> Results {
    let mut snapshot = Snapshot::default();
    Arc::make_mut(&mut snapshot.totals).requests.count = requests;
    let about = Description {
        machine: Machine::this(),
        started_at: SystemTime::UNIX_EPOCH,
        started_ns,
        as_of_ns: started_ns,
        filter: Default::default(),
        command: None,
        command_cpu: None,
        http2: None,
    };
    Results::new(snapshot, &about, &[])
}

fn said(results: &Results) -> String {
    results.snapshot.totals.requests.count.to_string()
}

fn routes(windows: &Arc<Mutex<Vec<String>>>) -> Vec<Route> {
    let windows = Arc::clone(windows);
    let take = move |results: &Results| windows.lock().unwrap().push(said(results));
    let count = |_: &_, moment: &desk::Moment| Reply::text(StatusCode::OK, &said(&moment.results));
    let new = Route::new("/new", "new figures", count).with_new_results();
    let latest = Route::new("/latest", "known figures", count);
    vec![new.taking_windows(take), latest]
}

fn start(windows: &Arc<Mutex<Vec<String>>>) -> (SocketAddr, Served, Supply) {
    let loopback = ([127, 0, 0, 1], 0).into();
    let serving = Serving::bind(loopback, routes(windows)).unwrap();
    let address = serving.address().unwrap();
    let (supply, demand) = desk::open(results(1, 0));
    (address, serving.start(demand).unwrap(), supply)
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let text = format!("{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn results_are_made_when_somebody_asks() {
    let windows = Arc::default();
    let (address, served, mut supply) = start(&windows);
    let asking = std::thread::spawn(move || ask(address, "GET /new?x=1"));
    // The engine waits for the request, however long it takes, and answers it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        while !asking.is_finished() {
            let asked = supply.asked();
            let turn = std::time::Duration::from_millis(5);
            if tokio::time::timeout(turn, asked).await.is_ok() {
                supply.publish(results(1, 7), Instant::now());
            }
        }
    });
    let answer = asking.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    // The results at the beginning may have been new enough.
    assert!(["0\n", "7\n"].contains(&body(&answer)), "{answer}");
    drop(served);
    assert!(
        TcpStream::connect(address).is_err(),
        "it ends with the trace"
    );
}

#[test]
fn the_end_and_windows_reach_the_routes() {
    let windows = Arc::default();
    let (address, _served, mut supply) = start(&windows);
    supply.end_window(results(1, 5));
    supply.end(results(2, 3));
    // After the end nobody answers requests for new results, and none waits.
    assert_eq!(body(&ask(address, "GET /new")), "3\n");
    assert_eq!(body(&ask(address, "GET /latest")), "3\n");
    assert_eq!(*windows.lock().unwrap(), ["5"]);
}

#[test]
fn routes_are_named_and_nothing_else_is_there() {
    let (address, _served, _supply) = start(&Arc::default());
    let index = ask(address, "GET /");
    assert!(index.starts_with("HTTP/1.1 200 OK\r\n"), "{index}");
    let expected = "tracer serves:\n/new  new figures\n/latest  known figures\n";
    assert_eq!(body(&index), expected);
    assert!(ask(address, "GET /else").starts_with("HTTP/1.1 404 "));
    assert!(ask(address, "POST /latest").starts_with("HTTP/1.1 405 "));
    assert_eq!(body(&ask(address, "HEAD /latest")), "");
}

#[test]
fn an_address_in_use_is_named() {
    let first = Serving::bind(([127, 0, 0, 1], 0).into(), Vec::new()).unwrap();
    let address = first.address().unwrap();
    let error = Serving::bind(address, Vec::new()).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {address}: ")),
        "{error}"
    );
}
