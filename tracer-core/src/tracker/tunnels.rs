//! Assigns tunnels through proxies to connections, and connections to the hosts behind the proxies.

use std::sync::Arc;

use tracer_common::record::TunnelRecord;

use super::Tracker;
use crate::{
    connection::Connection,
    host::HostKey,
    tunnel::{Outcome, Target, TargetHost, Tunnel},
    unknown::Unknown,
};

impl Tracker {
    /// Takes an exchange with a proxy that has ended.
    pub(super) fn tunnelled(&mut self, record: &TunnelRecord) {
        if self.early.keeps_tunnel(record) {
            return;
        }
        let tunnel = Tunnel::of(record);
        let Some(mut connection) = self.take_connection(record.header.cookie) else {
            self.of_unknown(|group| tunnel.apply(group));
            return;
        };
        self.reach_proxy(&mut connection);
        self.sample_tunnel(&connection, record);
        let path = connection.path.get_or_insert_default();
        let target = path.exchange.take().and_then(|asked| asked.target());
        match tunnel.outcome {
            Outcome::Opened(_) => self.tunnel_opened(&mut connection, tunnel, target),
            Outcome::Failed(_) | Outcome::Unknown => {
                path.was_refused = true;
                self.tunnel_failed(&mut connection, tunnel, target);
                if tunnel.outcome == Outcome::Unknown {
                    self.requests_unknown(&mut connection, Unknown::Tunnel);
                }
            }
        }
        self.connections.insert(record.header.cookie, connection);
    }

    /// Counts the connection at the proxy that it leads to, if that is not done yet.
    pub(super) fn reach_proxy(&mut self, connection: &mut Connection) {
        let path = connection.path.get_or_insert_default();
        if !path.is_at_new_proxy() {
            return;
        }
        let key = self.hosts.key(connection.host).as_proxy();
        let proxy = self.proxies.of(key, connection.address);
        self.proxies.note_via(proxy, &path.opened_by);
        path.proxies.push(proxy);
        if connection.counted {
            self.proxies.group_mut(proxy).open(&connection.opening);
        }
    }

    /// Behind an open tunnel everything begins anew, at the host that it leads to.
    fn tunnel_opened(
        &mut self,
        connection: &mut Connection,
        tunnel: Tunnel,
        target: Option<Target>,
    ) {
        self.release_turn(connection, false);
        self.end_handshake_unseen(connection);
        connection.begin_anew();
        if connection.counted {
            let (process, host) = (connection.process, connection.host);
            self.count_tunnel(process, host, connection.proxy(), tunnel);
        }
        let proxy = self.hosts.key(connection.host).as_proxy();
        let path = connection.path.get_or_insert_default();
        path.open(Arc::new(proxy), tunnel);
        connection.port = target.as_ref().map_or(0, |target| target.port);
        connection.address = target.as_ref().and_then(Target::address);
        if let Some(target) = target {
            let key = self.target_key(connection.process, &target);
            self.move_to(connection, key);
        }
    }

    /// A tunnel that was not made counts where the connection is, which is at the proxy. With a host filter it counts
    /// when the filter admits the target, or later the host of the connection.
    fn tunnel_failed(
        &mut self,
        connection: &mut Connection,
        tunnel: Tunnel,
        target: Option<Target>,
    ) {
        let is_admitted = target.is_some_and(|target| {
            let key = self.target_key(connection.process, &target);
            self.admits(&key.host)
        });
        if is_admitted {
            self.count_at_last(connection);
        }
        let (process, host) = (connection.process, connection.host);
        if connection.counted {
            self.count_tunnel(process, host, connection.proxy(), tunnel);
        } else if let Some(path) = &mut connection.path {
            path.wait(host, tunnel);
        }
    }

    /// Counts a tunnel for all connections, the process, the host and the proxy that was asked.
    pub(super) fn count_tunnel(
        &mut self,
        process: u32,
        host: u32,
        proxy: Option<u32>,
        tunnel: Tunnel,
    ) {
        self.each_group(process, host, |group| tunnel.apply(group));
        if let Some(proxy) = proxy {
            tunnel.apply(self.proxies.group_mut(proxy));
        }
    }

    /// Name of a tunnel's target. A client that has looked up the name itself may give the address alone.
    fn target_key(&self, process: u32, target: &Target) -> HostKey {
        let address = match &target.host {
            TargetHost::Name(name) => return HostKey::tunnel(name, target.port),
            TargetHost::Address(address) => address,
        };
        let pid = self.processes.pid(process);
        match pid.and_then(|pid| self.dns.name(pid, *address)) {
            Some(name) => HostKey::dns(name, target.port),
            None => HostKey::tunnel(&address.to_string(), target.port),
        }
    }
}
