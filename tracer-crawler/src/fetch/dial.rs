//! Opens TCP connections by Happy Eyeballs (RFC 8305): tries addresses of both families in turn, each with a head start
//! over the next.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::outcome::Failure;

/// Options of TCP connections.
#[derive(Debug, Clone, Copy)]
pub struct TcpOptions {
    /// Head start of an address before the next one is tried as well.
    pub head_start: Duration,
    /// Sets TCP_NODELAY.
    pub nodelay: bool,
    /// Local address to connect from.
    pub local: Option<IpAddr>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            head_start: Duration::from_millis(250),
            nodelay: true,
            local: None,
        }
    }
}

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Race between several addresses. Attempts that lose are dropped, which closes their sockets.
struct Race {
    rest: std::vec::IntoIter<SocketAddr>,
    running: Vec<(SocketAddr, Attempt)>,
    next: Pin<Box<Sleep>>,
    options: TcpOptions,
    failed: Option<Failure>,
}

/// Connects to one of `addresses`, which must not be empty. The error is that of the last failed attempt.
pub(crate) async fn connect(
    addresses: &[IpAddr],
    port: u16,
    options: TcpOptions,
) -> Result<TcpStream, Failure> {
    let stream = match addresses {
        // A single address needs no race.
        [one] => {
            let address = SocketAddr::new(*one, port);
            attempt(address, options)
                .await
                .map_err(|error| Failure::of_connect(address, error))?
        }
        many => race(in_turn(many, port), options).await?,
    };
    if options.nodelay
        && let Err(error) = stream.set_nodelay(true)
    {
        // The peer may have closed already; the first write reports that.
        tracing::trace!(%error, "TCP_NODELAY");
    }
    Ok(stream)
}

async fn race(addresses: Vec<SocketAddr>, options: TcpOptions) -> Result<TcpStream, Failure> {
    let mut race = Race {
        rest: addresses.into_iter(),
        running: Vec::new(),
        next: Box::pin(sleep_until(Instant::now())),
        options,
        failed: None,
    };
    race.start();
    std::future::poll_fn(|context| race.poll(context)).await
}

impl Race {
    /// Starts an attempt with the next address; false if there is none.
    fn start(&mut self) -> bool {
        let Some(address) = self.rest.next() else {
            return false;
        };
        let attempt = attempt(address, self.options);
        self.running.push((address, Box::pin(attempt)));
        self.next
            .as_mut()
            .reset(Instant::now() + self.options.head_start);
        true
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<TcpStream, Failure>> {
        loop {
            if let Some(stream) = self.poll_running(context) {
                return Poll::Ready(Ok(stream));
            }
            let nobody = self.running.is_empty();
            // After a failure the next attempt starts without waiting for the head start (section 5).
            if nobody && self.start() {
                continue;
            }
            if nobody {
                return Poll::Ready(Err(self.failed.take().unwrap_or_else(no_address)));
            }
            if self.rest.len() == 0 || self.next.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.start();
        }
    }

    fn poll_running(&mut self, context: &mut Context<'_>) -> Option<TcpStream> {
        let mut index = 0;
        while let Some((address, attempt)) = self.running.get_mut(index) {
            match attempt.as_mut().poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(Ok(stream)) => return Some(stream),
                Poll::Ready(Err(error)) => {
                    self.failed = Some(Failure::of_connect(*address, error));
                    drop(self.running.swap_remove(index));
                    // After a failure the next attempt starts at once.
                    if self.start() {
                        index = 0;
                    }
                }
            }
        }
        None
    }
}

fn no_address() -> Failure {
    Failure::Dns {
        name: "".into(),
        reason: crate::outcome::NoAddress::NoRecord,
    }
}

async fn attempt(address: SocketAddr, options: TcpOptions) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(local) = options
        .local
        .filter(|local| local.is_ipv4() == address.is_ipv4())
    {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    socket.connect(address).await
}

/// Orders addresses IPv6 first, then alternating (section 4), each family in the resolver's order.
fn in_turn(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    let family = |v6: bool| {
        addresses
            .iter()
            .filter(move |address| address.is_ipv6() == v6)
    };
    let (mut sixes, mut fours) = (family(true), family(false));
    let mut ordered: Vec<&IpAddr> = Vec::with_capacity(addresses.len());
    while ordered.len() < addresses.len() {
        ordered.extend(sixes.next());
        ordered.extend(fours.next());
    }
    ordered
        .into_iter()
        .map(|address| SocketAddr::new(*address, port))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Class;
    use tokio::net::TcpListener;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_take_turns() {
        let addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1"].map(ip);
        let order: Vec<_> = in_turn(&addresses, 1).iter().map(SocketAddr::ip).collect();
        assert_eq!(
            order,
            ["fd00::1", "10.0.0.1", "10.0.0.2", "10.0.0.3"].map(ip)
        );
    }

    /// A loopback port without a listener.
    async fn closed_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    }

    #[tokio::test]
    async fn a_refusal_goes_on_to_the_next_at_once() {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = TcpOptions {
            head_start: Duration::from_secs(3600),
            ..TcpOptions::default()
        };
        let addresses = ["127.0.0.1", "127.0.0.2"].map(ip);
        let stream = connect(&addresses, port, options).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().ip(), ip("127.0.0.2"));
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test]
    async fn one_that_does_not_answer_loses_to_the_next() {
        // A full accept queue drops SYNs, which looks like a black hole.
        let silent = TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.3:0".parse().unwrap()).unwrap();
        let silent = silent.listen(1).unwrap();
        let address = silent.local_addr().unwrap();
        let mut fillers = Vec::new();
        for _ in 0..4 {
            fillers.push(tokio::spawn(TcpStream::connect(address)));
        }
        let good = TcpListener::bind(("127.0.0.4", address.port()))
            .await
            .unwrap();
        let options = TcpOptions {
            head_start: Duration::from_millis(50),
            ..TcpOptions::default()
        };
        let addresses = ["127.0.0.3", "127.0.0.4"].map(ip);
        // The silent server wins until its queue is full.
        loop {
            let stream = connect(&addresses, address.port(), options).await.unwrap();
            if stream.peer_addr().unwrap() == good.local_addr().unwrap() {
                break;
            }
            fillers.push(tokio::spawn(async move { Ok(stream) }));
        }
        fillers.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn when_all_refuse_the_failure_says_so() {
        let port = closed_port().await;
        for addresses in [
            &["127.0.0.1"].map(ip)[..],
            &["127.0.0.1", "127.0.0.2"].map(ip),
        ] {
            let failure = connect(addresses, port, TcpOptions::default())
                .await
                .unwrap_err();
            assert_eq!(failure.class(), Class::ConnectRefused);
        }
    }

    #[tokio::test]
    async fn the_local_address_is_used() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = TcpOptions {
            local: Some(ip("127.0.0.9")),
            nodelay: false,
            ..TcpOptions::default()
        };
        let port = listener.local_addr().unwrap().port();
        let stream = connect(&[ip("127.0.0.1")], port, options).await.unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), ip("127.0.0.9"));
        assert!(!stream.nodelay().unwrap());
    }
}
