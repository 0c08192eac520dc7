//! Any bytes as a sitemap: however they are cut, the same is found.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_crawler::sitemap::{Entry, SitemapParser};

fn read<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Entry>, bool) {
    let mut parser = SitemapParser::default();
    let mut found = Vec::new();
    for chunk in chunks {
        let _ = parser.write(chunk);
        found.extend(parser.take());
    }
    let (rest, result) = parser.finish();
    found.extend(rest);
    (found, result.is_ok())
}

fuzz_target!(|data: &[u8]| {
    let Some((&size, body)) = data.split_first() else {
        return;
    };
    let whole = read(std::iter::once(body));
    let cut = read(body.chunks(usize::from(size).max(1)));
    assert_eq!(whole, cut);
});
