//! Server of a trace's results over HTTP: a table of routes, each a function from the latest results to a reply. It has a
//! thread of its own, with a lower priority than tracing, and asks the engine for results only when somebody asks for
//! them.
//!
//! To add a route: write a function that makes a [`Route`], and put it into the table that [`Serving`] gets.

pub(crate) mod desk;
pub(crate) mod metrics;
pub(crate) mod route;
pub(crate) mod status;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
};

use tokio_util::sync::CancellationToken;
use tracer_crawler::endpoint::Endpoint;

use self::{
    desk::Demand,
    route::{Route, Table},
};
use crate::trace::privilege;

/// Server that listens and does not answer yet: clients wait.
#[derive(Debug)]
pub(crate) struct Serving {
    listener: TcpListener,
    routes: Vec<Route>,
}

/// Server that answers. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// Reason why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub(crate) struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

impl Serving {
    /// Listens on an address.
    pub(crate) fn bind(address: SocketAddr, routes: Vec<Route>) -> Result<Self, ListenError> {
        let listener = TcpListener::bind(address);
        let listener = listener.map_err(|source| ListenError { address, source })?;
        Ok(Self { listener, routes })
    }

    /// Address in use; the port 0 asks for any free one.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Starts the thread that answers. It inherits the rights of this one.
    pub(crate) fn start(self, demand: Demand) -> io::Result<Served> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let guard = runtime.enter();
        let endpoint = Endpoint::of(self.listener)?;
        drop(guard);
        let stop = CancellationToken::new();
        let table = Arc::new(Table::new(self.routes, demand));
        let serving = endpoint.serve(table.clone(), stop.clone());
        let thread = std::thread::Builder::new()
            .name("tracer-serve".into())
            .spawn(move || {
                privilege::step_back();
                runtime.block_on(async {
                    tokio::select! {
                        () = serving => {}
                        () = table.take_windows() => {}
                    }
                });
            })?;
        Ok(Served {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so; the results do not depend on it.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
