//! Plain part of the site: hosts with pages in a tree and links across, in all spellings of the same URL.

use super::answer::Answer;
use super::links::Body;
use super::plan::{Host, Plan};
use super::random::Random;
use super::{Manner, Size};

/// Number of links of a page to its children.
const FAN: u32 = 6;

pub(super) fn add(plan: &mut Plan, size: Size, seed: u64) {
    let homes: Vec<String> = (0..size.hosts)
        .map(|number| format!("{}/", base(plan, number)))
        .collect();
    for number in 0..size.hosts {
        let mut random = Random(seed ^ (u64::from(number) << 32));
        let mut host = host(plan, number);
        host.enter("/");
        for page in 0..size.pages {
            add_page(&mut host, &homes, number, page, size.pages, &mut random);
        }
    }
}

/// Tells whether the host uses TLS, as every tenth does.
fn is_tls(number: u32) -> bool {
    number % 10 == 3
}

fn name(number: u32) -> String {
    format!("plain-{number}")
}

fn base(plan: &Plan, number: u32) -> String {
    let (scheme, port) = if is_tls(number) {
        ("https", plan.tls_port())
    } else {
        ("http", plan.clear_port())
    };
    format!("{scheme}://{}.site.test:{port}", name(number))
}

fn host(plan: &mut Plan, number: u32) -> Host<'_> {
    let host = if is_tls(number) {
        plan.tls_host(&name(number))
    } else {
        plan.host(&name(number))
    };
    match number % 3 {
        0 => host,
        1 => host.robots("User-agent: *\nDisallow:\n"),
        _ => host.robots("\u{feff}# all welcome\r\nUser-agent: other\r\nDisallow: /\r\n"),
    }
}

fn path(page: u32) -> String {
    match page {
        0 => "/".to_owned(),
        page if page % 5 == 0 => format!("/list?page={page}&view=all"),
        page => format!("/p/{page}.html"),
    }
}

fn level(mut page: u32) -> u32 {
    let mut level = 0;
    while page > 0 {
        page = (page - 1) / FAN;
        level += 1;
    }
    level
}

fn add_page(
    host: &mut Host<'_>,
    homes: &[String],
    number: u32,
    page: u32,
    pages: u32,
    random: &mut Random,
) {
    let mut body = Body::new("plain");
    let children = (FAN * page + 1..=FAN * page + FAN).filter(|child| *child < pages);
    for child in children {
        body.link(&spelled(host, child, random));
    }
    // The links lead no further down than the children, so that the way through the tree is the shortest.
    for _ in 0..random.below(5) {
        let other = random.below(u64::from(FAN * page + FAN + 1)) as u32;
        body.link(&spelled(host, other.min(pages - 1), random));
    }
    body.link("/");
    body.link("#top");
    let other = random.below(homes.len() as u64) as usize;
    body.link(&homes[other]);
    leave_out(&mut body, random);
    body.prose(random.below(40));
    let (html, counts) = body.end();
    let mut answer = Answer::html(html);
    if number % 4 == 1 {
        answer = answer.gzip();
    }
    match page % 40 {
        7 => answer = answer.sent(Manner::Chunked),
        11 => answer = answer.sent(Manner::Last),
        _ => {}
    }
    host.page(&path(page), answer, counts).least_depth = level(page) + 1;
}

/// Writes the address of a page in one of its spellings.
fn spelled(host: &Host<'_>, page: u32, random: &mut Random) -> String {
    let path = path(page).replace('&', "&amp;");
    let (scheme, rest) = host.base.split_once("://").unwrap_or_default();
    match random.below(9) {
        0 => format!("{}{path}", host.base),
        1 => format!("//{rest}{path}"),
        2 => format!("{}://{}{path}", scheme.to_uppercase(), rest.to_uppercase()),
        3 => format!("{path}#part-{page}"),
        4 => format!("/x/../.{path}"),
        5 => format!(" \n{path}\t"),
        6 => path.replace("/p", "/%70"),
        7 => format!("{scheme}://somebody:secret@{rest}{path}"),
        _ => path,
    }
}

/// Adds a link that does not belong to the crawl.
fn leave_out(body: &mut Body, random: &mut Random) {
    match random.below(12) {
        0 => body.left_out("mailto:somebody@example.org", "scheme"),
        1 => body.left_out("http://outside.example/page", "outside_host"),
        2 => body.left_out("http://denied.site.test/", "denied_host"),
        3 => body.left_out("/logout?from=here", "excluded"),
        4 => body.left_out("http://[bad/", "bad_url"),
        5 => body.left_out("http://127.0.0.1/admin", "outside_host"),
        6 => body.left_out(&format!("/long/{}", "x".repeat(500)), "url_too_long"),
        _ => {}
    }
}
