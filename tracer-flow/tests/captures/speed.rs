//! Speed of the driver, which the test prints: `cargo test --release -p tracer-flow --test captures speed -- --nocapture`.

use std::time::{Duration, Instant};

use crate::play::driver;
use crate::truth::captures;

const LONG_ENOUGH: Duration = Duration::from_millis(500);

#[test]
fn speed() {
    let captures = captures();
    let (mut connections, mut segments) = (0u64, 0u64);
    let begun = Instant::now();
    while begun.elapsed() < LONG_ENOUGH {
        for connection in captures.iter().flat_map(|capture| &capture.connections) {
            let driver = driver(connection, &connection.data);
            assert!(connection.data.is_empty() || !driver.reports().is_empty());
            connections += 1;
            segments += connection.data.len() as u64;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{:.0} connections/s, {:.0} segments/s",
        connections as f64 / seconds,
        segments as f64 / seconds
    );
}
