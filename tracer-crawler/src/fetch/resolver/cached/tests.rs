use super::*;
use std::sync::atomic::AtomicUsize;
use tokio::net::UdpSocket;

/// DNS server that answers A queries by the first label of the name, after a moment, and counts them.
struct Server {
    address: SocketAddr,
    queries: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Starts the server; `ttl_s` is the TTL of its answers and of the SOA in negative ones.
    async fn start(ttl_s: u32) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let queries = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&queries);
        let task = tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                if let Some(answer) = answer(&buffer[..length], ttl_s) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Self {
            address,
            queries,
            task,
        }
    }

    fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }

    fn resolver(&self, change: impl FnOnce(&mut CachedOptions)) -> Arc<Cached> {
        let mut options = CachedOptions {
            servers: vec![self.address],
            family: Family::V4,
            ..CachedOptions::default()
        };
        change(&mut options);
        Cached::new(options).unwrap()
    }
}

/// Answer to a query (RFC 1035 section 4.1): header, question as asked, one record.
fn answer(query: &[u8], ttl_s: u32) -> Option<Vec<u8>> {
    let name_end = 12 + query[12..].iter().position(|byte| *byte == 0)? + 1;
    let question = &query[12..name_end + 4];
    let label = &query[13..13 + usize::from(query[12])];
    let (code, answers, authorities) = match label {
        b"silent" => return None,
        b"gone" => (3, 0, 1),
        b"broken" => (2, 0, 0),
        _ => (0, 1, 0),
    };
    let mut message = query[..2].to_vec();
    message.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, authorities, 0, 0]);
    message.extend_from_slice(question);
    if answers == 1 {
        message.extend([0xc0, 12, 0, 1, 0, 1]);
        message.extend(ttl_s.to_be_bytes());
        message.extend([0, 4, 127, 0, 0, 9]);
    }
    if authorities == 1 {
        // The SOA's names are the root, one zero byte each.
        message.extend([0, 0, 6, 0, 1]);
        message.extend(ttl_s.to_be_bytes());
        message.extend([0, 22, 0, 0]);
        for number in [1, 1, 1, 1, ttl_s] {
            message.extend(number.to_be_bytes());
        }
    }
    Some(message)
}

#[tokio::test]
async fn an_answer_counts_as_long_as_its_ttl() {
    let server = Server::start(1).await;
    let resolver = server.resolver(|_| ());
    for _ in 0..5 {
        let answer = resolver.resolve("here.test").await.unwrap();
        assert_eq!(answer[..], [IpAddr::from([127, 0, 0, 9])]);
    }
    assert_eq!(server.queries(), 1);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    resolver.resolve("here.test").await.unwrap();
    assert_eq!(server.queries(), 2);
    let figures = resolver.figures();
    assert_eq!((figures.lookups, figures.hits), (2, 4));
}

#[tokio::test]
async fn the_longest_ttl_is_ours() {
    let server = Server::start(86_400).await;
    let resolver = server.resolver(|options| options.max_ttl = Duration::ZERO);
    resolver.resolve("here.test").await.unwrap();
    resolver.resolve("here.test").await.unwrap();
    assert_eq!(server.queries(), 2);
}

#[tokio::test]
async fn a_name_that_is_not_there_is_remembered_too() {
    let server = Server::start(600).await;
    let resolver = server.resolver(|_| ());
    for _ in 0..3 {
        assert_eq!(
            resolver.resolve("gone.test").await,
            Err(NoAddress::NotFound)
        );
    }
    assert_eq!(server.queries(), 1);
    assert_eq!(resolver.figures().negative_hits, 2);
}

#[tokio::test]
async fn a_server_that_fails_is_asked_again() {
    let server = Server::start(600).await;
    let resolver = server.resolver(|_| ());
    assert_eq!(
        resolver.resolve("broken.test").await,
        Err(NoAddress::Server)
    );
    let before = server.queries();
    assert_eq!(
        resolver.resolve("broken.test").await,
        Err(NoAddress::Server)
    );
    assert!(server.queries() > before);
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let server = Server::start(600).await;
    let resolver = server.resolver(|options| options.timeout = Duration::from_millis(100));
    assert_eq!(
        resolver.resolve("silent.test").await,
        Err(NoAddress::Timeout)
    );
}

#[tokio::test]
async fn many_who_ask_at_once_ask_once() {
    let server = Server::start(600).await;
    let resolver = server.resolver(|_| ());
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let resolver = Arc::clone(&resolver);
        all.spawn(async move { resolver.resolve("here.test").await.unwrap() });
    }
    all.join_all().await;
    assert_eq!(server.queries(), 1);
    assert_eq!(resolver.figures().joined, 49);
}

#[tokio::test]
async fn he_who_asked_first_may_leave() {
    let server = Server::start(600).await;
    let resolver = server.resolver(|_| ());
    let first = resolver.resolve("here.test");
    assert!(
        tokio::time::timeout(Duration::from_millis(1), first)
            .await
            .is_err()
    );
    resolver.resolve("here.test").await.unwrap();
    assert_eq!(server.queries(), 1);
}

#[tokio::test]
async fn names_are_looked_up_ahead() {
    let server = Server::start(600).await;
    let resolver = server.resolver(|options| options.prewarm = 2);
    for name in ["a.test", "b.test", "c.test", "127.0.0.1", "[::1]"] {
        resolver.prewarm(name);
    }
    resolver.resolve("a.test").await.unwrap();
    resolver.resolve("b.test").await.unwrap();
    assert_eq!(server.queries(), 2, "two at once, and no addresses");
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let server = Server::start(600).await;
    let resolver = server.resolver(|options| options.max_entries = 10);
    for number in 0..40 {
        resolver.resolve(&format!("n{number}.test")).await.unwrap();
    }
    assert!(resolver.lock().len() <= 10);
}
