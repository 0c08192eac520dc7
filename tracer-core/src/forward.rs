//! Requests to a forward proxy on one connection (absolute form, RFC 9112 3.2.2): each may be for another host.

use std::{collections::VecDeque, net::SocketAddr};

use crate::{
    host::HostKey,
    tunnel::{Target, TargetHost},
};

/// Limit of the requests whose hosts wait for the report of their turn. Eight turns are reported together.
const WAITING: usize = 64;
/// Limit of the hosts for which it is known that the connection has carried a request to them.
const HOSTS: usize = 256;

/// Hosts of the requests of a connection.
#[derive(Debug, Default)]
pub struct Forwarded {
    /// Numbers of requests with their hosts, in rising order.
    waiting: VecDeque<(u32, HostKey)>,
    /// Hosts to which the connection has carried a request.
    seen: Vec<HostKey>,
}

impl Forwarded {
    /// Notes the target of a request.
    pub fn ask(&mut self, number: u32, target: &Target) {
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((number, key(target)));
    }

    /// Host of a request, if its bytes were seen. Those of earlier requests are forgotten.
    pub fn host(&mut self, number: u32) -> Option<HostKey> {
        while self
            .waiting
            .front()
            .is_some_and(|(first, _)| *first < number)
        {
            self.waiting.pop_front();
        }
        let (first, host) = self.waiting.front()?;
        (*first == number).then(|| host.clone())
    }

    /// Host of a request that waits for the report of its turn.
    pub fn known(&self, number: u32) -> Option<&HostKey> {
        let (_, host) = self.waiting.iter().find(|(asked, _)| *asked == number)?;
        Some(host)
    }

    /// True for the first request of the connection to a host.
    pub fn is_first_to(&mut self, host: &HostKey) -> bool {
        if self.seen.contains(host) {
            return false;
        }
        if self.seen.len() < HOSTS {
            self.seen.push(host.clone());
        }
        true
    }
}

fn key(target: &Target) -> HostKey {
    match &target.host {
        TargetHost::Address(address) => HostKey::address(SocketAddr::new(*address, target.port)),
        TargetHost::Name(name) => HostKey::http(name, target.port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::target;

    fn target(host: &str) -> Target {
        let line = format!("GET http://{host}/ HTTP/1.1");
        target::of_absolute(line.as_bytes()).unwrap()
    }

    #[test]
    fn hosts_by_number() {
        let mut forwarded = Forwarded::default();
        for (number, host) in [(1, "a.example"), (2, "b.example"), (4, "192.0.2.7")] {
            forwarded.ask(number, &target(host));
        }
        let name = |key: Option<HostKey>| key.map(|key| key.host.to_string());
        assert_eq!(name(forwarded.host(2)).as_deref(), Some("b.example"));
        // An open turn is looked at more than once.
        assert_eq!(name(forwarded.host(2)).as_deref(), Some("b.example"));
        assert_eq!(forwarded.known(4).map(|key| &*key.host), Some("192.0.2.7"));
        assert_eq!(forwarded.host(3), None);
        assert_eq!(name(forwarded.host(4)).as_deref(), Some("192.0.2.7"));
        assert_eq!(forwarded.host(5), None);
    }

    #[test]
    fn the_first_request_to_a_host() {
        let mut forwarded = Forwarded::default();
        let (a, b) = (key(&target("a.example")), key(&target("b.example")));
        let firsts = [&a, &b, &a, &b].map(|host| forwarded.is_first_to(host));
        assert_eq!(firsts, [true, true, false, false]);
    }
}
