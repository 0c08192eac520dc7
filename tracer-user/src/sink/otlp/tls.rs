//! TLS to the collector. Its certificate is checked against the authorities of Mozilla's list, or against those of the
//! file that the user names.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::environment::CERTIFICATE;

/// Configuration of TLS for a protocol of the application layer (RFC 7301). `file` has authorities as PEM.
pub(super) fn config(alpn: &[u8], file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let roots = match file {
        Some(file) => {
            authorities(file).map_err(|why| format!("{CERTIFICATE}={}: {why}", file.display()))?
        }
        None => RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Arc::new(config))
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let all = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    for certificate in all {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.is_empty() {
        true => Err("there is no certificate in it".to_owned()),
        false => Ok(roots),
    }
}
