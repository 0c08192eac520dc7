//! Finds out whether a handshake chose HTTP/2 (ALPN `h2`, RFC 7301). Up to TLS 1.2 the ServerHello names the protocol. In
//! TLS 1.3 the name is in EncryptedExtensions, the server's first encrypted message, and its length tells which of the
//! names that the client offered it holds, as long as no other extension makes two of them look alike.

use super::{client::ClientHello, server::ServerHello, version::TlsVersion};

const HTTP_2: &[u8] = b"h2";
/// Bytes of EncryptedExtensions without extensions: message header, length of the list (RFC 8446 4.3.1).
const EMPTY: u16 = 4 + 2;
/// Bytes of an extension with ALPN besides the name: type, length, length of the list, length of the name.
const AROUND_NAME: u16 = 2 + 2 + 2 + 1;
/// Bytes of an acknowledged server name, and of accepted early data: type and length.
const ACKNOWLEDGED: u16 = 2 + 2;
/// Bytes of record_size_limit (RFC 8449): type, length, limit.
const SIZE_LIMIT: u16 = 2 + 2 + 2;
/// Bytes of the header of a Finished.
const FINISHED_HEADER: u16 = 4;
/// Bytes that encryption adds: type and tag (RFC 8446 5.2); the tag is shorter with the CCM_8 suite.
const ADDED: u16 = 1 + 16;
const ADDED_CCM_8: u16 = 1 + 8;
/// Bytes that the TLS of the JDK adds to each record.
const PADDING: u16 = 16;
/// Cipher suites (RFC 8446 B.4) with a hash of 48 bytes, and with the short tag.
const AES_256_GCM_SHA384: u16 = 0x1302;
const AES_128_CCM_8_SHA256: u16 = 0x1305;

/// True if the handshake chose HTTP/2, false if it chose another protocol or none; None when that is not known.
/// `encrypted`: length of the server's first encrypted record.
pub(super) fn is_http2(
    client: Option<&ClientHello>,
    server: Option<&ServerHello>,
    encrypted: Option<u16>,
) -> Option<bool> {
    let client = client.filter(|client| !client.partial);
    if client.is_some_and(|client| client.alpn.iter().all(|name| name != HTTP_2)) {
        return Some(false);
    }
    let server = server?;
    match &server.alpn {
        Some(name) => Some(name == HTTP_2),
        None if server.version != TlsVersion::TLS_1_3 => (!server.partial).then_some(false),
        None => by_length(client?, server, encrypted?),
    }
}

/// Decision by the length of a record that holds EncryptedExtensions alone, or together with the Finished of a resumed
/// handshake.
fn by_length(client: &ClientHello, server: &ServerHello, length: u16) -> Option<bool> {
    let added = match server.cipher_suite {
        AES_128_CCM_8_SHA256 => ADDED_CCM_8,
        _ => ADDED,
    };
    let hash = match server.cipher_suite {
        AES_256_GCM_SHA384 => 48,
        _ => 32,
    };
    let finished = server.psk_accepted.then_some(FINISHED_HEADER + hash);
    let mut found = None;
    for (name, is_http2) in names(client) {
        for other in others(client) {
            let alone = EMPTY + name + other + added;
            let both = finished.map(|finished| alone + finished);
            if [Some(alone), Some(alone + PADDING), both].contains(&Some(length)) {
                if found.is_some_and(|before| before != is_http2) {
                    return None;
                }
                found = Some(is_http2);
            }
        }
    }
    found
}

/// Bytes that the chosen name takes, for each name offered and for none, and whether that is HTTP/2.
fn names(client: &ClientHello) -> impl Iterator<Item = (u16, bool)> + '_ {
    let offered = client.alpn.iter().map(|name| {
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX / 2);
        (AROUND_NAME + length, name == HTTP_2)
    });
    std::iter::once((0, false)).chain(offered)
}

/// Bytes of the other extensions that a server may put there, for each set of those that the client offers.
fn others(client: &ClientHello) -> impl Iterator<Item = u16> {
    let offered = [
        (client.sni.is_some(), ACKNOWLEDGED),
        (client.early_data, ACKNOWLEDGED),
        (client.record_size_limit, SIZE_LIMIT),
    ];
    (0..8_u8).filter_map(move |set| {
        let chosen = offered.iter().enumerate();
        chosen
            .filter(|(at, _)| set >> at & 1 == 1)
            .map(|(_, &(is_offered, bytes))| is_offered.then_some(bytes))
            .sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::ServerName;

    /// Offer with these names, behind a server name if `sni`.
    fn client(names: &[&str], sni: bool) -> ClientHello {
        let mut body = vec![3, 3];
        body.extend([0; 33]);
        body.extend([0, 2, 0x13, 1, 1, 0]);
        let mut hello = ClientHello::parse(&body).unwrap();
        hello.alpn = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        hello.sni = sni.then(|| ServerName::new(b"a.example")).flatten();
        hello
    }

    fn server(psk_accepted: bool, cipher_suite: u16) -> ServerHello {
        let mut body = vec![3, 3];
        body.extend([0; 33]);
        body.extend(cipher_suite.to_be_bytes());
        body.extend([0, 0, 6, 0, 43, 0, 2, 3, 4]);
        let mut hello = ServerHello::parse(&body).unwrap();
        hello.psk_accepted = psk_accepted;
        hello
    }

    /// Lengths measured with six servers, with and without padding, and with an acknowledged name.
    #[test]
    fn lengths_of_encrypted_extensions() {
        let client = client(&["h2", "http/1.1"], true);
        let check = |length, expected| {
            let found = is_http2(Some(&client), Some(&server(false, 0x1301)), Some(length));
            assert_eq!(found, expected, "{length}");
        };
        for (none, http_2, http_1) in [(23, 32, 38), (27, 36, 42), (39, 48, 54)] {
            check(none, Some(false));
            check(http_2, Some(true));
            check(http_1, Some(false));
        }
        // Another extension, or the certificate in the same record.
        for length in [22, 33, 60, 520] {
            check(length, None);
        }
    }

    #[test]
    fn extensions_that_make_two_protocols_look_alike() {
        let mut client = client(&["h2", "http/1.1"], false);
        client.record_size_limit = true;
        let found = |length| is_http2(Some(&client), Some(&server(false, 0x1301)), Some(length));
        assert_eq!(found(38), None);
        assert_eq!(found(32), Some(true));
        assert_eq!(found(44), Some(false));
    }

    /// A server may put its Finished into the same record.
    #[test]
    fn resumed_in_one_record() {
        let client = client(&["h2", "http/1.1"], false);
        let found =
            |suite, length| is_http2(Some(&client), Some(&server(true, suite)), Some(length));
        assert_eq!(found(0x1301, 6 + 9 + 36 + 17), Some(true));
        assert_eq!(found(0x1302, 6 + 15 + 52 + 17), Some(false));
    }

    #[test]
    fn what_is_not_offered_is_not_chosen() {
        assert_eq!(
            is_http2(Some(&client(&["http/1.1"], false)), None, None),
            Some(false)
        );
        assert_eq!(is_http2(Some(&client(&[], false)), None, None), Some(false));
        assert_eq!(
            is_http2(Some(&client(&["h2"], false)), None, Some(32)),
            None
        );
        assert_eq!(is_http2(None, Some(&server(false, 0x1301)), Some(32)), None);
    }
}
