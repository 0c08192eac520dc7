//! TIME_WAIT, and the use of local ports.

use serde::{Deserialize, Serialize};

/// Connections in TIME_WAIT, and ports in use by destination.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct TimeWait {
    /// Traced connections that entered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entered: Option<u64>,
    /// Traced connections in it at the last listing; null when it could not be measured.
    pub current: Option<u64>,
    /// Most traced connections in it at any listing; null when it could not be measured.
    pub peak: Option<u64>,
    /// Sockets in it at the start, whoever made them; null when it could not be measured.
    pub at_start: Option<u64>,
    /// Lowest and highest of `ip_local_port_range`; null when not known.
    pub port_range: Option<[u16; 2]>,
    /// Connections in FIN_WAIT2 without an owner, which may still enter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orphans_now: Option<u64>,
    /// Orphans that had gone before a listing could say where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orphans_lost: Option<u64>,
    /// Network namespaces that came up while tracing and could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces_unseen: Option<u64>,
    /// Network namespaces of traced connections that were removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces_removed: Option<u64>,
    /// Destinations with the most ports in use, 1000 at most.
    pub destinations: Vec<Destination>,
}

/// Local ports in use from one local address toward one remote address and port.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Destination {
    /// Remote address.
    pub address: String,
    /// Remote port.
    pub port: u16,
    /// Inode number of the network namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// Local address; empty in exports of earlier versions.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Sockets in TIME_WAIT toward it, whoever made them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_wait: Option<u64>,
    /// Local ports of that address in use or in TIME_WAIT toward it, whoever made them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports_used: Option<u64>,
    /// Share of the namespace's port range, without reserved ports, that is in use; null when that range is not known.
    pub ports_used_ratio: Option<f64>,
}
