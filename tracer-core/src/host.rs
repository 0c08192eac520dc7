//! Name of a connection's remote end, and the source of that name.

pub mod users;

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use crate::{
    entries::{Entries, Entry},
    group::Group,
};
use users::{Use, Users};

/// Sources of a host's name, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostSource {
    /// Server name of the ClientHello (RFC 6066 3).
    Sni,
    /// Target of the tunnel that a proxy has made.
    Tunnel,
    /// Name that the process had looked up before and that has this address.
    Dns,
    /// Host field of the first request in clear (RFC 9110 7.2).
    Http,
    /// The address itself.
    Address,
}

impl HostSource {
    /// Name of the source in the export.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sni => "sni",
            Self::Tunnel => "tunnel",
            Self::Dns => "dns",
            Self::Http => "http",
            Self::Address => "address",
        }
    }
}

/// Host and port that connections led to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostKey {
    /// Name or address, with control characters escaped.
    pub host: Box<str>,
    /// Source of the name.
    pub source: HostSource,
    /// Remote port.
    pub port: u16,
}

impl HostKey {
    /// Host named by its address.
    pub fn address(remote: SocketAddr) -> Self {
        Self {
            host: remote.ip().to_string().into(),
            source: HostSource::Address,
            port: remote.port(),
        }
    }

    /// Host named by the answer to a lookup.
    pub fn dns(name: &str, port: u16) -> Self {
        Self {
            host: name.into(),
            source: HostSource::Dns,
            port,
        }
    }

    /// Host named by a request in clear, in the spelling of [`crate::host_name`].
    pub fn http(name: &str, port: u16) -> Self {
        Self {
            host: name.into(),
            source: HostSource::Http,
            port,
        }
    }

    /// Host named by what a client has sent to a proxy, in the spelling of [`crate::host_name`], or an address.
    pub fn tunnel(name: &str, port: u16) -> Self {
        Self {
            host: name.into(),
            source: HostSource::Tunnel,
            port,
        }
    }

    /// Host named by a ClientHello, in the spelling of [`crate::host_name`].
    pub fn sni(name: &str, port: u16) -> Self {
        Self {
            host: name.into(),
            source: HostSource::Sni,
            port,
        }
    }

    /// Key of this host among the proxies, where it has one row whatever its name comes from.
    #[must_use]
    pub fn as_proxy(&self) -> Self {
        Self {
            host: self.host.clone(),
            source: HostSource::Address,
            port: self.port,
        }
    }

    /// Tells whether the host is known by its address alone.
    pub fn is_address(&self) -> bool {
        match self.source {
            HostSource::Address => true,
            HostSource::Tunnel => self.host.parse::<IpAddr>().is_ok(),
            HostSource::Sni | HostSource::Dns | HostSource::Http => false,
        }
    }
}

/// Name and port as in a URL: an IPv6 address is in brackets.
impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Proxies through which connections went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Via {
    /// Proxies by name, at most [`MAX_PROXIES`].
    pub proxies: Vec<Arc<HostKey>>,
    /// True if there were more.
    pub is_cut: bool,
}

impl Via {
    fn has(&self, keys: &[Arc<HostKey>]) -> bool {
        self.is_cut || keys.iter().all(|key| self.proxies.contains(key))
    }

    fn add(&mut self, key: &Arc<HostKey>) {
        if self.proxies.contains(key) {
            return;
        }
        if self.proxies.len() == MAX_PROXIES {
            self.is_cut = true;
            return;
        }
        let place = self.proxies.partition_point(|known| known < key);
        self.proxies.insert(place, Arc::clone(key));
    }
}

/// The proxies with spaces between, and an ellipsis when there were more.
impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, proxy) in self.proxies.iter().enumerate() {
            write!(f, "{}{proxy}", if at == 0 { "" } else { " " })?;
        }
        match self.is_cut {
            true => f.write_str(" …"),
            false => Ok(()),
        }
    }
}

/// Host with its figures. A copy shares all data.
#[derive(Debug, Clone)]
pub struct Host {
    /// Name and port.
    pub key: Arc<HostKey>,
    /// Addresses that connections led to, in order of appearance.
    pub addresses: Arc<[IpAddr]>,
    /// Proxies that connections went through.
    pub via: Arc<Via>,
    /// Processes that use the host.
    pub users: Arc<Users>,
    /// Figures of the host.
    pub group: Arc<Group>,
}

impl Entry for Host {
    fn group(&self) -> &Arc<Group> {
        &self.group
    }

    fn group_mut(&mut self) -> &mut Arc<Group> {
        &mut self.group
    }
}

/// Table of all hosts, in order of appearance.
#[derive(Debug)]
pub struct Hosts {
    entries: Entries<Host>,
    index: HashMap<Arc<HostKey>, u32>,
    /// Key of the entry for further hosts while all entries have open connections.
    shared: Arc<HostKey>,
}

/// Limit of the addresses kept per host.
const MAX_ADDRESSES: usize = 64;
/// Limit of the proxies kept per host.
pub const MAX_PROXIES: usize = 64;

impl Hosts {
    /// Makes a table for `limit` hosts; further ones replace those with the least activity.
    pub fn with_limit(limit: usize) -> Self {
        let shared = HostKey {
            host: FOLDED.into(),
            source: HostSource::Address,
            port: 0,
        };
        Self {
            entries: Entries::with_limit(limit),
            index: HashMap::new(),
            shared: shared.into(),
        }
    }

    /// Index of a host, which is added when it is new. Its address is None when only a proxy knows it.
    pub fn of(&mut self, key: HostKey, address: Option<IpAddr>) -> u32 {
        let at = match self.index.get(&key) {
            Some(&known) => known,
            None => self.add(key),
        };
        if let Some(address) = address
            && let Some(host) = self.entries.get_mut(at)
            && host.addresses.len() < MAX_ADDRESSES
            && !host.addresses.contains(&address)
        {
            let known = host.addresses.iter().copied();
            host.addresses = known.chain([address]).collect();
        }
        at
    }

    /// Notes the proxies on the way of a connection to a host.
    pub fn note_via(&mut self, at: u32, proxies: &[Arc<HostKey>]) {
        if let Some(host) = self.entries.get_mut(at)
            && !host.via.has(proxies)
        {
            let via = Arc::make_mut(&mut host.via);
            proxies.iter().for_each(|key| via.add(key));
        }
    }

    /// Changes the figures of a host by what one of its processes does. `named` gives the id and name of a new one.
    pub fn use_by(
        &mut self,
        at: u32,
        process: u32,
        change: impl FnOnce(&mut Group),
        named: impl FnOnce() -> (u32, Arc<str>),
    ) {
        let Some(host) = self.entries.get_mut(at) else {
            return change(self.entries.group_mut(at));
        };
        let group = Arc::make_mut(&mut host.group);
        let before = Use::of(group);
        change(group);
        let after = Use::of(group);
        if before != after {
            Arc::make_mut(&mut host.users).add(process, &before, &after, named);
        }
    }

    /// Index of a host that is in the table.
    pub fn known(&self, key: &HostKey) -> Option<u32> {
        self.index.get(key).copied()
    }

    fn add(&mut self, key: HostKey) -> u32 {
        let mut key = Arc::new(key);
        if self.entries.is_full() && !self.make_room() {
            self.entries.count_folded();
            key = Arc::clone(&self.shared);
            if let Some(&known) = self.index.get(&key) {
                return known;
            }
        }
        let at = self.entries.add(Host {
            key: Arc::clone(&key),
            addresses: Arc::default(),
            via: Arc::default(),
            users: Arc::default(),
            group: Arc::default(),
        });
        self.index.insert(key, at);
        at
    }

    fn make_room(&mut self) -> bool {
        let gone = self.entries.fold();
        for host in &gone {
            self.index.remove(&host.key);
        }
        !gone.is_empty()
    }

    /// Number of hosts that were removed or never had an entry of their own. A removed host that comes back starts
    /// anew.
    pub fn folded(&self) -> u64 {
        self.entries.folded()
    }

    /// Number of hosts in the table.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// True without hosts.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Figures of a host.
    pub fn group_mut(&mut self, at: u32) -> &mut Group {
        self.entries.group_mut(at)
    }

    /// Key of a host.
    pub fn key(&self, at: u32) -> &Arc<HostKey> {
        self.entries.get(at).map_or(&self.shared, |host| &host.key)
    }

    /// Hosts with figures, without the entry that hosts beyond the limit share.
    pub fn views(&self) -> Vec<Host> {
        let shown = self.entries.shown().into_iter();
        shown
            .filter(|host| host.key != self.shared)
            .cloned()
            .collect()
    }

    /// Some of the hosts whose connections the filter has left out: they have an entry, and nothing was counted for it.
    /// Addresses are given only when no name is known.
    pub fn left_out(&self) -> Vec<Arc<HostKey>> {
        let all = || self.entries.without_figures().map(|host| &host.key);
        let some = || all().filter(|key| **key != self.shared);
        let names: Vec<_> = some().filter(|key| !key.is_address()).cloned().collect();
        let mut keys = match names.is_empty() {
            true => some().cloned().collect(),
            false => names,
        };
        keys.truncate(LEFT_OUT);
        keys
    }

    /// Clears all figures; indices stay valid.
    pub fn reset(&mut self) {
        self.entries.reset(Group::default);
        for host in self.entries.all_mut() {
            host.users = Arc::default();
        }
    }
}

/// Most hosts that are named of those left out.
const LEFT_OUT: usize = 3;

/// Name of the entry that hosts share while all others have open connections.
pub const FOLDED: &str = "(folded)";

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> HostKey {
        HostKey::sni(name, 443)
    }

    const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn visit(hosts: &mut Hosts, name: &str, open: u64) -> u32 {
        let at = hosts.of(host(name), ADDRESS);
        let connections = &mut hosts.group_mut(at).connections;
        connections.opened += 1;
        connections.open_now = open;
        at
    }

    fn names(hosts: &Hosts) -> Vec<String> {
        let views = hosts.views().into_iter();
        views.map(|view| view.key.host.to_string()).collect()
    }

    #[test]
    fn a_new_host_takes_the_place_of_the_least_busy() {
        let mut hosts = Hosts::with_limit(2);
        visit(&mut hosts, "a", 0);
        visit(&mut hosts, "a", 0);
        let b = visit(&mut hosts, "b", 0);
        visit(&mut hosts, "c", 0);
        assert_eq!(
            (names(&hosts), hosts.folded()),
            (vec!["a".to_owned(), "c".to_owned()], 1)
        );
        assert_eq!(&*hosts.key(b).host, FOLDED);
        assert_ne!(visit(&mut hosts, "b", 0), b, "begins anew");
    }

    #[test]
    fn hosts_share_when_none_can_give_way() {
        let mut hosts = Hosts::with_limit(1);
        visit(&mut hosts, "a", 1);
        let b = visit(&mut hosts, "b", 1);
        assert_eq!(visit(&mut hosts, "c", 2), b);
        assert_eq!((names(&hosts), hosts.folded()), (vec!["a".to_owned()], 2));
    }
}
