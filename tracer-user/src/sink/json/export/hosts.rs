//! Hosts of the export, each with the processes that use it.

use tracer_core::host::{Host, HostSource, users::User};
use tracer_export as export;

use super::group;

pub(super) fn host(host: &Host, has_activity: bool) -> export::Host {
    export::Host {
        host: host.key.host.to_string(),
        host_source: match host.key.source {
            HostSource::Sni => export::HostSource::Sni,
            HostSource::Tunnel => export::HostSource::Tunnel,
            HostSource::Dns => export::HostSource::Dns,
            HostSource::Http => export::HostSource::Http,
            HostSource::Address => export::HostSource::Address,
        },
        port: host.key.port,
        addresses: host.addresses.iter().map(ToString::to_string).collect(),
        via: Some(via(host)),
        via_cut: host.via.is_cut.then_some(true),
        processes: Some(host.users.shown().into_iter().map(user).collect()),
        processes_folded: Some(host.users.folded()).filter(|&count| count != 0),
        group: group(&host.group, has_activity),
    }
}

fn user(user: &User) -> export::HostProcess {
    let figures = &user.figures;
    export::HostProcess {
        machine: None,
        pid: user.pid,
        comm: user.comm.to_string(),
        requests: Some(figures.requests),
        connections: Some(figures.connections),
        connections_used: Some(figures.carriers),
        reuse_ratio: figures.reuse_ratio(),
    }
}

pub(super) fn via(host: &Host) -> Vec<String> {
    host.via.proxies.iter().map(ToString::to_string).collect()
}
