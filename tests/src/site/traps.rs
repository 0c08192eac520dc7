//! Endless sites, each of which meets another limit.

use super::answer::Answer;
use super::limits::{DEPTH, PAGES_PER_HOST, PATH_SEGMENTS, URL_BYTES};
use super::links::{Body, Counts};
use super::plan::{Fate, Plan};

/// Days of a year in the calendar.
const DAYS: u64 = 30;
const FETCHED: Fate = Fate::Fetched(200);
/// Text that each page adds to the growing query.
const GROWTH: &str = "&session=0123456789abcdef";

pub(super) fn add(plan: &mut Plan) {
    for number in 0..4 {
        calendar(plan, number);
    }
    depth(plan);
    segments(plan);
    growing_query(plan);
    spellings(plan);
    rings(plan);
}

/// Adds a calendar: years link to their days and to the next year, for ever. Each year is found through the one before, so
/// the order is certain, and so are the pages within the limit of the host.
fn calendar(plan: &mut Plan, number: u32) {
    let mut host = plan.host(&format!("calendar-{number}"));
    host.home(&["/year/0"]);
    host.plan.endless.insert(host.base.clone(), calendar_page);
    // Count the front page and the first year.
    let mut accepted = 2;
    let mut year = 0;
    loop {
        let path = format!("/year/{year}");
        host.expect(&path, FETCHED, 1..=1).links = Some(Counts::found(DAYS + 1));
        for day in 0..DAYS.min(PAGES_PER_HOST - accepted) {
            let path = format!("/year/{year}/day/{day}");
            host.expect(&path, FETCHED, 1..=1).links = Some(Counts::found(2));
        }
        accepted += DAYS + 1;
        if accepted > PAGES_PER_HOST {
            *host.plan.left_out.entry("host_full").or_default() += accepted - PAGES_PER_HOST;
            return;
        }
        year += 1;
    }
}

fn calendar_page(path: &str) -> Option<Answer> {
    let rest = path.strip_prefix("/year/")?;
    let mut body = Body::new("calendar");
    match rest.split_once("/day/") {
        Some((year, _)) => {
            body.link(&format!("/year/{year}"));
            body.link("/");
        }
        None => {
            let year: u64 = rest.parse().ok()?;
            for day in 0..DAYS {
                body.link(&format!("/year/{year}/day/{day}"));
            }
            body.link(&format!("/year/{}", year + 1));
        }
    }
    Some(Answer::html(body.end().0))
}

/// Adds a chain: the portal has depth 0, the front page 1, `/1` 2.
fn depth(plan: &mut Plan) {
    let mut host = plan.host("deep");
    host.home(&["/1"]);
    host.plan.endless.insert(host.base.clone(), |path| {
        let number: u64 = path[1..].parse().ok()?;
        let mut body = Body::new("deeper");
        body.link(&format!("/{}", number + 1));
        Some(Answer::html(body.end().0))
    });
    for number in 1..DEPTH - 1 {
        let page = host.expect(&format!("/{number}"), FETCHED, 1..=1);
        (page.links, page.least_depth) = (Some(Counts::found(1)), number + 1);
    }
    let last = host.expect(&format!("/{}", DEPTH - 1), FETCHED, 1..=1);
    last.links = Some(Counts::default().and("too_deep", 1));
}

/// Adds a relative link that adds a directory each time: `/a/a/` has three segments, the last of them empty.
fn segments(plan: &mut Plan) {
    let mut host = plan.host("segments");
    host.home(&["a/"]);
    host.plan
        .endless
        .insert(host.base.clone(), |_| Some(relative("a/")));
    for count in 1..PATH_SEGMENTS {
        let path = format!("/{}", "a/".repeat(count));
        host.expect(&path, FETCHED, 1..=1).links = Some(match count + 1 < PATH_SEGMENTS {
            true => Counts::found(1),
            false => Counts::default().and("path_too_deep", 1),
        });
    }
}

fn relative(href: &str) -> Answer {
    let mut body = Body::new("relative");
    body.link(href);
    Answer::html(body.end().0)
}

/// Adds pages that add a session to the query again and again.
fn growing_query(plan: &mut Plan) {
    let mut host = plan.host("growing");
    host.home(&["/q?a"]);
    host.plan.endless.insert(host.base.clone(), |path| {
        Some(relative(&format!("{path}{GROWTH}")))
    });
    let mut path = "/q?a".to_owned();
    loop {
        let next = format!("{path}{GROWTH}");
        let fits = host.base.len() + next.len() <= URL_BYTES;
        host.expect(&path, FETCHED, 1..=1).links = Some(match fits {
            true => Counts::found(1),
            false => Counts::default().and("url_too_long", 1),
        });
        if !fits {
            return;
        }
        path = next;
    }
}

/// Adds URLs that differ in session ids and the order of the query, but are the same page.
fn spellings(plan: &mut Plan) {
    let mut host = plan.host("spellings");
    host.home(&[
        "/s?sid=1&amp;p=1",
        "/s?p=1&amp;sid=2",
        "/s?p=1",
        "/o?b=2&amp;a=1",
        "/o?a=1&amp;b=2",
        "/e?%7Ex=%c3%a4",
        "/e?~x=%C3%A4",
        "/e?~x=\u{e4}",
    ]);
    host.leaf("/s?p=1");
    host.leaf("/o?a=1&b=2");
    host.leaf("/e?~x=%C3%A4");
}

/// Adds pages that link in a ring, and to themselves.
fn rings(plan: &mut Plan) {
    let mut host = plan.host("rings");
    host.home(&["/ring/0", "/"]);
    for number in 0..50u64 {
        let path = format!("/ring/{number}");
        let mut body = Body::new("ring");
        body.link(&format!("/ring/{}", (number + 1) % 50));
        body.link(&path);
        body.link("");
        let (html, counts) = body.end();
        host.page(&path, Answer::html(html), counts);
    }
}
