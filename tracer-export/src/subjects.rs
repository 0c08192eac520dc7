//! Entries of the lists: whose figures they are.

use serde::{Deserialize, Serialize};

use crate::absent::is_absent;
use crate::{Connections, Dns, Group, Http2, Phases, Requests, Responses, Tcp, Tls, Tunnels};

/// Figures of a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(from = "FlatProcess")]
pub struct Process {
    /// Host name of its machine, in a merged export; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Process id (thread group) in the initial pid namespace; 0 when the owner is unknown.
    pub pid: u32,
    /// Name of the process when it connected.
    pub comm: String,
    /// Path of the executable; null when not known.
    pub exe: Option<String>,
    /// Id of its container, 64 digits; null outside of one.
    pub container: Option<String>,
    /// Figures of the process.
    #[serde(flatten)]
    pub group: Group,
}

/// Figures of a host and port.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(from = "FlatHost")]
pub struct Host {
    /// Name, or the address.
    pub host: String,
    /// Source of that name.
    pub host_source: HostSource,
    /// Remote port; of a tunnel, that of its target.
    pub port: u16,
    /// Remote addresses, the first 64. A host that only proxies know has none.
    pub addresses: Vec<String>,
    /// Proxies through which connections went, in order, at most 64; absent when proxies were not looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Vec<String>>,
    /// True when there were more; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via_cut: Option<bool>,
    /// Processes that use the host, the one with most requests first, at most 32 of a trace; absent when they were not
    /// told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<Vec<HostProcess>>,
    /// Number of processes that have given way to busier ones; absent when there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes_folded: Option<u64>,
    /// Figures of the host.
    #[serde(flatten)]
    pub group: Group,
}

/// Process that uses a host, with its figures there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct HostProcess {
    /// Host name of its machine, in a merged export; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Process id, as in `processes`.
    pub pid: u32,
    /// Name of the process, as in `processes`.
    pub comm: String,
    /// Requests of the process to this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Connections of the process to this host that succeeded or were open before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// Connections of these that carried a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_used: Option<u64>,
    /// 1 - `connections_used` / `requests`; absent without requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse_ratio: Option<f64>,
}

/// Figures of a proxy that was asked for tunnels: of the connections that led to it, with what went through.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Proxy {
    /// Name or address, and port, as in `via` of a host.
    pub name: String,
    /// Proxies on the way to this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
    /// Connections to the proxy.
    #[serde(skip_serializing_if = "is_absent")]
    pub connections: Connections,
    /// Requests through its tunnels.
    #[serde(skip_serializing_if = "is_absent")]
    pub requests: Requests,
    /// Tunnels that it was asked for.
    #[serde(skip_serializing_if = "is_absent")]
    pub tunnels: Tunnels,
    /// TLS handshakes through its tunnels.
    #[serde(skip_serializing_if = "is_absent")]
    pub tls: Tls,
    /// Distributions of durations, of its tunnels and of what went through.
    #[serde(skip_serializing_if = "is_absent")]
    pub phases: Phases,
}

/// Declares the form in which an entry is read: its own keys and those of a group, side by side. serde's `flatten` would
/// keep every value in a form of its own first, which takes most of the time of reading.
macro_rules! flat {
    ($flat:ident, $entry:ident { $($own:ident: $type:ty,)* }) => {
        #[derive(Default, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(default)]
        struct $flat {
            $($own: $type,)*
            connections: Connections,
            requests: Requests,
            responses: Responses,
            http2: Http2,
            tunnels: Tunnels,
            tls: Tls,
            dns: Dns,
            tcp: Tcp,
            phases: Phases,
        }

        impl From<$flat> for $entry {
            fn from(flat: $flat) -> Self {
                Self {
                    $($own: flat.$own,)*
                    group: Group {
                        connections: flat.connections,
                        requests: flat.requests,
                        responses: flat.responses,
                        http2: flat.http2,
                        tunnels: flat.tunnels,
                        tls: flat.tls,
                        dns: flat.dns,
                        tcp: flat.tcp,
                        phases: flat.phases,
                    },
                }
            }
        }
    };
}

flat!(FlatProcess, Process {
    machine: Option<String>,
    pid: u32,
    comm: String,
    exe: Option<String>,
    container: Option<String>,
});

flat!(FlatHost, Host {
    host: String,
    host_source: HostSource,
    port: u16,
    addresses: Vec<String>,
    via: Option<Vec<String>>,
    via_cut: Option<bool>,
    processes: Option<Vec<HostProcess>>,
    processes_folded: Option<u64>,
});

/// Source of the name of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum HostSource {
    /// Server name of the TLS handshake.
    Sni,
    /// Target of the tunnel that a proxy has made.
    Tunnel,
    /// Name that the process had looked up for the address.
    Dns,
    /// Host field of the first request in clear.
    Http,
    /// The address itself.
    #[default]
    Address,
    /// A source that later releases know.
    #[serde(untagged)]
    #[cfg_attr(test, schemars(skip))]
    Other(String),
}

/// Lookups of a name, by all processes and for all types.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct DnsName {
    /// The name as asked, lower case; what is not visible ASCII is escaped as in zone files.
    pub name: String,
    /// Lookups begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queries: Option<u64>,
    /// Median time to an answer without error, ns; null when there was none.
    pub p50_ns: Option<u64>,
    /// Lookups that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
}
