//! Client with many short connections: `short_connections CLIENTS COUNT PORT [REQUESTS [HOSTS]]`.
//!
//! CLIENTS threads together open COUNT connections to the addresses 127.0.0.1 to 127.0.0.8, send
//! REQUESTS (1) on each, the next when the last is answered, and read to the end. Several addresses, because one has only as many local
//! ports as ip_local_port_range. With HOSTS the last request of each names one of so many hosts. Prints its count.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};

const ADDRESSES: u64 = 8;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [clients, count, port, more @ ..] = arguments.as_slice() else {
        bail!("short_connections CLIENTS COUNT PORT [REQUESTS [HOSTS]]");
    };
    let (clients, count, port): (u64, u64, u16) = (clients.parse()?, count.parse()?, port.parse()?);
    let requests: u64 = more.first().map_or(Ok(1), |requests| requests.parse())?;
    let hosts: Option<u64> = more.get(1).map(|hosts| hosts.parse()).transpose()?;
    let (next, done, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let outcome = if visit(number, port, requests, hosts).is_ok() {
                        &done
                    } else {
                        &failed
                    };
                    outcome.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (done, failed) = (done.into_inner(), failed.into_inner());
    let answered = done * requests;
    println!(r#"{{"requests":{answered},"connections":{done},"failed":{failed}}}"#);
    Ok(())
}

/// The end of every page of the test's nginx.
const END: &[u8] = b"</title>\n";

fn visit(number: u64, port: u16, requests: u64, hosts: Option<u64>) -> Result<()> {
    let last = u8::try_from(1 + number % ADDRESSES)?;
    let mut stream = TcpStream::connect((Ipv4Addr::new(127, 0, 0, last), port))?;
    let mut page = [0; 4096];
    for _ in 1..requests {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")?;
        let length = stream.read(&mut page)?;
        if !page.get(..length).is_some_and(|page| page.ends_with(END)) {
            bail!("a page in pieces");
        }
    }
    let host = hosts.map_or(String::new(), |hosts| {
        format!("Host: host-{:05}.test\r\n", number % hosts)
    });
    stream.write_all(format!("GET / HTTP/1.0\r\n{host}\r\n").as_bytes())?;
    while stream.read(&mut page)? > 0 {}
    Ok(())
}
