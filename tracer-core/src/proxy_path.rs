//! Proxies that one connection has gone through.

use std::sync::Arc;

use crate::{
    host::HostKey,
    tunnel::{Exchange, Tunnel},
};

/// Limit of the proxies of one connection. Tunnels inside of so many others are counted, but do not follow the connection
/// to another host.
const LONGEST: usize = 8;
/// Limit of the failed exchanges of a connection that wait to be counted.
const WAITING: usize = 8;

/// Proxies of a connection, the outermost first.
#[derive(Debug, Default)]
pub struct ProxyPath {
    /// Indices of the proxies in their table.
    pub proxies: Vec<u32>,
    /// Keys of the proxies, as far as their tunnels are open.
    pub opened_by: Vec<Arc<HostKey>>,
    /// Exchange under way.
    pub exchange: Option<Exchange>,
    /// Opened tunnels that are counted for the connection's host, each with the index of its proxy.
    pub opened: Vec<(u32, Tunnel)>,
    /// Failed exchanges with the indices of host and proxy, while the connection is not counted.
    waiting: Vec<(u32, u32, Tunnel)>,
    /// True if a proxy has refused, or left the client without an answer.
    pub was_refused: bool,
}

impl ProxyPath {
    /// True if the next exchange is with a proxy that the path does not have yet.
    pub fn is_at_new_proxy(&self) -> bool {
        self.proxies.len() == self.opened_by.len() && self.proxies.len() < LONGEST
    }

    /// Index of the proxy of the latest exchange.
    pub fn proxy(&self) -> Option<u32> {
        self.proxies.last().copied()
    }

    /// Notes an open tunnel, which a proxy with this key has made.
    pub fn open(&mut self, key: Arc<HostKey>, tunnel: Tunnel) {
        if let Some(proxy) = self.proxy()
            && self.opened_by.len() < self.proxies.len()
        {
            self.opened_by.push(key);
            self.opened.push((proxy, tunnel));
        }
    }

    /// Forgets the exchanges so far, because the figures begin anew.
    pub fn forget_counted(&mut self) {
        self.opened.clear();
        self.waiting.clear();
    }

    /// Keeps a failed exchange at a host until the connection is counted.
    pub fn wait(&mut self, host: u32, tunnel: Tunnel) {
        if let Some(proxy) = self.proxy()
            && self.waiting.len() < WAITING
        {
            self.waiting.push((host, proxy, tunnel));
        }
    }

    /// Exchanges of a connection to `host` that is now counted, each with its host and its proxy.
    pub fn take_waiting(&mut self, host: u32) -> Vec<(u32, u32, Tunnel)> {
        let opened = self.opened.iter();
        let opened = opened.map(|&(proxy, tunnel)| (host, proxy, tunnel));
        let mut all = std::mem::take(&mut self.waiting);
        all.extend(opened);
        all
    }
}
