//! Cookie jar (RFC 6265) in memory, for sites that do not work without cookies. Off unless enabled.

use std::sync::{Mutex, PoisonError};

use cookie_store::{Cookie, CookieStore, RawCookie, StoreAction};
use hyper::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

use super::exchange::Head;

/// Limit of cookies; further ones are not kept.
const MAX_COOKIES: usize = 50_000;
/// Longest Set-Cookie field that is parsed (RFC 6265 section 6.1 asks for at least this).
const MAX_FIELD_BYTES: usize = 4096;

/// Cookies of all hosts.
#[derive(Debug, Default)]
pub(crate) struct Jar(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    store: CookieStore,
    /// Number of cookies added, less those that replaced another one; expired cookies stay counted.
    inserted: usize,
}

impl Jar {
    /// Adds the cookies for `url` to a request.
    pub(crate) fn give(&self, url: &Url, headers: &mut HeaderMap) {
        let jar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The store takes http on loopback for secure.
        let is_safe = |cookie: &&Cookie<'_>| is_encrypted(url) || cookie.secure() != Some(true);
        let pairs: Vec<String> = jar
            .store
            .matches(url)
            .into_iter()
            .filter(is_safe)
            .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
            .collect();
        drop(jar);
        if pairs.is_empty() {
            return;
        }
        // There is one field of this name at most (RFC 6265 section 5.4): what the user gave comes first.
        let given = headers.get(COOKIE).and_then(|value| value.to_str().ok());
        let all: Vec<_> = given.map(str::to_owned).into_iter().chain(pairs).collect();
        if let Ok(mut value) = HeaderValue::from_str(&all.join("; ")) {
            value.set_sensitive(true);
            headers.insert(COOKIE, value);
        }
    }

    /// Keeps the cookies that a response sets.
    pub(crate) fn learn(&self, url: &Url, head: &Head) {
        for field in head.headers.get_all(SET_COOKIE) {
            let Some(text) = field
                .to_str()
                .ok()
                .filter(|text| text.len() <= MAX_FIELD_BYTES)
            else {
                continue;
            };
            let Ok(cookie) = RawCookie::parse(text.to_owned()) else {
                continue;
            };
            let Some(cookie) = admitted(cookie, url) else {
                continue;
            };
            let mut jar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if jar.inserted >= MAX_COOKIES {
                return;
            }
            if !is_encrypted(url) && jar.has_secure(&cookie, url) {
                continue;
            }
            match jar.store.insert_raw(&cookie, url) {
                Ok(StoreAction::Inserted) => jar.inserted += 1,
                Ok(_) => {}
                Err(error) => tracing::debug!(%url, %error, "cookie not kept"),
            }
        }
    }
}

impl Kept {
    /// True if https has set a cookie of this name that an answer in clear would overwrite or stand beside.
    fn has_secure(&self, cookie: &RawCookie<'_>, url: &Url) -> bool {
        self.store.iter_any().any(|kept| {
            kept.secure() == Some(true)
                && kept.name() == cookie.name()
                && kept.domain.matches(url)
                && !kept.is_expired()
        })
    }
}

fn is_encrypted(url: &Url) -> bool {
    url.scheme() == "https"
}

/// Cookie as it may be kept; `None` when it may not be kept.
fn admitted(mut cookie: RawCookie<'static>, url: &Url) -> Option<RawCookie<'static>> {
    let is_secure = cookie.secure() == Some(true);
    let needs_secure = |prefix: &str| {
        let name = cookie.name().as_bytes();
        let begin = name.get(..prefix.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    let is_host = needs_secure("__Host-");
    // What came in clear says nothing of https, and both prefixes promise that https has set it (RFC 6265bis section 5.7).
    if (is_secure && !is_encrypted(url)) || (!is_secure && (is_host || needs_secure("__Secure-"))) {
        return None;
    }
    if is_host && (cookie.domain().is_some() || cookie.path() != Some("/")) {
        return None;
    }
    let domain = cookie.domain().unwrap_or("").trim_start_matches('.');
    let domain = domain.to_ascii_lowercase();
    // A cookie for a public suffix would go to hosts of strangers (RFC 6265 section 5.3 step 5).
    if !domain.is_empty() && psl::domain_str(&domain).is_none() {
        if url.host_str() != Some(&domain) {
            return None;
        }
        cookie.unset_domain();
    }
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[&'static str]) -> Head {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(SET_COOKIE, HeaderValue::from_static(field));
        }
        Head {
            status: hyper::StatusCode::OK,
            version: hyper::Version::HTTP_11,
            headers,
        }
    }

    fn sent(jar: &Jar, url: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        jar.give(&Url::parse(url).unwrap(), &mut headers);
        Some(headers.get(COOKIE)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_go_back_where_they_came_from() {
        let jar = Jar::default();
        let url = Url::parse("https://www.shop.example/a/b").unwrap();
        jar.learn(
            &url,
            &head(&["id=1; Path=/; Secure", "all=2; Domain=shop.example; Path=/"]),
        );
        jar.learn(
            &url,
            &head(&[
                "evil=3; Domain=example",
                "other=4; Domain=elsewhere.example",
                "broken",
            ]),
        );
        assert_eq!(
            sent(&jar, "https://www.shop.example/")
                .as_deref()
                .map(str::len),
            Some("id=1; all=2".len())
        );
        assert_eq!(
            sent(&jar, "http://www.shop.example/").as_deref(),
            Some("all=2")
        );
        assert_eq!(
            sent(&jar, "https://img.shop.example/").as_deref(),
            Some("all=2")
        );
        assert_eq!(sent(&jar, "https://other.example/"), None);
        jar.learn(
            &url,
            &head(&["all=; Domain=shop.example; Path=/; Max-Age=0"]),
        );
        assert_eq!(sent(&jar, "https://img.shop.example/"), None);
    }

    #[track_caller]
    fn check(set_by: &str, field: &'static str, asked: &str, expected: Option<&str>) {
        let jar = Jar::default();
        jar.learn(&Url::parse(set_by).unwrap(), &head(&[field]));
        assert_eq!(
            sent(&jar, asked).as_deref(),
            expected,
            "{field} of {set_by}"
        );
    }

    #[test]
    fn secure_cookies_stay_encrypted_on_loopback_too() {
        for host in ["a.example", "localhost", "127.0.0.1", "[::1]"] {
            let (https, http) = (format!("https://{host}/"), format!("http://{host}/"));
            check(&https, "a=1; Secure", &https, Some("a=1"));
            check(&https, "a=1; Secure", &http, None);
            check(&http, "a=1; Secure", &http, None);
            check(&http, "a=1; Secure", &https, None);
            check(&https, "a=1", &http, Some("a=1"));
        }
    }

    #[test]
    fn an_answer_in_clear_does_not_replace_a_secure_cookie() {
        let jar = Jar::default();
        let page = |scheme| Url::parse(&format!("{scheme}://a.example/")).unwrap();
        jar.learn(&page("https"), &head(&["a=1; Secure; Path=/"]));
        jar.learn(&page("http"), &head(&["a=2; Path=/", "b=3; Path=/"]));
        assert_eq!(sent(&jar, "http://a.example/").as_deref(), Some("b=3"));
        let both = sent(&jar, "https://a.example/").unwrap();
        assert!(both.contains("a=1") && !both.contains("a=2"), "{both}");
    }

    #[test]
    fn hosts_ports_and_public_suffixes() {
        let page = "https://www.shop.example/";
        check(page, "a=1", "https://shop.example/", None);
        check(page, "a=1", "https://x.www.shop.example/", None);
        check(
            page,
            "a=1; Domain=www.shop.example",
            "https://x.www.shop.example/",
            Some("a=1"),
        );
        // Hosts of one owner each are below it.
        check(
            "https://github.io/",
            "a=1; Domain=github.io",
            "https://github.io/",
            Some("a=1"),
        );
        check(
            "https://github.io/",
            "a=1; Domain=github.io",
            "https://evil.github.io/",
            None,
        );
        check(
            "http://127.0.0.1/",
            "a=1; Domain=0.0.1",
            "http://10.0.0.1/",
            None,
        );
        check(page, "__Host-a=1; Secure; Path=/", page, Some("__Host-a=1"));
        check(
            page,
            "__Host-a=1; Secure; Path=/; Domain=shop.example",
            page,
            None,
        );
        check(page, "__Secure-a=1; Path=/", page, None);
    }

    #[test]
    fn a_given_cookie_stays_beside_those_of_the_jar() {
        let jar = Jar::default();
        let page = Url::parse("http://a.example/").unwrap();
        jar.learn(&page, &head(&["b=2"]));
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_static("a=1"));
        jar.give(&page, &mut headers);
        assert_eq!(headers[COOKIE], "a=1; b=2");
        assert!(headers[COOKIE].is_sensitive());
    }
}
