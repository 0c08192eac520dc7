//! Certificates by name: good ones, and one of each kind of fault.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Hosts whose certificate must not be trusted.
pub(super) const WRONG: [&str; 4] = ["expired", "not-yet", "wrong-name", "unknown-issuer"];
/// Host without a certificate.
pub(super) const NONE: &str = "no-certificate";

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// Certificates of the server, and the authority to trust.
#[derive(Debug)]
pub(super) struct Certificates {
    good: Arc<CertifiedKey>,
    wrong: HashMap<String, Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.strip_suffix(".site.test")?;
        if name == NONE {
            return None;
        }
        Some(Arc::clone(self.wrong.get(name).unwrap_or(&self.good)))
    }
}

/// Makes the settings of the server, and the authority in PEM.
pub(super) fn make() -> Result<(Arc<ServerConfig>, String)> {
    let trusted = authority("tracer site")?;
    let unknown = authority("nobody knows")?;
    let year = |number| rcgen::date_time_ymd(number, 1, 1);
    let mut wrong = HashMap::new();
    let mut add = |name: &str, of: &str, issuer, years| -> Result<()> {
        let key = certificate(of, issuer, years)?;
        wrong.insert(name.to_owned(), Arc::new(key));
        Ok(())
    };
    let now = (year(2020), year(2100));
    add("expired", "*.site.test", &trusted, (year(2020), year(2021)))?;
    add("not-yet", "*.site.test", &trusted, (year(2090), year(2100)))?;
    add("wrong-name", "elsewhere.test", &trusted, now)?;
    add("unknown-issuer", "*.site.test", &unknown, now)?;
    let good = Arc::new(certificate("*.site.test", &trusted, now)?);
    let resolver = Arc::new(Certificates { good, wrong });
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    Ok((Arc::new(config), trusted.pem()))
}

fn authority(name: &str) -> Result<Issuer> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn certificate(
    name: &str,
    issuer: &Issuer,
    (from, until): (time::OffsetDateTime, time::OffsetDateTime),
) -> Result<CertifiedKey> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    (params.not_before, params.not_after) = (from, until);
    let made = params.signed_by(&key, issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = ring::sign::any_supported_type(&key).context("key of a certificate")?;
    Ok(CertifiedKey::new(vec![made.der().clone()], key))
}
