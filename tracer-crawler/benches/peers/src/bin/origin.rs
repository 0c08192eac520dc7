//! Server of a site that is the same for all crawlers. Its pages are made beforehand, so that it takes little of the
//! machine that it shares with the crawlers.
//!
//! Prints its port and, when standard input ends, the number of connections and requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Number of links of a page to deeper pages (`DOWN`), and to pages that are already known (`UP`).
const DOWN: u64 = 10;
const UP: u64 = 10;
/// Size of a page's body.
const BODY_BYTES: usize = 8 * 1024;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let pages = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    let site: Arc<Vec<Vec<u8>>> = Arc::new((0..pages).map(|number| page(number, pages)).collect());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address").port());
    let requests = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&requests);
    let connections = Arc::new(AtomicU64::new(0));
    let opened = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            opened.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, Arc::clone(&site), Arc::clone(&counter)));
        }
    });
    let end = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    let _ = end.await;
    let (connections, requests) = (connections.load(Ordering::Relaxed), requests.load(Ordering::Relaxed));
    println!("{{\"connections\":{connections},\"requests\":{requests}}}");
}

async fn serve(mut stream: TcpStream, site: Arc<Vec<Vec<u8>>>, requests: Arc<AtomicU64>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(4096);
    loop {
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            requests.fetch_add(1, Ordering::Relaxed);
            let number = number(&buffer[..end]);
            let answer = number.and_then(|number| site.get(number)).map_or(NOT_FOUND, Vec::as_slice);
            if stream.write_all(answer).await.is_err() {
                return;
            }
            buffer.drain(..end + 4);
        }
    }
}

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n";

/// Number of the page in a request such as `GET /p/12 HTTP/1.1`; the first page is `/`.
fn number(head: &[u8]) -> Option<usize> {
    let path = head.split(|byte| *byte == b' ').nth(1)?;
    if path == b"/" {
        return Some(0);
    }
    let digits = path.strip_prefix(b"/p/")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn page(number: u64, pages: u64) -> Vec<u8> {
    let down = (0..DOWN).map(|link| number * DOWN + 1 + link).filter(|to| *to < pages);
    let up = (0..UP).map(|link| number / (link + 2));
    let mut body = format!("<!DOCTYPE html><html><head><title>Page {number}</title></head><body>\n");
    for to in down.chain(up) {
        body.push_str(&format!("<p class=\"item\"><a class=\"link\" href=\"/p/{to}\">Page {to}</a> &amp; more</p>\n"));
    }
    while body.len() < BODY_BYTES {
        body.push_str("<div class=\"text\"><span>Lorem ipsum dolor sit amet, consectetur</span> <b>adipiscing</b> elit.</div>\n");
    }
    body.push_str("</body></html>\n");
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}
