//! TLS by rustls with ring. The whole crawl shares one configuration, so that sessions can be resumed.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    ClientConfig, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::origin::Origin;
use crate::outcome::{self, Failure};

/// Options of TLS.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Number of sessions remembered for resumption; 0 turns resumption off.
    pub sessions: usize,
    /// PEM file of authorities trusted besides the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// Accepts any certificate.
    pub insecure: bool,
    /// Allows only TLS 1.3.
    pub only_1_3: bool,
    /// Offers HTTP/2.
    pub http2: bool,
}

/// Reasons why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of authorities is not usable.
    #[error("{}: {detail}; expected certificates in PEM form (-----BEGIN CERTIFICATE-----)", path.display())]
    Authorities {
        /// Path as given.
        path: PathBuf,
        /// Error of the reader.
        detail: String,
    },
    /// Error of the TLS library.
    #[error("TLS: {0}")]
    Library(#[from] rustls::Error),
}

/// Makes TLS connections.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Makes the configuration; reads the file of authorities.
    pub(crate) fn new(options: &TlsOptions) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let versions: &[_] = if options.only_1_3 {
            &[&rustls::version::TLS13]
        } else {
            &[&rustls::version::TLS13, &rustls::version::TLS12]
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)?;
        let mut config = if options.insecure {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAll(provider)))
                .with_no_client_auth()
        } else {
            builder
                .with_root_certificates(roots(options)?)
                .with_no_client_auth()
        };
        config.resumption = match options.sessions {
            0 => Resumption::disabled(),
            sessions => Resumption::in_memory_sessions(sessions),
        };
        config.alpn_protocols = if options.http2 {
            vec![b"h2".to_vec(), b"http/1.1".to_vec()]
        } else {
            vec![b"http/1.1".to_vec()]
        };
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Makes the handshake with `origin` over `stream`.
    pub(crate) async fn connect<S>(
        &self,
        origin: &Origin,
        stream: S,
    ) -> Result<TlsStream<S>, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let host = origin.bare_host();
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Failure::Tls {
            host: host.into(),
            detail: "not a name that a certificate can carry".into(),
        })?;
        self.connector
            .connect(name, stream)
            .await
            .map_err(|error| failure(host, &error))
    }
}

/// Properties agreed on by a finished handshake, and whether HTTP/2 was chosen.
pub(crate) fn facts<S>(stream: &TlsStream<S>) -> (outcome::Tls, bool) {
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        _ => "1.2",
    };
    let resumed = session.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    let http2 = session.alpn_protocol() == Some(b"h2");
    (outcome::Tls { version, resumed }, http2)
}

fn failure(host: &str, error: &std::io::Error) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(reason)) => Failure::Certificate {
            host: host.into(),
            detail: reason.to_string().into(),
        },
        _ => Failure::Tls {
            host: host.into(),
            detail: error.to_string().into(),
        },
    }
}

fn roots(options: &TlsOptions) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let Some(path) = &options.ca_file else {
        return Ok(roots);
    };
    let wrong = |detail: String| TlsError::Authorities {
        path: path.clone(),
        detail,
    };
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let mut found = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
        found += 1;
    }
    if found == 0 {
        return Err(wrong("no certificate in it".to_owned()));
    }
    Ok(roots)
}

/// Accepts any certificate. Signatures are still checked, so that the peer must have the key of its certificate.
#[derive(Debug)]
struct AcceptAll(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "nothing").unwrap();
        let options = TlsOptions {
            ca_file: Some(file.path().to_owned()),
            ..TlsOptions::default()
        };
        let message = Tls::new(&options).unwrap_err().to_string();
        assert!(message.contains("no certificate in it"), "{message}");
        let options = TlsOptions {
            ca_file: Some("/nonexistent".into()),
            ..TlsOptions::default()
        };
        assert!(Tls::new(&options).is_err());
    }
}
