//! Redirects (RFC 9110 section 15.4).

use hyper::{Method, StatusCode};
use url::Url;

use super::exchange::Head;
use crate::canonical::one_authority;
use crate::credentials;
use crate::outcome::Failure;

/// Next request of a chain of redirects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Target of the redirect.
    pub url: Url,
    /// Method for the target.
    pub method: Method,
}

/// Request that a response to `method` on `url` redirects to; `None` when the response is no redirect.
///
/// Relative targets are resolved. Fragments are dropped, because a request does not carry them (section 10.2.2).
pub fn next(method: &Method, url: &Url, head: &Head) -> Result<Option<Hop>, Failure> {
    let Some(method) = next_method(method, head.status) else {
        return Ok(None);
    };
    let Some(field) = head.headers.get(hyper::header::LOCATION) else {
        return Ok(None);
    };
    // Servers send UTF-8 here although the field is ASCII; the URL parser encodes it.
    let target = String::from_utf8_lossy(field.as_bytes());
    let bad = || Failure::BadRedirect {
        target: credentials::shown(&target)
            .chars()
            .take(200)
            .collect::<String>()
            .into(),
    };
    // An empty one sends nowhere, in browsers as well.
    if target.trim().is_empty() {
        return Ok(None);
    }
    let mut url = url.join(&one_authority(&target)).map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad());
    }
    url.set_fragment(None);
    // A server must not make the crawler log in somewhere.
    credentials::drop_from(&mut url);
    Ok(Some(Hop { url, method }))
}

/// Method after a redirect: 301 and 302 change POST to GET, 303 changes all but HEAD, 307 and 308 change nothing.
/// `None` for other statuses.
fn next_method(method: &Method, status: StatusCode) -> Option<Method> {
    match status.as_u16() {
        301 | 302 if *method == Method::POST => Some(Method::GET),
        303 if *method != Method::HEAD => Some(Method::GET),
        301 | 302 | 303 | 307 | 308 => Some(method.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderMap, HeaderValue, LOCATION};

    fn hop(method: Method, status: u16, location: &[u8]) -> Result<Option<Hop>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_bytes(location).unwrap());
        let head = Head {
            status: StatusCode::from_u16(status).unwrap(),
            version: hyper::Version::HTTP_11,
            headers,
        };
        next(
            &method,
            &Url::parse("http://a.example/x/y?q#f").unwrap(),
            &head,
        )
    }

    #[test]
    fn methods() {
        for (method, status, expected) in [
            (Method::GET, 301, Some(Method::GET)),
            (Method::POST, 301, Some(Method::GET)),
            (Method::HEAD, 302, Some(Method::HEAD)),
            (Method::POST, 303, Some(Method::GET)),
            (Method::HEAD, 303, Some(Method::HEAD)),
            (Method::POST, 307, Some(Method::POST)),
            (Method::POST, 308, Some(Method::POST)),
            (Method::GET, 300, None),
            (Method::GET, 304, None),
            (Method::GET, 200, None),
        ] {
            let next = hop(method.clone(), status, b"/z")
                .unwrap()
                .map(|hop| hop.method);
            assert_eq!(next, expected, "{method} {status}");
        }
    }

    #[test]
    fn targets() {
        for (location, expected) in [
            (&b"z"[..], Some("http://a.example/x/z")),
            (b"//b.example", Some("http://b.example/")),
            (b"https://b.example/#part", Some("https://b.example/")),
            (b"?p", Some("http://a.example/x/y?p")),
            ("/\u{e4}".as_bytes(), Some("http://a.example/%C3%A4")),
            (b"", None),
            (b" ", None),
            (b"///b.example/x", Some("http://b.example/x")),
            (b"//me:pw@b.example/", Some("http://b.example/")),
            (b"javascript:alert(1)", None),
            (b"http://", None),
        ] {
            let next = hop(Method::GET, 302, location);
            assert_eq!(
                next.ok()
                    .flatten()
                    .map(|hop| hop.url.to_string())
                    .as_deref(),
                expected
            );
        }
        let error = hop(Method::GET, 302, b"ftp://me:hunter2@b.example/").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
