//! Generated site: a tree of linked pages over any number of hosts, and plain bodies for every other
//! path. The same options give the same pages.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::Options;

/// Most pages that are kept ready; later ones are made for each request.
const MAX_CACHED: u64 = 20_000;
/// Words that fill a page, so that it compresses like ordinary text.
const WORDS: [&str; 16] = [
    "round", "trip", "socket", "packet", "answer", "page", "crawl", "queue", "kernel", "window",
    "ticket", "buffer", "name", "port", "timer", "state",
];

/// Generated site that answers every path.
#[derive(Debug)]
pub(super) struct Site {
    pages: u64,
    links: u64,
    body_bytes: usize,
    vary_sizes: bool,
    gzip: bool,
    /// URLs of the hosts, `https://host:port`; empty for links within the host.
    bases: Vec<String>,
    made: Vec<OnceLock<Page>>,
    /// Body that all plain responses share.
    plain: Bytes,
}

/// A page, with its compressed form if the site compresses.
#[derive(Debug, Clone)]
struct Page {
    plain: Bytes,
    gzip: Option<Bytes>,
}

impl Site {
    /// Makes a site that is reached at `port`.
    pub(super) fn new(options: &Options, port: u16) -> Self {
        let (scheme, usual_port) = match options.tls {
            Some(_) => ("https", 443),
            None => ("http", 80),
        };
        let base = |host: &String| match port {
            _ if port == usual_port => format!("{scheme}://{host}"),
            _ => format!("{scheme}://{host}:{port}"),
        };
        let cached = options.pages.min(MAX_CACHED);
        Self {
            pages: options.pages,
            links: options.links.max(1),
            body_bytes: options.body_bytes,
            vary_sizes: options.vary_sizes,
            gzip: options.gzip,
            bases: options.hosts.iter().map(base).collect(),
            made: (0..cached).map(|_| OnceLock::new()).collect(),
            plain: Bytes::from(vec![b'x'; options.body_bytes]),
        }
    }

    /// Answers a path: `/` and `/page/N` are HTML with links, `/robots.txt` is missing, other paths give a body of the set
    /// size.
    pub(super) fn respond(&self, path: &str, headers: &HeaderMap) -> Response<Bytes> {
        let number = match path {
            "/" => Some(0),
            _ => path
                .strip_prefix("/page/")
                .and_then(|number| number.parse().ok()),
        };
        match number {
            Some(number) if number < self.pages => self.html(number, headers),
            None if path != "/robots.txt" => Response::new(self.plain.clone()),
            _ => missing(),
        }
    }

    fn html(&self, number: u64, headers: &HeaderMap) -> Response<Bytes> {
        let made = usize::try_from(number).ok().and_then(|n| self.made.get(n));
        let page = match made {
            Some(cell) => cell.get_or_init(|| self.make(number)).clone(),
            None => self.make(number),
        };
        let gzip = page.gzip.filter(|_| accepts_gzip(headers));
        let compressed = gzip.is_some();
        let mut response = Response::new(gzip.unwrap_or(page.plain));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        if compressed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    fn make(&self, number: u64) -> Page {
        let plain = self.page(number);
        let gzip = self.gzip.then(|| compress(plain.as_bytes())).flatten();
        Page {
            plain: plain.into(),
            gzip,
        }
    }

    fn page(&self, number: u64) -> String {
        let size_bytes = self.size_bytes(number);
        let mut page = String::with_capacity(size_bytes.max(512));
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "<!doctype html><title>page {number}</title><a href=\"{}/\">home</a>",
            self.base(0)
        );
        for child in self
            .children(number)
            .take_while(|child| *child < self.pages)
        {
            let _ = writeln!(
                page,
                "<a href=\"{}/page/{child}\">{child}</a>",
                self.base(child)
            );
        }
        fill(&mut page, number, size_bytes);
        page
    }

    fn children(&self, number: u64) -> impl Iterator<Item = u64> {
        let (links, first) = (self.links, number.saturating_mul(self.links));
        (1..=links).map(move |branch| first.saturating_add(branch))
    }

    /// Host of page `number`: the pages are spread over the hosts in turn.
    fn base(&self, number: u64) -> &str {
        match self.bases.len() as u64 {
            0 => "",
            hosts => &self.bases[(number % hosts) as usize],
        }
    }

    /// Size of page `number`: all pages have the same, or from half to one and a half of it.
    fn size_bytes(&self, number: u64) -> usize {
        match self.vary_sizes {
            true => self.body_bytes / 2 + scatter(number) as usize % (self.body_bytes + 1),
            false => self.body_bytes,
        }
    }
}

/// Fills a page with words up to a size. The words have no characters of tags.
fn fill(page: &mut String, number: u64, size_bytes: usize) {
    let mut state = scatter(number);
    while page.len() < size_bytes {
        page.push_str(WORDS[(state % WORDS.len() as u64) as usize]);
        page.push(' ');
        state = scatter(state);
    }
    // The links alone may be longer than the size; they stay.
    if page.ends_with(' ') {
        page.truncate(size_bytes);
    }
}

/// Mixing function of SplitMix64, which spreads neighbouring numbers far apart.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) >> 8
}

fn compress(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 2), Compression::default());
    // Writing into memory does not fail; without a result the page is sent uncompressed.
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().split(';').next() == Some("gzip") && !coding.contains("q=0"))
}

fn missing() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn site(options: Options) -> Site {
        Site::new(&options, 8080)
    }

    fn options(pages: u64, body_bytes: usize) -> Options {
        Options {
            pages,
            body_bytes,
            ..Options::default()
        }
    }

    #[test]
    fn every_page_is_linked_once_and_filled() {
        let site = site(options(100, 2000));
        let mut linked = vec![0];
        for number in 0..100 {
            let page = site.page(number);
            assert_eq!(page.len(), 2000);
            assert_eq!(page, site.page(number));
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
    fn pages_go_round_the_hosts_and_differ_in_size() {
        let site = site(Options {
            hosts: vec!["a.test".into(), "b.test".into()],
            links: 3,
            vary_sizes: true,
            ..options(1000, 4000)
        });
        let page = site.page(0);
        for link in ["http://b.test:8080/page/1", "http://a.test:8080/page/2"] {
            assert!(page.contains(link), "{page}");
        }
        let sizes: Vec<usize> = (0..100).map(|number| site.page(number).len()).collect();
        assert!(sizes.iter().all(|size| (2000..=6000).contains(size)));
        assert!(sizes.iter().any(|size| *size < 3000) && sizes.iter().any(|size| *size > 5000));
    }

    #[test]
    fn gzip_for_those_who_take_it() {
        let site = site(Options {
            gzip: true,
            ..options(10, 4000)
        });
        let get = |coding: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding));
            site.respond("/page/3", &headers)
        };
        let packed = get("br, gzip");
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        assert!(packed.body().len() < 2500);
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed.body()[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, site.page(3));
        assert!(!get("gzip;q=0").headers().contains_key("content-encoding"));
        assert!(!get("identity").headers().contains_key("content-encoding"));
    }

    #[test]
    fn paths() {
        let site = site(options(10, 5));
        let status = |path| site.respond(path, &HeaderMap::new()).status().as_u16();
        assert_eq!(
            ["/", "/page/9", "/page/10", "/robots.txt", "/x"].map(status),
            [200, 200, 404, 404, 200]
        );
    }
}
