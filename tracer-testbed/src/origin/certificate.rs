//! Certificate authority and server certificate, made at start.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;

use super::{OriginError, TlsOptions};

/// Chain and key for rustls, and the authority's file for clients.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    ca_file: CaFile,
}

/// PEM file of the authority: kept when the user named it, else removed on drop.
#[derive(Debug)]
enum CaFile {
    Kept(PathBuf),
    Temporary(NamedTempFile),
}

impl Certificate {
    pub(super) fn new(options: &TlsOptions) -> Result<Self, OriginError> {
        let made = make(&options.names);
        let (chain, key, ca) = made.map_err(|source| OriginError::Certificate {
            names: options.names.clone(),
            source,
        })?;
        let ca_file = CaFile::write(options.ca_file.as_deref(), &ca)?;
        Ok(Self {
            chain,
            key,
            ca_file,
        })
    }

    pub(super) fn ca_file(&self) -> &Path {
        match &self.ca_file {
            CaFile::Kept(path) => path,
            CaFile::Temporary(file) => file.path(),
        }
    }
}

impl CaFile {
    fn write(path: Option<&Path>, pem: &str) -> Result<Self, OriginError> {
        let file_error = |path: &Path, source| OriginError::File {
            path: path.to_owned(),
            source,
        };
        if let Some(path) = path {
            std::fs::write(path, pem).map_err(|source| file_error(path, source))?;
            return Ok(Self::Kept(path.to_owned()));
        }
        let temporary = tempfile::Builder::new()
            .prefix("tracer-testbed-ca-")
            .suffix(".pem")
            .tempfile();
        let mut file = temporary.map_err(|source| file_error(&std::env::temp_dir(), source))?;
        let written = file.write_all(pem.as_bytes());
        written.map_err(|source| file_error(file.path(), source))?;
        Ok(Self::Temporary(file))
    }
}

type Made = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, String);

/// Makes the chain, the server's key, and the authority as PEM.
fn make(names: &[String]) -> Result<Made, rcgen::Error> {
    let authority = authority()?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok((vec![certificate.der().clone()], key, authority.pem()))
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "tracer testbed");
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}
