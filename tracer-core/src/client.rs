//! Recognition of the HTTP client that a process uses, from its program and from what it sends.

use crate::tls::ClientHello;

/// HTTP client with settings of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Client {
    /// Go's net/http.
    Go,
    /// Python's requests, and urllib3 below it.
    Requests,
    /// Python's aiohttp.
    Aiohttp,
    /// Python's httpx.
    Httpx,
    /// Scrapy.
    Scrapy,
    /// Rust's reqwest, and hyper below it.
    Reqwest,
    /// Java's java.net.http.HttpClient.
    Java,
    /// undici, which is also fetch() of Node.
    Undici,
    /// http.Agent and https.Agent of Node.
    Node,
    /// curl and libcurl.
    Curl,
    /// Any other client.
    Unknown,
}

impl Client {
    /// Every client, [`Self::Unknown`] last.
    pub const ALL: [Self; 11] = [
        Self::Go,
        Self::Requests,
        Self::Aiohttp,
        Self::Httpx,
        Self::Scrapy,
        Self::Reqwest,
        Self::Java,
        Self::Undici,
        Self::Node,
        Self::Curl,
        Self::Unknown,
    ];

    /// Name for people and in the export; stable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Go => "Go net/http",
            Self::Requests => "requests/urllib3",
            Self::Aiohttp => "aiohttp",
            Self::Httpx => "httpx",
            Self::Scrapy => "Scrapy",
            Self::Reqwest => "reqwest/hyper",
            Self::Java => "Java HttpClient",
            Self::Undici => "undici",
            Self::Node => "Node http.Agent",
            Self::Curl => "curl",
            Self::Unknown => "unknown",
        }
    }
}

/// Sign of a client in what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The client names itself in a User-Agent field.
    Named(Client),
    /// The ClientHello has the form that the client's TLS library gives it.
    Shaped(Client),
}

/// Beginnings of User-Agent fields. Scrapy and aiohttp write theirs behind another name, or in another case.
const AGENTS: [(&str, Client); 10] = [
    ("go-http-client/", Client::Go),
    ("python-requests/", Client::Requests),
    ("python-urllib3/", Client::Requests),
    ("python-httpx/", Client::Httpx),
    ("scrapy/", Client::Scrapy),
    ("java-http-client/", Client::Java),
    ("undici", Client::Undici),
    ("curl/", Client::Curl),
    ("libcurl/", Client::Curl),
    ("node", Client::Undici),
];

impl Sign {
    /// Client that names itself in a User-Agent field (RFC 9110 10.1.5). A program that was given another name says
    /// nothing of its client.
    pub fn of_agent(agent: &[u8]) -> Option<Self> {
        let agent = agent.to_ascii_lowercase();
        let begins = |(name, _): &&(&str, Client)| agent.starts_with(name.as_bytes());
        let named = AGENTS.iter().find(begins).map(|(_, client)| *client);
        let is_aiohttp = || agent.windows(8).any(|part| part == b"aiohttp/");
        named
            .or_else(|| is_aiohttp().then_some(Client::Aiohttp))
            .map(Self::Named)
    }

    /// Client whose TLS library writes such a ClientHello.
    pub fn of_hello(hello: &ClientHello) -> Option<Self> {
        match *hello.first_suites {
            // crypto/tls of Go appends the suites of TLS 1.3, of which all others begin with one.
            [first, ..] if !is_13(first) && hello.has_13_suites => Some(Self::Shaped(Client::Go)),
            // rustls offers ten suites in this order, and others that begin like it offer many more.
            [0x1302, 0x1301, 0x1303] if hello.suites <= 10 => Some(Self::Shaped(Client::Reqwest)),
            _ => None,
        }
    }
}

/// True for a cipher suite of TLS 1.3 (RFC 8446 B.4).
pub(crate) fn is_13(suite: u16) -> bool {
    suite >> 8 == 0x13
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_name_themselves() {
        #[track_caller]
        fn check(agent: &str, expected: Option<Client>) {
            assert_eq!(Sign::of_agent(agent.as_bytes()), expected.map(Sign::Named));
        }
        check("Go-http-client/1.1", Some(Client::Go));
        check("python-requests/2.34.2", Some(Client::Requests));
        check("Python/3.13 aiohttp/3.14.3", Some(Client::Aiohttp));
        check("python-httpx/0.28.1", Some(Client::Httpx));
        check("Java-http-client/21.0.2", Some(Client::Java));
        check("curl/8.22.0", Some(Client::Curl));
        check("Mozilla/5.0 (compatible; examplebot/1.0)", None);
        check("", None);
    }
}
