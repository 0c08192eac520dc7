//! Any bytes as a page: however they are cut, the same links are found.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tracer_crawler::parse::{HtmlParser, ParseOptions, ParsedPage};
use tracer_crawler::canonical::Normalizer;
use url::Url;

fn read<'a>(chunks: impl Iterator<Item = &'a [u8]>, url: &Url) -> ParsedPage {
    let options = ParseOptions {
        images: true,
        scripts: true,
        ..ParseOptions::default()
    };
    let mut parser = HtmlParser::new(Arc::new(options), None);
    chunks.for_each(|chunk| parser.write(chunk));
    parser.finish(url, &Normalizer::default())
}

fuzz_target!(|data: &[u8]| {
    let (Some((&size, body)), Ok(url)) = (data.split_first(), Url::parse("http://h/a/b")) else {
        return;
    };
    let whole = read(std::iter::once(body), &url);
    let cut = read(body.chunks(usize::from(size).max(1)), &url);
    assert_eq!(whole, cut);
});
