//! Referer header (RFC 9110, section 10.1.3) according to a Referrer Policy (W3C), section 8.3.

use url::Url;

use crate::settings::ReferrerPolicy;

/// Length above which a Referer is cut down to the origin, as in browsers.
const MAX_BYTES: usize = 4096;

/// Referer of a request for `to` that was found on the page `from`; `None` if there is to be no Referer.
pub fn referer(policy: ReferrerPolicy, from: &Url, to: &Url) -> Option<String> {
    if !matches!(from.scheme(), "http" | "https") {
        return None;
    }
    let same = from.origin() == to.origin();
    let downgrade = from.scheme() == "https" && to.scheme() != "https";
    match policy {
        ReferrerPolicy::NoReferrer => None,
        ReferrerPolicy::Origin => Some(origin(from)),
        ReferrerPolicy::SameOrigin => same.then(|| full(from)),
        ReferrerPolicy::StrictOriginWhenCrossOrigin if same => Some(full(from)),
        ReferrerPolicy::StrictOriginWhenCrossOrigin => (!downgrade).then(|| origin(from)),
    }
}

fn origin(from: &Url) -> String {
    format!("{}/", from.origin().ascii_serialization())
}

/// URL without user name, password and fragment.
fn full(from: &Url) -> String {
    let mut url = from.clone();
    url.set_fragment(None);
    // Both calls succeed for http and https.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if url.as_str().len() > MAX_BYTES {
        return origin(from);
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        #[track_caller]
        fn check(policy: ReferrerPolicy, from: &str, to: &str, expected: Option<&str>) {
            let (from, to) = (Url::parse(from).unwrap(), Url::parse(to).unwrap());
            assert_eq!(
                referer(policy, &from, &to).as_deref(),
                expected,
                "{policy:?} {from} {to}"
            );
        }
        use ReferrerPolicy as P;
        let page = "https://me:pw@a.example/p/1?q=2#frag";
        let whole = Some("https://a.example/p/1?q=2");
        let start = Some("https://a.example/");
        check(P::NoReferrer, page, "https://a.example/", None);
        check(P::Origin, page, "https://a.example/", start);
        check(P::Origin, page, "http://b.example/", start);
        check(P::SameOrigin, page, "https://a.example/2", whole);
        check(P::SameOrigin, page, "https://b.example/", None);
        check(P::SameOrigin, page, "https://a.example:8443/", None);
        check(
            P::StrictOriginWhenCrossOrigin,
            page,
            "https://a.example/2",
            whole,
        );
        check(
            P::StrictOriginWhenCrossOrigin,
            page,
            "https://b.example/",
            start,
        );
        check(
            P::StrictOriginWhenCrossOrigin,
            page,
            "http://a.example/",
            None,
        );
        check(
            P::StrictOriginWhenCrossOrigin,
            "http://a.example/x",
            "https://b.example/",
            Some("http://a.example/"),
        );
        check(P::Origin, "data:text/html,x", "https://b.example/", None);
        let long = format!("https://a.example/{}", "x".repeat(5000));
        check(P::SameOrigin, &long, "https://a.example/2", start);
    }
}
