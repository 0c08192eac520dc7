//! Messages as protocol buffers over HTTP.

use std::{
    io::{self, Write},
    sync::Arc,
    time::SystemTime,
};

use flate2::{Compression, write::GzEncoder};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{
        CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT,
    },
};
use tonic_prost::prost::Message as _;

use super::{
    connection::{Outcome, causes, connect},
    message::Message,
    retry,
    settings::OtlpSettings,
};

/// Limit of the length of an answer.
const ANSWER: usize = 64 * 1024;

/// Type of messages and answers.
const PROTOBUF: &str = "application/x-protobuf";

/// Client over HTTP/1.1.
#[derive(Debug)]
pub(super) struct Http {
    settings: Arc<OtlpSettings>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Http {
    /// Makes a client without a connection.
    pub(super) fn new(settings: Arc<OtlpSettings>) -> Self {
        Self {
            settings,
            connection: None,
        }
    }

    /// Closes the connection.
    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Tries to send a message once.
    pub(super) async fn send(&mut self, message: &Message) -> Outcome {
        match self.exchange(message).await {
            Ok((status, header, body)) => outcome(message, status, &header, &body),
            Err(why) => {
                self.disconnect();
                Outcome::Retry(why, None)
            }
        }
    }

    async fn exchange(
        &mut self,
        message: &Message,
    ) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let request = self.request(message).map_err(|error| causes(&*error))?;
        let response = self.ask(request).await?;
        let (head, body) = response.into_parts();
        // What is longer is of no use, and the connection ends with it.
        let body = match Limited::new(body, ANSWER).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => {
                self.disconnect();
                Bytes::new()
            }
        };
        Ok((head.status, head.headers, body))
    }

    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        let usable = match &mut self.connection {
            Some(open) => open.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            self.connection = None;
        }
        let connection = match &mut self.connection {
            Some(open) => open,
            none => none.insert(open(&self.settings).await?),
        };
        let url = &self.settings.endpoint.url;
        let response = connection.send_request(request).await;
        response.map_err(|error| format!("{url}: {}", causes(&error)))
    }

    fn request(
        &self,
        message: &Message,
    ) -> Result<Request<Full<Bytes>>, Box<dyn std::error::Error>> {
        let url = self.settings.endpoint.url.join(message.path())?;
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut body = message.encode();
        let mut request = Request::post(url.path()).header(HOST, host);
        if let Some(header) = request.headers_mut() {
            header.insert(USER_AGENT, HeaderValue::from_static(USER));
            header.extend(self.settings.headers.iter().cloned());
            header.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
            if self.settings.gzip {
                body = gzip(&body)?;
                header.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        Ok(request.body(Full::new(body.into()))?)
    }
}

/// Name of the client in requests.
pub(super) const USER: &str = concat!("tracer/", env!("CARGO_PKG_VERSION"));

async fn open(settings: &OtlpSettings) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = connect(settings).await?;
    let (sender, connection) = http1::handshake(stream).await.map_err(|it| causes(&it))?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Meaning of an answer, as the protocol specifies it.
fn outcome(message: &Message, status: StatusCode, header: &HeaderMap, body: &[u8]) -> Outcome {
    if status.is_success() {
        // An answer that cannot be read says nothing against the message.
        return Outcome::Accepted(message.accepted(body).unwrap_or_default());
    }
    let words = tonic_types::Status::decode(body).map_or_else(|_| String::new(), |it| it.message);
    let why = match words.as_str() {
        "" => format!("the collector answers {status}"),
        words => format!("the collector answers {status}: {words}"),
    };
    match status.as_u16() {
        429 | 502 | 503 | 504 => {
            let field = header.get(RETRY_AFTER).and_then(|it| it.to_str().ok());
            let pause = field.and_then(|it| retry::after(it, SystemTime::now()));
            Outcome::Retry(why, pause)
        }
        _ => Outcome::Refused(why),
    }
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
