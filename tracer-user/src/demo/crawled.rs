//! Figures from the crawler's own JSONL about its pages, measured by its own clocks.

use serde::Deserialize;

use super::DemoError;

/// A line of the crawler's JSONL, with the fields that are used.
#[derive(Debug, Deserialize)]
struct Page {
    status: Option<u16>,
    connect_ns: Option<u64>,
    tls_ns: Option<u64>,
    ttfb_ns: Option<u64>,
}

/// Figures of the crawler about its pages.
#[derive(Debug, Default)]
pub(super) struct Crawled {
    /// Pages with a response.
    pub(super) pages: u64,
    /// Pages without a response.
    pub(super) failed: u64,
    /// Median of the connects, ns.
    pub(super) connect_ns: Option<u64>,
    /// Median of the handshakes, ns.
    pub(super) tls_ns: Option<u64>,
    /// Median of the times to first byte, ns.
    pub(super) ttfb_ns: Option<u64>,
}

impl Crawled {
    /// Reads the crawler's JSONL. An incomplete last line is left out: the crawler was killed.
    pub(super) fn read(text: &[u8]) -> Result<Self, DemoError> {
        let mut crawled = Self::default();
        let (mut connects, mut handshakes, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        let whole = text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        for line in text[..whole].split(|byte| *byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            let page: Page = serde_json::from_slice(line).map_err(DemoError::Crawled)?;
            match page.status {
                Some(_) => crawled.pages += 1,
                None => crawled.failed += 1,
            }
            connects.extend(page.connect_ns);
            handshakes.extend(page.tls_ns);
            waits.extend(page.ttfb_ns);
        }
        crawled.connect_ns = median(connects);
        crawled.tls_ns = median(handshakes);
        crawled.ttfb_ns = median(waits);
        Ok(crawled)
    }
}

fn median(mut times: Vec<u64>) -> Option<u64> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_medians() {
        let text = br#"{"status":200,"connect_ns":5,"ttfb_ns":10,"x":1}
{"status":200,"ttfb_ns":30}
{"failure":{"class":"timeout"}}
{"status":404,"ttfb_ns":20}
{"status":20"#;
        let crawled = Crawled::read(text).unwrap();
        assert_eq!((crawled.pages, crawled.failed), (3, 1));
        assert_eq!(
            (crawled.connect_ns, crawled.tls_ns, crawled.ttfb_ns),
            (Some(5), None, Some(20))
        );
        assert!(Crawled::read(b"{\n").is_err());
        assert_eq!(Crawled::read(b"").unwrap().pages, 0);
    }
}
