//! Captures, and the truth about each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::connection::{Connection, connections};
use crate::pcap;

/// Counts of the servers and the proxy while the client ran.
#[derive(Debug, Deserialize)]
pub(crate) struct Truth {
    pub(crate) protocol: String,
    /// Version of HTTP: `1.1` or `2`.
    pub(crate) http: String,
    /// Connections that the client opened.
    pub(crate) connections: u64,
    /// Tunnels that the client asked the proxy for.
    pub(crate) tunnels: u64,
    /// Connections that the site accepted.
    pub(crate) site_connections: u64,
    /// Connections that carried a request, among these. The handshakes are theirs.
    pub(crate) site_connections_used: u64,
    pub(crate) full_handshakes: u64,
    pub(crate) resumed_handshakes: u64,
    pub(crate) requests: u64,
}

impl Truth {
    pub(crate) fn is_tls(&self) -> bool {
        self.protocol != "clear"
    }

    pub(crate) fn is_h2(&self) -> bool {
        self.http == "2"
    }
}

/// Capture of a client's run.
pub(crate) struct Capture {
    pub(crate) name: String,
    pub(crate) truth: Truth,
    pub(crate) connections: Vec<Connection>,
}

impl Capture {
    /// Number of requests that the client sent in clear, each at the beginning of a segment. One that was sent again by TCP
    /// counts once.
    pub(crate) fn requests_in_clear(&self) -> u64 {
        let count = |connection: &Connection| {
            let data = connection.data.iter();
            let requests = data.filter(|data| data.is_sent && data.bytes.starts_with(b"GET "));
            let places: BTreeSet<u32> = requests.map(|data| data.sequence).collect();
            places.len() as u64
        };
        self.connections.iter().map(count).sum()
    }
}

/// Reads all captures, sorted by their names.
pub(crate) fn captures() -> Vec<Capture> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures");
    let entries = std::fs::read_dir(directory).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "json"));
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| capture(path)).collect()
}

fn capture(path: &Path) -> Capture {
    let truth = std::fs::read_to_string(path).unwrap();
    Capture {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        truth: serde_json::from_str(&truth).unwrap(),
        connections: connections(pcap::segments(&path.with_extension("pcap.gz"))),
    }
}
