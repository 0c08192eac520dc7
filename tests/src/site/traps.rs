//! Sites without an end, each cut by a limit of its own.

use super::answer::Answer;
use super::limits::{DEPTH, PAGES_PER_HOST, PATH_SEGMENTS, URL_BYTES};
use super::links::{Body, Counts};
use super::plan::{Fate, Plan};

/// Days of a year in the calendar.
const DAYS: u64 = 30;
const FETCHED: Fate = Fate::Fetched(200);
/// What each page of the growing query adds.
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

/// Years link to their days and the next year, for ever. As each year is found by the one before, the order is certain,
/// and so are the pages that the limit of the host lets in.
fn calendar(plan: &mut Plan, number: u32) {
    let mut host = plan.host(&format!("calendar-{number}"));
    host.home(&["/year/0"]);
    host.plan.endless.insert(host.base.clone(), calendar_page);
    // The front page and the first year.
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

/// A chain: the portal is at 0, the front page at 1, `/1` at 2.
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

/// A relative link that adds a directory each time: `/a/a/` has three segments, the last of them empty.
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

/// A session that is added to the query again and again.
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

/// Session ids and the order of a query make no other pages.
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

/// Pages that link in a ring, and to themselves.
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
