//! Cookie jar (RFC 6265) in memory, for sites that do not work without cookies. Off unless enabled.

use std::sync::{Mutex, PoisonError};

use cookie_store::{CookieStore, RawCookie, StoreAction};
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
        let pairs: Vec<String> = jar
            .store
            .get_request_values(url)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        drop(jar);
        if let (false, Ok(mut value)) = (pairs.is_empty(), HeaderValue::from_str(&pairs.join("; ")))
        {
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
            if is_for_all(&cookie, url) {
                continue;
            }
            let mut jar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if jar.inserted >= MAX_COOKIES {
                return;
            }
            match jar.store.insert_raw(&cookie, url) {
                Ok(StoreAction::Inserted) => jar.inserted += 1,
                Ok(_) => {}
                Err(error) => tracing::debug!(%url, %error, "cookie not kept"),
            }
        }
    }
}

/// True for a cookie of a public suffix, which would be sent to unrelated hosts (section 5.3 step 5).
fn is_for_all(cookie: &RawCookie<'_>, url: &Url) -> bool {
    cookie.domain().is_some_and(|domain| {
        let domain = domain.trim_start_matches('.').to_ascii_lowercase();
        url.host_str() != Some(&domain) && psl::domain_str(&domain).is_none()
    })
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
}
