//! Work of the engine for the server of results.

use std::future::pending;

use tokio::time::Instant;

use super::Engine;
use crate::{
    failure::Failure,
    serve::{
        Served, Serving,
        desk::{self, Supply},
    },
    sink::Results,
};

/// The server with the engine's end of its desk.
#[derive(Debug)]
pub(super) struct Service {
    supply: Supply,
    _server: Served,
}

impl Service {
    /// Starts the server with the results at the beginning.
    pub(super) fn start(serving: Serving, first: Results) -> Result<Self, Failure> {
        let (supply, demand) = desk::open(first);
        let server = serving.start(demand);
        Ok(Self {
            supply,
            _server: server.map_err(Failure::internal("starting the server of metrics"))?,
        })
    }
}

/// Waits until a client asks for results.
pub(super) async fn asked(service: Option<&Service>) {
    match service {
        Some(service) => service.supply.asked().await,
        None => pending().await,
    }
}

impl Engine {
    /// Makes results for the clients that ask.
    pub(super) fn serve(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        self.look_again()?;
        let results = self.results();
        if let Some(service) = &mut self.service {
            service.supply.publish(results, begun);
        }
        Ok(())
    }

    /// Hands out the results so far as those of a window that ends now: the figures begin anew.
    pub(super) fn end_window(&self) {
        if let Some(service) = &self.service {
            service.supply.end_window(self.results());
        }
    }

    /// Hands out the results at the end of the trace.
    pub(super) fn serve_last(&mut self) {
        if self.service.is_none() {
            return;
        }
        let results = self.results();
        if let Some(service) = &mut self.service {
            service.supply.end(results);
        }
    }
}
