//! Benchmark of finding the links of a page: bytes per second, and the cost of a small page.

#![allow(
    clippy::expect_used,
    reason = "a benchmark ends where something is not as it has to be"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tracer_crawler::canonical::Normalizer;
use tracer_crawler::parse::{HtmlParser, ParseOptions, ParsedPage};
use url::Url;

/// Page of text with a link in each paragraph and two in the navigation.
fn page(paragraphs: usize) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Page</title><link rel=stylesheet href=/s.css></head><body><nav><a href='/'>Home</a> <a class=\"nav item\" href=\"/all?page=2&amp;sort=new\">All</a></nav>",
    );
    for number in 0..paragraphs {
        html += &format!(
            "<p class=\"text\" id=p{number}>Lorem ipsum dolor sit amet, consectetur adipiscing elit, <b>sed do</b> eiusmod tempor incididunt ut labore \
             et dolore magna aliqua. <a href=\"/section/{}/article-{number}.html\" title=\"An article\">Ut enim ad minim veniam</a>, quis nostrud exercitation.</p>\n",
            number % 7
        );
    }
    html + "</body></html>"
}

/// Page of short texts between tags that do not matter to a crawler, with some links.
fn listing(links: usize, bytes: usize) -> String {
    let mut html = String::from("<!DOCTYPE html><html><head><title>Page 7</title></head><body>\n");
    for to in 0..links {
        html += &format!(
            "<p class=\"item\"><a class=\"link\" href=\"/p/{to}\">Page {to}</a> &amp; more</p>\n"
        );
    }
    while html.len() < bytes {
        html += "<div class=\"text\"><span>Lorem ipsum dolor sit amet, consectetur</span> <b>adipiscing</b> elit.</div>\n";
    }
    html + "</body></html>\n"
}

fn read(html: &str, options: &Arc<ParseOptions>) -> HtmlParser {
    let mut parser = HtmlParser::new(Arc::clone(options), Some("text/html; charset=utf-8"));
    for chunk in html.as_bytes().chunks(16 << 10) {
        parser.write(chunk);
    }
    parser
}

fn parse(
    html: &str,
    options: &Arc<ParseOptions>,
    url: &Url,
    normalizer: &Normalizer,
) -> ParsedPage {
    read(html, options).finish(url, normalizer)
}

fn pages(criterion: &mut Criterion) {
    let (options, normalizer) = (Arc::new(ParseOptions::default()), Normalizer::default());
    let url = Url::parse("https://www.example.com/section/index.html").expect("a URL");
    for html in [page(0), page(20), page(500), listing(11, 8 << 10)] {
        let links = parse(&html, &options, &url, &normalizer).links.len();
        let mut group = criterion.benchmark_group("parse");
        group.throughput(Throughput::Bytes(html.len() as u64));
        group.bench_function(format!("{} bytes, {links} links", html.len()), |bench| {
            bench.iter(|| parse(black_box(&html), &options, &url, &normalizer));
        });
        group.finish();
    }
    let html = listing(11, 1 << 10);
    criterion.bench_function("finish a page of 11 links", |bench| {
        bench.iter_batched(
            || read(&html, &options),
            |parser| parser.finish(&url, &normalizer),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("resolve and normalise a link", |bench| {
        bench.iter(|| {
            normalizer.join(
                &url,
                black_box("/section/3/article-17.html?a=1"),
                encoding_rs::UTF_8,
            )
        });
    });
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = pages }
criterion_main!(benches);
