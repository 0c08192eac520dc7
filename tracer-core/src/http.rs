//! Reads the host and a few fields of an HTTP/1.1 request in clear (RFC 9110 7.2) from the first bytes of a stream.
//!
//! The crate `httparse` was considered for this and does not fit. It parses what a server may accept, while tracer has
//! to name the host of whatever a client sent: `httparse` stops at the first malformed field, so that a Host field
//! behind it is not found, and it refuses a Host value with control characters, which is shown escaped here. From a
//! capture that ends within the head it returns no fields; they can only be read out of the slots it has filled so far,
//! which its documentation does not promise, and only as many as there are slots. It would replace fifteen lines.

pub mod response;

use std::net::IpAddr;

use crate::host_name;

/// Limit of a host name's length, as in the DNS.
const LONGEST: usize = 255;

/// Name in the Host field without its port, in one spelling ([`host_name::canonical`]). None when the bytes contain no complete
/// Host field of a request, or when the field is an address.
pub fn host(bytes: &[u8]) -> Option<String> {
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let request = lines.next()?.strip_suffix(b"\r\n")?;
    if !request
        .rsplit(|&byte| byte == b' ')
        .next()?
        .starts_with(b"HTTP/1.")
    {
        return None;
    }
    let field = |line: &[u8]| -> Option<Vec<u8>> {
        let line = line.strip_suffix(b"\r\n")?;
        let colon = line.iter().position(|&byte| byte == b':')?;
        line[..colon]
            .eq_ignore_ascii_case(b"host")
            .then(|| line[colon + 1..].trim_ascii().to_vec())
    };
    let value = lines.take_while(|line| *line != b"\r\n").find_map(field)?;
    let name = without_port(&value);
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let is_address = str::from_utf8(name).is_ok_and(|text| text.parse::<IpAddr>().is_ok());
    let name = host_name::canonical(name);
    (!is_address && !name.is_empty()).then_some(name)
}

/// Value of a field of a request in clear, whose name is given in lower case.
pub fn field<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n').skip(1);
    let mut fields = lines.take_while(|line| *line != b"\r\n");
    fields.find_map(|line| {
        let line = line.strip_suffix(b"\r\n")?;
        let colon = line.iter().position(|&byte| byte == b':')?;
        let is_it = line[..colon].eq_ignore_ascii_case(name);
        is_it.then(|| line[colon + 1..].trim_ascii())
    })
}

/// True for a request after which the client wants its connection closed (RFC 9112 9.3): it says `close`, or speaks
/// HTTP/1.0 and does not say `keep-alive`.
pub fn asks_close(bytes: &[u8]) -> bool {
    let Some(request) = bytes.split(|&byte| byte == b'\n').next() else {
        return false;
    };
    let options = field(bytes, b"connection").unwrap_or_default();
    match request.trim_ascii_end() {
        request if request.ends_with(b" HTTP/1.0") => !list_has(options, b"keep-alive"),
        request => request.ends_with(b" HTTP/1.1") && list_has(options, b"close"),
    }
}

/// True if a list of words (RFC 9110 5.6.1) has a word, in upper or lower case.
fn list_has(list: &[u8], word: &[u8]) -> bool {
    let mut named = list.split(|&byte| byte == b',');
    named.any(|named| named.trim_ascii().eq_ignore_ascii_case(word))
}

/// True for a request of the method HEAD, whose response has no body (RFC 9110 9.3.2).
pub fn is_head(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HEAD ")
}

/// True if a request asks for compression (RFC 9110 12.5.3), false if it does not. None if its head was cut before that
/// is known.
pub fn asks_compression(bytes: &[u8]) -> Option<bool> {
    const CODINGS: [&[u8]; 6] = [b"gzip", b"x-gzip", b"deflate", b"br", b"zstd", b"*"];
    let Some(value) = field(bytes, b"accept-encoding") else {
        let is_whole = bytes.windows(4).any(|window| window == b"\r\n\r\n");
        return is_whole.then_some(false);
    };
    let mut codings = value.split(|&byte| byte == b',');
    Some(codings.any(|coding| {
        let mut parts = coding.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_refused =
            parts.any(|part| matches!(part, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"));
        CODINGS.contains(&name.as_slice()) && !is_refused
    }))
}

/// True for the preface of HTTP/2 (RFC 9113 3.4).
pub fn is_http2(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PRI * HTTP/2.0\r\n")
}

/// True for a request that asks to go on with HTTP/2 (RFC 7540 3.2).
pub fn asks_h2c(bytes: &[u8]) -> bool {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let mut fields = lines.skip(1).take_while(|line| *line != b"\r\n");
    fields.any(|line| {
        let colon = line.iter().position(|&byte| byte == b':');
        let Some((name, value)) = colon.map(|colon| (&line[..colon], &line[colon + 1..])) else {
            return false;
        };
        let mut names = value.split(|&byte| byte == b',');
        name.eq_ignore_ascii_case(b"upgrade")
            && names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"h2c"))
    })
}

/// Removes the port: `[::1]:80` gives `::1`, `a.example:80` gives `a.example`.
fn without_port(value: &[u8]) -> &[u8] {
    if let Some(rest) = value.strip_prefix(b"[") {
        return rest.split(|&byte| byte == b']').next().unwrap_or_default();
    }
    value.split(|&byte| byte == b':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts() {
        #[track_caller]
        fn check(bytes: &str, expected: Option<&str>) {
            assert_eq!(host(bytes.as_bytes()).as_deref(), expected, "{bytes:?}");
        }
        check(
            "GET / HTTP/1.1\r\nHost: A.example:8080\r\n\r\n",
            Some("a.example"),
        );
        check(
            "GET / HTTP/1.1\r\nAccept: */*\r\nhOsT:a.example\r\n\r\n",
            Some("a.example"),
        );
        check(
            "GET / HTTP/1.1\r\nHost: a.example.\r\n\r\n",
            Some("a.example"),
        );
        check("GET / HTTP/1.1\r\nHost: .\r\n\r\n", None);
        check("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", None);
        check("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", None);
        check("GET / HTTP/1.1\r\nHost: [a]:80\r\n\r\n", Some("a"));
        check(
            "GET / HTTP/1.1\r\nHost: a\x1b[2J\r\n\r\n",
            Some("a\\027[2j"),
        );
        check("GET / HTTP/1.1\r\nHost: cut", None);
        check("GET / HTTP/1.1\r\nHost: cut\r", None);
        check(
            "GET / HTTP/1.1\r\nHost: a.example\r\nCook",
            Some("a.example"),
        );
        check(
            "GET / HTTP/1.1\r\nno field\r\nA\x01: b\r\nHost: a.example\r\n",
            Some("a.example"),
        );
        let many = format!("GET / HTTP/1.1\r\n{}Host: a\r\n", "X: y\r\n".repeat(200));
        check(&many, Some("a"));
        check("GET / HTTP/1.0\r\n\r\nHost: body\r\n", None);
        check("GET / HTTP/1.1\r\nHost:\r\n\r\n", None);
        check("PRI * HTTP/2.0\r\nHost: a\r\n", None);
        check("SSH-2.0-x\r\nHost: a\r\n", None);
        check("", None);
    }

    #[test]
    fn clients_that_ask_for_the_close() {
        #[track_caller]
        fn check(head: &str, expected: bool) {
            assert_eq!(asks_close(head.as_bytes()), expected, "{head}");
        }
        check(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            true,
        );
        check("GET / HTTP/1.1\r\nconnection: TE, Close\r\n\r\n", true);
        check("GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n", false);
        check("GET / HTTP/1.1\r\n\r\nConnection: close\r\n", false);
        check("GET / HTTP/1.0\r\nHost: a\r\n\r\n", true);
        check("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", false);
        check("", false);
    }

    #[test]
    fn clients_that_ask_for_compression() {
        #[track_caller]
        fn check(head: &str, expected: Option<bool>) {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{head}");
            assert_eq!(asks_compression(head.as_bytes()), expected, "{head}");
        }
        check("Accept-Encoding: gzip, deflate\r\n\r\n", Some(true));
        check("accept-encoding: BR;q=1.0\r\nX: cut", Some(true));
        check("Accept-Encoding: identity\r\n\r\n", Some(false));
        check("Accept-Encoding: gzip;q=0\r\n\r\n", Some(false));
        check("Accept-Encoding:\r\n\r\n", Some(false));
        check("\r\n", Some(false));
        check("X: cut", None);
        check("\r\nAccept-Encoding: gzip\r\n", Some(false));
    }

    #[test]
    fn fields() {
        let head = b"GET / HTTP/1.1\r\nUSER-agent:  a b \r\n\r\nX: y\r\n";
        assert_eq!(field(head, b"user-agent"), Some(&b"a b"[..]));
        assert_eq!(field(head, b"x"), None);
        assert_eq!(field(b"GET / HTTP/1.1\r\nX: cut", b"x"), None);
    }

    #[test]
    fn http2_in_clear() {
        assert!(is_http2(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        assert!(!is_http2(b"PRI * HTTP/1.1\r\n\r\n"));
        let asks = |field: &str| {
            asks_h2c(
                format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\nUpgrade: h2c\r\n").as_bytes(),
            )
        };
        assert!(asks("Connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c"));
        assert!(asks("Upgrade: websocket, H2C"));
        assert!(!asks("Upgrade: websocket"));
        assert!(!asks("Upgrade: h2"));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
            let _ = (host(&bytes), asks_h2c(&bytes), asks_compression(&bytes));
        }
    }
}
