//! A rustls client: `rustls_client MODE ADDRESS NAME COUNT CA VERSION`.
//!
//! MODE is `full` (no resumption), `resume` (a session store), `certificate` (a client
//! certificate: CERTIFICATE and KEY in the environment), `large` (a ClientHello of several
//! kilobytes, its extensions in random order) or `records` (records of at most 64 bytes, so that
//! the large ClientHello takes many). Each connection sends one request and reads to the end.
//! Prints the number of connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::client::Resumption;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, address, name, count, ca, version] = arguments.as_slice() else {
        bail!("rustls_client MODE ADDRESS NAME COUNT CA VERSION");
    };
    let config = Arc::new(configuration(mode, ca, version)?);
    let name = ServerName::try_from(name.clone())?;
    let (mut full, mut resumed) = (0, 0);
    for _ in 0..count.parse()? {
        match visit(address, Arc::clone(&config), name.clone())? {
            HandshakeKind::Resumed => resumed += 1,
            _ => full += 1,
        }
    }
    let connections = full + resumed;
    println!(
        r#"{{"requests":{connections},"connections":{connections},"full":{full},"resumed":{resumed}}}"#
    );
    Ok(())
}

fn configuration(mode: &str, ca: &str, version: &str) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let versions = match version {
        "1.2" => [&rustls::version::TLS12],
        _ => [&rustls::version::TLS13],
    };
    let builder =
        ClientConfig::builder_with_protocol_versions(&versions).with_root_certificates(roots);
    let mut config = match mode {
        "certificate" => builder.with_client_auth_cert(
            vec![CertificateDer::from_pem_file(std::env::var(
                "CERTIFICATE",
            )?)?],
            PrivateKeyDer::from_pem_file(std::env::var("KEY")?)?,
        )?,
        _ => builder.with_no_client_auth(),
    };
    if mode != "resume" {
        config.resumption = Resumption::disabled();
    }
    if matches!(mode, "large" | "records") {
        config.alpn_protocols = (0..100)
            .map(|n| format!("protocol-of-no-use-{n:04}").into())
            .collect();
        config.alpn_protocols.push("http/1.1".into());
    }
    if mode == "records" {
        config.max_fragment_size = Some(64);
    }
    Ok(config)
}

fn visit(
    address: &str,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> Result<HandshakeKind> {
    let connection = ClientConnection::new(config, name)?;
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
    stream.write_all(b"GET / HTTP/1.0\r\nConnection: close\r\n\r\n")?;
    let mut page = Vec::new();
    // A server that closes without close_notify is an error to rustls, not to this count.
    if let Err(error) = stream.read_to_end(&mut page)
        && error.kind() != std::io::ErrorKind::UnexpectedEof
    {
        return Err(error.into());
    }
    stream.conn.handshake_kind().context("no handshake")
}
