//! Listing a network namespace with 30,000 sockets in TIME_WAIT: the goal is 15 ms. Needs root, for a namespace of its own.

use std::{
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

#[expect(
    dead_code,
    unused_imports,
    reason = "of the real source only the listing is measured"
)]
#[path = "../src/source/kernel"]
mod kernel {
    pub(crate) mod diag;
}

use kernel::diag::{Detail, Diag, StateMask};

const SOCKETS: usize = 30_000;
/// Destinations; each has fewer sockets than there are local ports.
const DESTINATIONS: usize = 3;
const LISTINGS: usize = 50;

fn main() -> ExitCode {
    // `cargo test` runs benches to see that they run.
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS;
    }
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("diag: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Box<dyn std::error::Error>> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)?;
    Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status()?;
    let waiting = StateMask::TIME_WAIT;
    let mut diag = Diag::open()?;
    for _ in 0..DESTINATIONS {
        fill(SOCKETS / DESTINATIONS)?;
    }
    let mut times = Vec::new();
    for _ in 0..LISTINGS {
        let begun = Instant::now();
        let found = diag.snapshot(waiting, Detail::Plain)?.len();
        times.push(begun.elapsed());
        if found < SOCKETS {
            return Err(format!("{found} sockets in TIME_WAIT, expected {SOCKETS}").into());
        }
    }
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (least, median, most) = (times[0], times[LISTINGS / 2], times[LISTINGS - 1]);
    println!(
        "inet_diag, {SOCKETS} sockets in TIME_WAIT: median {:.1} ms ({:.1}..{:.1})",
        ms(median),
        ms(least),
        ms(most)
    );
    Ok(())
}

/// Connections to one destination, each closed by the client first.
fn fill(count: usize) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address: SocketAddr = listener.local_addr()?;
    for _ in 0..count {
        let client = TcpStream::connect(address)?;
        let (server, _) = listener.accept()?;
        client.shutdown(Shutdown::Write)?;
        drop(server);
    }
    Ok(())
}
