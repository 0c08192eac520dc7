//! A self-signed certificate for one test, made by the openssl command.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use crate::process::output;

/// Names of every certificate. Only `localhost` can be resolved.
const NAMES: &str =
    "subjectAltName=DNS:localhost,DNS:*.tracer.test,IP:127.0.0.1,IP:::1,IP:10.77.0.2";

/// A certificate and its key in a directory that goes away with it.
pub struct Certificate {
    directory: TempDir,
}

impl Certificate {
    /// Makes a small certificate (ECDSA P-256), with which the server's flight fits one segment.
    pub fn small() -> Result<Self> {
        Self::make(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
    }

    /// Makes a large certificate (RSA 4096), with which the server's flight is as long as several records.
    pub fn large() -> Result<Self> {
        Self::make(&["-newkey", "rsa:4096"])
    }

    fn make(key: &[&str]) -> Result<Self> {
        let made = Self {
            directory: tempfile::tempdir()?,
        };
        output(
            Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=localhost",
                ])
                .args([
                    "-addext",
                    NAMES,
                    "-addext",
                    "basicConstraints=critical,CA:FALSE",
                ])
                .args(key)
                .arg("-keyout")
                .arg(made.key())
                .arg("-out")
                .arg(made.path()),
        )?;
        Ok(made)
    }

    /// PEM file of the certificate.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// PEM file of the private key.
    pub fn key(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }
}
