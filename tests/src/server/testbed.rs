//! Origins of the testbed with given session tickets, think time and body sizes.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::runtime::Runtime;
use tracer_testbed::origin::{Options, Origin, TlsOptions, TlsVersions};

/// Any number of running origins.
pub struct Testbed {
    runtime: Runtime,
    origins: Vec<Origin>,
}

impl Testbed {
    /// Makes a testbed without origins.
    pub fn new() -> Result<Self> {
        Ok(Self {
            runtime: Runtime::new()?,
            origins: Vec::new(),
        })
    }

    /// Starts an origin in the network namespace of the calling thread.
    pub fn start(&mut self, options: Options) -> Result<SocketAddr> {
        let origin = self.runtime.block_on(Origin::start(options))?;
        let address = origin.address();
        self.origins.push(origin);
        Ok(address)
    }

    /// Ends all origins and gives the counts of each.
    pub fn finish(self) -> Vec<Value> {
        let (runtime, origins) = (self.runtime, self.origins);
        origins
            .into_iter()
            .map(|origin| runtime.block_on(origin.stop()))
            .collect()
    }
}

/// Options of an origin without TLS on `listen`, with a think time and body size.
pub fn origin(listen: SocketAddr, think_time: Duration, body_bytes: usize) -> Options {
    Options {
        listen,
        body_bytes,
        pages: 1,
        think_time,
        max_connections: 10_000,
        ..Options::default()
    }
}

/// Options of TLS 1.3 with this number of session tickets.
pub fn tls_13(tickets: usize) -> TlsOptions {
    TlsOptions {
        names: vec!["localhost".into()],
        tickets,
        resumption: true,
        versions: TlsVersions::Only13,
        ca_file: None,
    }
}
