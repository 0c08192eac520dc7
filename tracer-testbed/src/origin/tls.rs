//! rustls settings of the origin.

use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedProtocolVersion, crypto::ring};
use tokio_rustls::TlsAcceptor;

use super::certificate::Certificate;
use super::{TlsOptions, TlsVersions};

pub(super) fn acceptor(
    options: &TlsOptions,
    certificate: &Certificate,
) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(options.versions))?
        .with_no_client_auth()
        .with_single_cert(certificate.chain.clone(), certificate.key.clone_key())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = options.tickets;
    if !options.resumption {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    } else if options.tickets > 0 {
        // Tickets carry the session themselves, because the default store forgets all but 256 sessions.
        config.ticketer = ring::Ticketer::new()?;
    }
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn versions(versions: TlsVersions) -> Vec<&'static SupportedProtocolVersion> {
    match versions {
        TlsVersions::Only12 => vec![&TLS12],
        TlsVersions::Only13 => vec![&TLS13],
        TlsVersions::Both => vec![&TLS13, &TLS12],
    }
}
