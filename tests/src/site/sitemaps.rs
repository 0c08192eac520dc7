//! Sitemaps that robots.txt names: plain, in gzip, as text, an index, and damaged ones. No page links to their pages.

use std::fmt::Write as _;

use super::answer::{Answer, gzip};
use super::links::Counts;
use super::plan::{Host, Plan};

/// Number of pages of each sitemap.
const PAGES: u64 = 40;

pub(super) fn add(plan: &mut Plan) {
    elsewhere(plan);
    let names = ["sitemap.xml", "index.xml", "torn.xml", "text.txt", "bad.gz"];
    let base = plan.host("maps").base;
    let mut rules = "User-agent: *\nDisallow: /never\n".to_owned();
    for name in names {
        let _ = writeln!(rules, "Sitemap: {base}/{name}");
    }
    let far = plan.host("maps-elsewhere").base;
    let _ = writeln!(rules, "Sitemap: {far}/far.xml");
    let mut host = plan.host("maps").robots(&rules);
    host.home(&[]);
    whole(&mut host);
    index(&mut host);
    torn(&mut host);
    text(&mut host);
    // A damaged gzip stream names nothing.
    let answer = Answer::new(200, &b"\x1f\x8b\x08\0damaged beyond repair"[..]);
    host.page("/bad.gz", answer, Counts::default());
}

fn url_set(urls: &[String]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n".to_owned();
    for url in urls {
        let _ = writeln!(
            xml,
            " <url>\n  <loc> {url}\n</loc><lastmod>2026-01-01</lastmod></url>"
        );
    }
    xml + "</urlset>\n"
}

fn index_of(urls: &[String]) -> String {
    let mut xml = "<?xml version='1.0'?><!-- an index --><sitemapindex>".to_owned();
    for url in urls {
        let _ = write!(xml, "<sitemap><loc>{url}</loc></sitemap>");
    }
    xml + "</sitemapindex>"
}

fn xml(text: impl Into<Vec<u8>>) -> Answer {
    Answer::new(200, text).with("content-type", "application/xml")
}

/// Adds the pages of a part, and gives their URLs.
fn pages(host: &mut Host<'_>, part: &str) -> Vec<String> {
    let mut urls = Vec::new();
    for number in 0..PAGES {
        let path = format!("/{part}/{number}?a=1&b=2");
        host.leaf(&path);
        urls.push(host.url(&path).replace('&', "&amp;"));
    }
    urls
}

/// Adds a sitemap that also lists pages outside of the crawl.
fn whole(host: &mut Host<'_>) {
    let mut urls = pages(host, "whole");
    urls.push("http://outside.example/".to_owned());
    urls.push("mailto:somebody@example.org".to_owned());
    urls.push(host.url("/never/1"));
    host.forbidden("/never/1", "robots");
    let counts = Counts::found(PAGES + 1)
        .and("outside_host", 1)
        .and("scheme", 1);
    host.page("/sitemap.xml", xml(url_set(&urls)), counts);
}

/// Adds nested sitemaps. The one that is nested too deep is not requested, and one lists itself.
fn index(host: &mut Host<'_>) {
    let url = |host: &Host<'_>, name: &str| host.url(&format!("/{name}"));
    let names = ["part-1.xml", "part-2.xml.gz", "coded", "index.xml", "nest"];
    let urls: Vec<String> = names.iter().map(|name| url(host, name)).collect();
    host.page("/index.xml", xml(index_of(&urls)), Counts::default());
    let urls = pages(host, "part-1");
    host.page("/part-1.xml", xml(url_set(&urls)), Counts::found(PAGES));
    let urls = pages(host, "part-2");
    let packed = Answer::new(200, gzip(url_set(&urls).as_bytes()));
    let packed = packed.with("content-type", "application/gzip");
    host.page("/part-2.xml.gz", packed, Counts::found(PAGES));
    let urls = pages(host, "coded");
    host.page("/coded", xml(url_set(&urls)).gzip(), Counts::found(PAGES));
    let urls = [url(host, "nest-2")];
    host.page("/nest", xml(index_of(&urls)), Counts::default());
    let urls = [url(host, "nest-3")];
    host.page("/nest-2", xml(index_of(&urls)), Counts::default());
    let urls = [url(host, "nest-4")];
    host.page("/nest-3", xml(index_of(&urls)), Counts::default());
    host.plan.left_out.insert("sitemap_too_deep", 1);
}

/// Adds damaged sitemaps, of which the part before the damage counts.
fn torn(host: &mut Host<'_>) {
    let urls = pages(host, "torn");
    let mut text = url_set(&urls);
    text.truncate(text.rfind("</urlset>").unwrap_or(0));
    text.push_str("<url><loc>http://maps.site.test/never");
    host.page("/torn.xml", xml(text), Counts::found(PAGES));
}

fn text(host: &mut Host<'_>) {
    let urls = pages(host, "text");
    let text = urls.join("\r\n").replace("&amp;", "&");
    let answer = Answer::new(200, text).with("content-type", "text/plain");
    host.page("/text.txt", answer, Counts::found(PAGES));
}

/// Adds a sitemap on another host than the robots.txt that names it.
fn elsewhere(plan: &mut Plan) {
    let mut host = plan.host("maps-elsewhere");
    let urls = pages(&mut host, "far");
    host.page("/far.xml", xml(url_set(&urls)), Counts::found(PAGES));
}
