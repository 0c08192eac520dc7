//! Head of a response of HTTP/1.1 in clear: what it says about its body and its connection (RFC 9110 8, RFC 9112 9.3).

use super::{field, list_has};

/// Beginning of a status line.
const PROTOCOL: &[u8] = b"HTTP/1.";
/// Statuses of responses that hold what was asked for, whole (RFC 9110 15.3).
const WHOLE: std::ops::RangeInclusive<u16> = 200..=203;
/// Interim responses that are passed over at most.
const INTERIM: usize = 4;

/// Fields whose values are read. A recording has the values of no others.
pub const FIELDS: [&[u8]; 5] = [
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"transfer-encoding",
];

/// Knowledge of the body that a response carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    /// True for text that compression makes smaller.
    pub is_text: bool,
    /// True if it is compressed.
    pub is_compressed: bool,
    /// Length on the wire; None if the head does not say it.
    pub length: Option<u64>,
}

/// Head of a response, as far as its bytes were reported.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    bytes: &'a [u8],
    status: u16,
    /// Number of bytes before the head: those of interim responses.
    before: usize,
    /// True if the end of the head is there.
    is_whole: bool,
}

impl<'a> Response<'a> {
    /// Final response at the beginning of these bytes, behind interim ones (RFC 9110 15.2). None if there is none.
    pub fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let all = bytes.len();
        for _ in 0..INTERIM {
            let status = status(bytes)?;
            let end = end_of_head(bytes);
            if !(100..200).contains(&status) {
                let (head, is_whole) = (&bytes[..end.unwrap_or(bytes.len())], end.is_some());
                return Some(Self {
                    bytes: head,
                    status,
                    before: all - bytes.len(),
                    is_whole,
                });
            }
            bytes = &bytes[end?..];
        }
        None
    }

    /// True if the server will close the connection: it says `close`, or speaks HTTP/1.0 and does not say `keep-alive`.
    /// False also if the head was cut before it says so.
    pub fn asks_close(&self) -> bool {
        let options = field(self.bytes, b"connection").unwrap_or_default();
        match self.bytes.starts_with(b"HTTP/1.0") {
            true => self.is_whole && !list_has(options, b"keep-alive"),
            false => list_has(options, b"close"),
        }
    }

    /// True if the response carries a representation, and not a part of it or an error.
    pub fn is_whole_answer(&self) -> bool {
        WHOLE.contains(&self.status)
    }

    /// Number of bytes from the first one to the end of the body; None if the head does not say it.
    pub fn length(&self) -> Option<u64> {
        /// Statuses of responses without a body (RFC 9112 6.3).
        const NO_BODY: [u16; 2] = [204, 304];
        if !self.is_whole || NO_BODY.contains(&self.status) {
            return None;
        }
        let body = field(self.bytes, b"content-length").and_then(number)?;
        body.checked_add((self.before + self.bytes.len()) as u64)
    }

    /// Knowledge of the body; None if the head was cut before it could be had.
    pub fn body(&self) -> Option<Body> {
        let encoding = field(self.bytes, b"content-encoding");
        let kind = field(self.bytes, b"content-type");
        if !self.is_whole && (encoding.is_none() || kind.is_none()) {
            return None;
        }
        let is_coded =
            |coding: &[u8]| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity");
        let length = field(self.bytes, b"content-length").and_then(number);
        Some(Body {
            is_text: kind.is_some_and(is_text),
            is_compressed: encoding.is_some_and(is_coded),
            length,
        })
    }
}

/// Status of the response that the bytes begin with.
fn status(bytes: &[u8]) -> Option<u16> {
    let rest = bytes.strip_prefix(PROTOCOL)?;
    let digits = rest.get(2..5)?;
    u16::try_from(number(digits)?).ok()
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let at = bytes.windows(END.len()).position(|window| window == END)?;
    Some(at + END.len())
}

fn number(digits: &[u8]) -> Option<u64> {
    let text = str::from_utf8(digits).ok()?;
    text.parse().ok()
}

/// True for media types of text. Pictures, sound, archives and fonts are compressed already; an event stream is sent
/// piece by piece.
fn is_text(kind: &[u8]) -> bool {
    const TEXT: [&[u8]; 6] = [
        b"application/json",
        b"application/xml",
        b"application/javascript",
        b"application/x-javascript",
        b"application/x-ndjson",
        b"application/ecmascript",
    ];
    let name = kind.split(|&byte| byte == b';').next().unwrap_or_default();
    let name = name.trim_ascii().to_ascii_lowercase();
    if name == b"text/event-stream" {
        return false;
    }
    name.starts_with(b"text/")
        || name.ends_with(b"+json")
        || name.ends_with(b"+xml")
        || TEXT.contains(&name.as_slice())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(head: &str) -> Option<Body> {
        Response::read(head.as_bytes()).and_then(|response| response.body())
    }

    #[test]
    fn bodies() {
        #[track_caller]
        fn check(fields: &str, expected: (bool, bool, Option<u64>)) {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n<body>");
            let body = body(&head).unwrap();
            assert_eq!(
                (body.is_text, body.is_compressed, body.length),
                expected,
                "{fields}"
            );
        }
        check(
            "Content-Type: text/html; charset=utf-8\r\nContent-Length: 7",
            (true, false, Some(7)),
        );
        check(
            "content-type: TEXT/css\r\nContent-Encoding: gzip",
            (true, true, None),
        );
        check(
            "content-type: application/json\r\nContent-Encoding: identity",
            (true, false, None),
        );
        check("content-type: image/svg+xml", (true, false, None));
        check("content-type: application/ld+json;x=y", (true, false, None));
        check(
            "content-type: image/png\r\nContent-Length: x",
            (false, false, None),
        );
        check("content-type: application/zip", (false, false, None));
        check("content-type: text/event-stream", (false, false, None));
        check("x: text/html", (false, false, None));
    }

    #[test]
    fn a_head_that_is_cut() {
        assert_eq!(
            body("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Coo"),
            None
        );
        let both = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: br\r\nSet-Coo";
        assert!(body(both).is_some_and(|body| body.is_compressed));
        assert_eq!(body("HTTP/1.1 20"), None);
        assert_eq!(body("SSH-2.0"), None);
    }

    #[test]
    fn interim_responses_are_passed_over() {
        let early = "HTTP/1.1 103 Early Hints\r\nContent-Type: image/png\r\n\r\n";
        let last = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n";
        assert!(body(&format!("{early}{early}{last}")).is_some_and(|body| body.is_text));
        assert_eq!(body(&early.repeat(9)), None);
        assert_eq!(body(early), None);
    }

    #[test]
    fn statuses_with_a_whole_answer() {
        for (status, expected) in [
            (200, true),
            (203, true),
            (204, false),
            (206, false),
            (304, false),
            (404, false),
        ] {
            let head = format!("HTTP/1.1 {status} x\r\n\r\n");
            let response = Response::read(head.as_bytes()).unwrap();
            assert_eq!(response.is_whole_answer(), expected, "{status}");
        }
    }

    #[test]
    fn lengths() {
        let length = |head: &str| Response::read(head.as_bytes()).and_then(|it| it.length());
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
        assert_eq!(length(&format!("{head}abc")), Some(head.len() as u64 + 10));
        let interim = "HTTP/1.1 100 Continue\r\n\r\n";
        let both = (interim.len() + head.len()) as u64 + 10;
        assert_eq!(length(&format!("{interim}{head}")), Some(both));
        assert_eq!(
            length("HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"),
            None
        );
        assert_eq!(
            length("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            None
        );
        assert_eq!(
            length("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX: cut"),
            None
        );
    }

    #[test]
    fn servers_that_will_close() {
        #[track_caller]
        fn check(head: &str, expected: bool) {
            let response = Response::read(head.as_bytes()).unwrap();
            assert_eq!(response.asks_close(), expected, "{head}");
        }
        check("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", true);
        check("HTTP/1.1 200 OK\r\nconnection: x, Close\r\nX: cut", true);
        check("HTTP/1.1 200 OK\r\n\r\nConnection: close\r\n", false);
        check("HTTP/1.0 200 OK\r\n\r\n", true);
        check("HTTP/1.0 200 OK\r\nX: cut", false);
        check("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", false);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..700), begins: bool) {
            let bytes = [if begins { &b"HTTP/1.1 200 OK\r\n"[..] } else { &[] }, &bytes].concat();
            if let Some(response) = Response::read(&bytes) {
                let _ = (response.body(), response.asks_close(), response.is_whole_answer());
            }
        }
    }
}
