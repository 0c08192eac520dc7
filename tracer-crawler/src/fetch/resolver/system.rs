//! Resolver that calls the C library's getaddrinfo on tokio's blocking threads. It honours the hosts file and nsswitch,
//! and has no cache.

use std::io;
use std::time::Duration;

use super::{Addresses, Family};
use crate::outcome::NoAddress;

/// Look-ups by the C library.
#[derive(Debug, Clone, Copy)]
pub struct System {
    /// Address families used.
    pub family: Family,
    /// Timeout of one look-up.
    pub timeout: Duration,
}

impl System {
    /// Addresses of `name`.
    pub async fn resolve(&self, name: &str) -> Addresses {
        let lookup = tokio::net::lookup_host((name, 0));
        let found = match tokio::time::timeout(self.timeout, lookup).await {
            Err(_) => return Err(NoAddress::Timeout),
            Ok(Err(error)) => return Err(reason(&error)),
            Ok(Ok(found)) => found,
        };
        let addresses: Vec<_> = found
            .map(|address| address.ip())
            .filter(|address| self.family.holds(*address))
            .collect();
        if addresses.is_empty() {
            return Err(NoAddress::NoRecord);
        }
        Ok(addresses.into())
    }
}

/// Classifies an error of getaddrinfo by its text (glibc, musl), because the error does not carry the code.
fn reason(error: &io::Error) -> NoAddress {
    let text = error.to_string();
    let says = |part: &str| text.contains(part);
    if says("Name or service not known") || says("Name does not resolve") {
        NoAddress::NotFound
    } else if says("No address associated") || says("Name has no usable address") {
        NoAddress::NoRecord
    } else if says("Temporary failure") || says("Try again") {
        NoAddress::Server
    } else {
        NoAddress::Other(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_c_libraries() {
        for (text, expected) in [
            (
                "failed to lookup address information: Name or service not known",
                NoAddress::NotFound,
            ),
            (
                "failed to lookup address information: Name does not resolve",
                NoAddress::NotFound,
            ),
            (
                "failed to lookup address information: No address associated with hostname",
                NoAddress::NoRecord,
            ),
            (
                "failed to lookup address information: Temporary failure in name resolution",
                NoAddress::Server,
            ),
        ] {
            assert_eq!(reason(&io::Error::other(text)), expected);
        }
        assert!(matches!(
            reason(&io::Error::other("?")),
            NoAddress::Other(_)
        ));
    }

    #[tokio::test]
    async fn localhost_is_in_the_hosts_file() {
        let system = System {
            family: Family::V4,
            timeout: Duration::from_secs(10),
        };
        let answer = system.resolve("localhost").await.unwrap();
        assert_eq!(answer[..], [std::net::IpAddr::from([127, 0, 0, 1])]);
    }
}
