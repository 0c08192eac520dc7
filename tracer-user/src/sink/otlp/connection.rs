//! Connection to the collector, and the outcome of an attempt to send a message over it.

use std::{error::Error, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{message::Accepted, settings::OtlpSettings};

/// Outcome of an attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The collector has the message.
    Accepted(Accepted),
    /// A later attempt may succeed; the collector may have asked for a pause.
    Retry(String, Option<Duration>),
    /// No attempt will succeed.
    Refused(String),
}

/// Connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Connection as hyper takes it.
pub(super) type Connection = TokioIo<Box<dyn Stream>>;

/// Opens a connection to the collector.
pub(super) async fn connect(settings: &OtlpSettings) -> Result<Connection, String> {
    let endpoint = &settings.endpoint;
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port));
    let stream = stream
        .await
        .map_err(|error| format!("cannot connect to {}: {error}", endpoint.url))?;
    let Some(tls) = &settings.tls else {
        return Ok(TokioIo::new(Box::new(stream)));
    };
    let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| {
        format!(
            "{} is not a name that a certificate can have",
            endpoint.host
        )
    })?;
    let connector = TlsConnector::from(Arc::clone(tls));
    let stream = connector.connect(name, stream).await;
    let stream = stream.map_err(|error| format!("TLS to {}: {error}", endpoint.url))?;
    Ok(TokioIo::new(Box::new(stream)))
}

/// Error with its causes, in one line.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}
