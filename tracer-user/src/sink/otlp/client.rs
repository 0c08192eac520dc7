//! Client of the collector, by either protocol.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    connection::Outcome,
    grpc::Grpc,
    http::Http,
    message::Message,
    settings::{OtlpSettings, Protocol},
};

/// Client of the collector, with a connection that is kept open.
#[derive(Debug)]
pub(super) enum Client {
    /// Over HTTP.
    Http(Http),
    /// Over gRPC.
    Grpc(Grpc),
}

impl Client {
    /// Makes a client without a connection.
    pub(super) fn new(settings: Arc<OtlpSettings>) -> Self {
        match settings.protocol {
            Protocol::Http => Self::Http(Http::new(settings)),
            Protocol::Grpc => Self::Grpc(Grpc::new(settings)),
        }
    }

    /// Tries to send a message once, within the time limit.
    pub(super) async fn send(&mut self, message: &Message, limit: Duration) -> Outcome {
        let sent = async {
            match self {
                Self::Http(http) => http.send(message).await,
                Self::Grpc(grpc) => grpc.send(message).await,
            }
        };
        match timeout(limit, sent).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.disconnect();
                Outcome::Retry(format!("no answer within {limit:?}"), None)
            }
        }
    }

    fn disconnect(&mut self) {
        match self {
            Self::Http(http) => http.disconnect(),
            Self::Grpc(grpc) => grpc.disconnect(),
        }
    }
}
