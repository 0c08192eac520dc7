//! The generated site: a tree of linked pages, and plain bodies for every other path.

use std::fmt::Write as _;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, StatusCode, header};

/// Links from one page to pages further down.
const BRANCHES: u64 = 4;

/// What answers a path.
#[derive(Debug)]
pub(super) struct Site {
    pages: u64,
    body_bytes: usize,
    /// Shared by all plain responses.
    plain: Bytes,
}

impl Site {
    pub(super) fn new(pages: u64, body_bytes: usize) -> Self {
        Self {
            pages,
            body_bytes,
            plain: Bytes::from(vec![b'x'; body_bytes]),
        }
    }

    /// `/` and `/page/N` are HTML with links; other paths give a body of the set size.
    pub(super) fn respond(&self, path: &str) -> Response<Full<Bytes>> {
        let number = match path {
            "/" => Some(0),
            _ => path
                .strip_prefix("/page/")
                .and_then(|number| number.parse().ok()),
        };
        match number {
            Some(number) if number < self.pages => html(self.page(number)),
            Some(_) => with_status(Response::new(Full::default()), StatusCode::NOT_FOUND),
            None => Response::new(Full::new(self.plain.clone())),
        }
    }

    fn page(&self, number: u64) -> String {
        let mut page = String::with_capacity(self.body_bytes.max(256));
        page.push_str("<!doctype html><title>page</title><a href=\"/\">home</a>\n");
        for child in
            (1..=BRANCHES).map(|branch| number.saturating_mul(BRANCHES).saturating_add(branch))
        {
            if child < self.pages {
                // Writing to a String cannot fail.
                let _ = writeln!(page, "<a href=\"/page/{child}\">{child}</a>");
            }
        }
        let padding = self.body_bytes.saturating_sub(page.len());
        page.extend(std::iter::repeat_n('x', padding));
        page
    }
}

fn html(body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/html"),
    );
    response
}

fn with_status(mut response: Response<Full<Bytes>>, status: StatusCode) -> Response<Full<Bytes>> {
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_linked_once_and_padded() {
        let site = Site::new(100, 2000);
        let mut linked = vec![0];
        for number in 0..100 {
            let page = site.page(number);
            assert_eq!(page.len(), 2000);
            let links = page
                .split("/page/")
                .skip(1)
                .filter_map(|rest| rest.split('"').next());
            linked.extend(links.map(|link| link.parse::<u64>().unwrap()));
        }
        linked.sort_unstable();
        assert_eq!(linked, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn paths() {
        let site = Site::new(10, 5);
        let status = |path| site.respond(path).status().as_u16();
        assert_eq!(
            [
                status("/"),
                status("/page/9"),
                status("/page/10"),
                status("/x")
            ],
            [200, 200, 404, 200]
        );
    }
}
