//! Proxies: HTTP CONNECT (RFC 9110 section 9.3.6) and SOCKS 5 (RFC 1928, RFC 1929).
//!
//! hyper-util has clients for both (`client::legacy::connect::proxy`, compared at version 0.1.21). They are not used,
//! because they do less than what the crawler needs:
//!
//! - `Tunnel` accepts only status 200, although any 2xx opens a tunnel, and does not tell which other status came. The
//!   crawler's error names it, since 403, 407 and 502 call for different remedies.
//! - `Tunnel` and `SocksV5` read more than the proxy's answer and drop the rest, which is the beginning of what the
//!   server says. Here the answer is read to its last byte and no further.
//! - `SocksV5` with credentials offers the proxy only the method with user and password, so a proxy that wants none
//!   refuses. It collects all its messages in a buffer of 262 bytes, and so fails for a long name with long
//!   credentials. A code of failure that the RFC does not list becomes an error of parsing.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tracer_text::glob::Globs;
use url::Url;

use super::origin::Origin;
pub use crate::credentials::Credentials;
use crate::outcome::Failure;

/// Protocol of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTTP: CONNECT for https, the absolute form for http.
    Http,
    /// SOCKS 5: a tunnel for both schemes; the proxy looks names up.
    Socks5,
}

/// Proxy for the crawl's requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Proxy {
    /// Protocol of the proxy.
    pub kind: Kind,
    /// Host of the proxy, looked up by the crawler.
    pub host: Box<str>,
    /// Port of the proxy.
    pub port: u16,
    /// Credentials to log in with.
    pub credentials: Option<Credentials>,
    /// Patterns (`*` and `?`) of hosts that are reached without the proxy.
    pub bypass: Globs,
}

/// The address of a proxy is not valid.
#[derive(Debug, thiserror::Error)]
#[error(
    "proxy {got:?}; expected http://HOST:PORT or socks5://HOST:PORT, with credentials in a file or the environment"
)]
pub struct ProxyError {
    /// Address as given, without credentials.
    got: String,
}

/// Limit of the answer to CONNECT, in bytes.
const MAX_HEAD_BYTES: usize = 8 * 1024;

impl Proxy {
    /// Parses the proxy's URL. Credentials in the URL are used only if none are given.
    pub fn parse(text: &str, credentials: Option<Credentials>) -> Result<Self, ProxyError> {
        // The text may contain a password, so the error repeats only what follows it.
        let wrong = || ProxyError {
            got: text.rsplit('@').next().unwrap_or("").to_owned(),
        };
        let url = Url::parse(text).map_err(|_| wrong())?;
        let (kind, port) = match url.scheme() {
            "http" => (Kind::Http, 80),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            _ => return Err(wrong()),
        };
        let in_url = Credentials::of_url(&url);
        Ok(Self {
            kind,
            host: url.host_str().ok_or_else(wrong)?.into(),
            port: url.port().unwrap_or(port),
            credentials: credentials.or(in_url),
            bypass: Globs::default(),
        })
    }

    /// True if requests to `host` go through the proxy.
    pub fn serves(&self, host: &str) -> bool {
        !self.bypass.any_matches(host)
    }

    /// Opens a tunnel to `origin` over a connection to the proxy.
    pub(crate) async fn tunnel<S>(&self, origin: &Origin, stream: &mut S) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let tunnelled = match self.kind {
            Kind::Http => self.connect(origin, stream).await,
            Kind::Socks5 => self.socks(origin, stream).await,
        };
        tunnelled.map_err(|detail| Failure::Proxy {
            proxy: format!("{}:{}", self.host, self.port).into(),
            detail: detail.into(),
        })
    }

    async fn connect<S>(&self, origin: &Origin, stream: &mut S) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let authority = origin.authority();
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(authorization) = self.credentials.as_ref().map(Credentials::basic) {
            request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.map_err(say)?;
        let head = read_head(stream).await?;
        match status(&head) {
            Some(200..=299) => Ok(()),
            Some(407) => Err("status 407: it wants other credentials".to_owned()),
            Some(status) => Err(format!("status {status} to CONNECT")),
            None => Err("its answer to CONNECT is not HTTP".to_owned()),
        }
    }

    async fn socks<S>(&self, origin: &Origin, stream: &mut S) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // Version 5; methods: none (0), user and password (2).
        let methods: &[u8] = if self.credentials.is_some() {
            &[5, 2, 0, 2]
        } else {
            &[5, 1, 0]
        };
        stream.write_all(methods).await.map_err(say)?;
        match read::<2, S>(stream).await? {
            [5, 0] => {}
            [5, 2] => self.log_in(stream).await?,
            [5, 0xff] => return Err("no way to log in that both know".to_owned()),
            _ => return Err("not a SOCKS 5 proxy".to_owned()),
        }
        stream
            .write_all(&socks_request(origin)?)
            .await
            .map_err(say)?;
        let [version, reply, _, form] = read::<4, S>(stream).await?;
        if version != 5 {
            return Err("not a SOCKS 5 proxy".to_owned());
        }
        if reply != 0 {
            return Err(socks_reply(reply).to_owned());
        }
        // The bound address is not needed, but has to be read.
        let length = match form {
            1 => 4,
            4 => 16,
            3 => usize::from(read::<1, S>(stream).await?[0]),
            _ => return Err("an address of unknown form".to_owned()),
        };
        let mut rest = vec![0; length + 2];
        stream.read_exact(&mut rest).await.map_err(say)?;
        Ok(())
    }

    async fn log_in<S>(&self, stream: &mut S) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(Credentials { user, password }) = &self.credentials else {
            return Err("it wants credentials".to_owned());
        };
        let mut message = vec![1];
        for part in [user, password] {
            let length =
                u8::try_from(part.len()).map_err(|_| "credentials of more than 255 bytes")?;
            message.push(length);
            message.extend_from_slice(part.as_bytes());
        }
        stream.write_all(&message).await.map_err(say)?;
        match read::<2, S>(stream).await? {
            [_, 0] => Ok(()),
            _ => Err("it wants other credentials".to_owned()),
        }
    }
}

fn say(error: std::io::Error) -> String {
    error.to_string()
}

async fn read<const N: usize, S: AsyncRead + Unpin>(stream: &mut S) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(say)?;
    Ok(bytes)
}

/// Reads the head byte by byte, so that no byte of the tunnel is consumed. The answer is short and comes once per
/// connection.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD_BYTES {
            return Err(format!(
                "its answer to CONNECT has no end in {MAX_HEAD_BYTES} bytes"
            ));
        }
        head.push(stream.read_u8().await.map_err(say)?);
    }
    Ok(head)
}

fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    let digits = rest.get(2..5)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn socks_request(origin: &Origin) -> Result<Vec<u8>, String> {
    let mut request = vec![5, 1, 0];
    match origin.bare_host().parse() {
        Ok(std::net::IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Ok(std::net::IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Err(_) => {
            let length =
                u8::try_from(origin.host.len()).map_err(|_| "a name of more than 255 bytes")?;
            request.extend([3, length]);
            request.extend(origin.host.bytes());
        }
    }
    request.extend(origin.port.to_be_bytes());
    Ok(request)
}

/// Meaning of a reply code (RFC 1928 section 6).
fn socks_reply(reply: u8) -> &'static str {
    match reply {
        1 => "it failed",
        2 => "its rules forbid this connection",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address form not supported",
        _ => "refused for an unknown reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let proxy = Proxy::parse("http://u:p%40ss@proxy.example:3128", None).unwrap();
        assert_eq!(
            (proxy.kind, &*proxy.host, proxy.port),
            (Kind::Http, "proxy.example", 3128)
        );
        assert_eq!(proxy.credentials.as_ref().unwrap().password, "p@ss");
        assert!(!format!("{proxy:?}").contains("p@ss"));
        assert_eq!(Proxy::parse("socks5://h", None).unwrap().port, 1080);
        let error = Proxy::parse("ftp://user:hunter2@h", None)
            .unwrap_err()
            .to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    /// Opens a tunnel to `name` through a proxy that expects each message and sends the answer beside it. Gives the
    /// result, and what came through the tunnel.
    async fn tunnel(
        proxy: &str,
        name: &str,
        dialogue: Vec<(Vec<u8>, &[u8])>,
    ) -> (Result<(), Failure>, Vec<u8>) {
        let proxy = Proxy::parse(proxy, None).unwrap();
        let origin = Origin::of(&format!("https://{name}/").parse().unwrap()).unwrap();
        let (mut ours, mut theirs) = tokio::io::duplex(64 << 10);
        let answers = async move {
            for (expected, answer) in dialogue {
                let mut got = vec![0; expected.len()];
                theirs.read_exact(&mut got).await.unwrap();
                assert_eq!(got, expected);
                theirs.write_all(answer).await.unwrap();
            }
        };
        let (result, ()) = tokio::join!(proxy.tunnel(&origin, &mut ours), answers);
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).await.unwrap();
        (result, rest)
    }

    const TO_SIX: &[u8] = b"CONNECT [fd00::1]:443 HTTP/1.1\r\nHost: [fd00::1]:443\r\n\r\n";

    #[tokio::test]
    async fn what_the_server_says_first_stays_in_the_tunnel() {
        let answer = b"HTTP/1.1 204 So\r\nVia: x\r\n\r\nserver".as_slice();
        let (result, rest) = tunnel("http://h", "[fd00::1]", vec![(TO_SIX.into(), answer)]).await;
        assert_eq!(
            (result.is_ok(), rest.as_slice()),
            (true, b"server".as_slice())
        );
        let dialogue = vec![
            (vec![5, 1, 0], [5, 0].as_slice()),
            (
                [&[5, 1, 0, 3, 1, b'a'][..], &443_u16.to_be_bytes()].concat(),
                &[5, 0, 0, 3, 1, b'x', 0, 0, b's', b'e'],
            ),
        ];
        let (result, rest) = tunnel("socks5://h", "a", dialogue).await;
        assert_eq!((result.is_ok(), rest.as_slice()), (true, b"se".as_slice()));
    }

    #[tokio::test]
    async fn a_refusal_names_its_status_or_code() {
        for (answer, expected) in [
            (b"HTTP/1.1 403 No\r\n\r\n".as_slice(), "status 403"),
            (b"HTTP/1.1 502 No\r\n\r\n", "status 502"),
            (b"HTTP/1.1 407 No\r\n\r\n", "other credentials"),
            (b"SSH-2.0-x\r\n\r\n", "not HTTP"),
            (b"HTTP/1.1 200", "end of file"),
        ] {
            let (result, _) = tunnel("http://h", "[fd00::1]", vec![(TO_SIX.into(), answer)]).await;
            let message = result.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[tokio::test]
    async fn socks_takes_long_credentials_and_proxies_that_want_none() {
        let (user, name) = ("u".repeat(255), format!("{}.example", "n".repeat(60)));
        let proxy = format!("socks5://{user}:{user}@h");
        let login = [&[1, 255], user.as_bytes(), &[255], user.as_bytes()].concat();
        let request = [&[5, 1, 0, 3, 68], name.as_bytes(), &443_u16.to_be_bytes()].concat();
        let unlisted = [5, 200, 0, 1, 0, 0, 0, 0, 0, 0].as_slice();
        let methods = vec![5, 2, 0, 2];
        let asked = vec![
            (methods.clone(), [5, 2].as_slice()),
            (login, &[1, 0]),
            (request.clone(), unlisted),
        ];
        let not_asked = vec![(methods, [5, 0].as_slice()), (request, unlisted)];
        for dialogue in [asked, not_asked] {
            let (result, _) = tunnel(&proxy, &name, dialogue).await;
            let message = result.unwrap_err().to_string();
            assert!(message.contains("unknown reason"), "{message}");
        }
    }

    #[test]
    fn bypass() {
        let mut proxy = Proxy::parse("http://h", None).unwrap();
        proxy.bypass = Globs::new(["*.local", "10.0.0.?"]);
        for (host, served) in [
            ("a.local", false),
            ("A.LOCAL", false),
            ("local", true),
            ("10.0.0.1", false),
            ("10.0.0.11", true),
        ] {
            assert_eq!(proxy.serves(host), served, "{host}");
        }
    }
}
