//! What a connection's other end is called, and how that is known.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use crate::group::Group;

/// How a host's name is known, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostSource {
    /// Server name of the ClientHello (RFC 6066 3).
    Sni,
    /// Name that the process had looked up for the address.
    Dns,
    /// The address itself.
    Address,
}

impl HostSource {
    /// As in the export.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sni => "sni",
            Self::Dns => "dns",
            Self::Address => "address",
        }
    }
}

/// A host and port that connections led to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostKey {
    /// Name or address, control characters escaped.
    pub host: Box<str>,
    /// How the name is known.
    pub source: HostSource,
    /// Remote port.
    pub port: u16,
}

impl HostKey {
    /// Named by its address.
    pub fn address(remote: SocketAddr) -> Self {
        Self {
            host: remote.ip().to_string().into(),
            source: HostSource::Address,
            port: remote.port(),
        }
    }

    /// Named by the answer to a lookup.
    pub fn dns(name: &str, port: u16) -> Self {
        Self {
            host: name.into(),
            source: HostSource::Dns,
            port,
        }
    }

    /// Named by a ClientHello.
    pub fn sni(name: &str, port: u16) -> Self {
        Self {
            host: name.to_ascii_lowercase().into(),
            source: HostSource::Sni,
            port,
        }
    }
}

/// A host with its figures.
#[derive(Debug, Clone)]
pub struct Host {
    /// Name and port.
    pub key: HostKey,
    /// Addresses that connections led to, in order of appearance.
    pub addresses: Vec<IpAddr>,
    /// Its figures.
    pub group: Arc<Group>,
}

/// All hosts, in order of appearance.
#[derive(Debug, Default)]
pub struct Hosts {
    entries: Vec<Host>,
    index: HashMap<HostKey, u32>,
    limit: usize,
    folded: u64,
}

/// Addresses kept of one host.
const MAX_ADDRESSES: usize = 64;

impl Hosts {
    /// Room for `limit` hosts; further ones share the entry [`FOLDED`].
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Index of a host, new when not seen before.
    pub fn of(&mut self, key: HostKey, address: IpAddr) -> u32 {
        let at = match self.index.get(&key) {
            Some(&known) => known,
            None => self.add(key),
        };
        let addresses = &mut self.entries[at as usize].addresses;
        if addresses.len() < MAX_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
        at
    }

    fn add(&mut self, key: HostKey) -> u32 {
        let key = if self.entries.len() >= self.limit {
            self.folded += 1;
            let key = HostKey {
                host: FOLDED.into(),
                source: HostSource::Address,
                port: 0,
            };
            if let Some(&known) = self.index.get(&key) {
                return known;
            }
            key
        } else {
            key
        };
        let at = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(Host {
            key: key.clone(),
            addresses: Vec::new(),
            group: Arc::default(),
        });
        self.index.insert(key, at);
        at
    }

    /// How many hosts have no entry of their own.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    /// Figures of one.
    pub fn group_mut(&mut self, at: u32) -> &mut Group {
        Arc::make_mut(&mut self.entries[at as usize].group)
    }

    /// Name of one.
    pub fn key(&self, at: u32) -> &HostKey {
        &self.entries[at as usize].key
    }

    /// Those with figures, but for the folded ones.
    pub fn views(&self) -> Vec<Host> {
        let shown = |host: &&Host| !host.group.is_empty() && &*host.key.host != FOLDED;
        self.entries.iter().filter(shown).cloned().collect()
    }

    /// Clears what is recomputed at each sweep.
    pub fn clear_connecting(&mut self) {
        for entry in self
            .entries
            .iter_mut()
            .filter(|e| e.group.connections.connecting_now != 0)
        {
            Arc::make_mut(&mut entry.group).connections.connecting_now = 0;
        }
    }
}

/// Name of the entry that hosts beyond the limit share.
pub const FOLDED: &str = "(folded)";
