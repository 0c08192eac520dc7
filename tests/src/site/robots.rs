//! robots.txt: its rules, and the rules for hosts without one.

use std::time::Duration;

use super::answer::{Answer, Manner};
use super::limits::{CRAWL_DELAY, RETRIES};
use super::plan::{Fate, Host, Plan};

pub(super) fn add(plan: &mut Plan) {
    rules(plan);
    other_groups(plan);
    unavailable(plan);
    unreachable(plan);
    moved(plan);
    too_long(plan);
}

const RULES: &str = "\
User-agent: *
Disallow: /

User-agent: TRACER # one group
User-agent: another
Disallow: /closed/
Allow: /closed/open
Disallow: /*.pdf$
Disallow: /exact$
Disallow: /search?
Disallow: /%7Etilde
Allow: /
";

/// Adds a host where the longest match in the group of our name counts.
fn rules(plan: &mut Plan) {
    let mut host = plan.host("rules").robots(RULES);
    let allowed = [
        "/closed",
        "/closed/open",
        "/closed/opener/x",
        "/a.pdfx",
        "/a.pdf?x",
        "/exact/more",
        "/searches",
        "/Closed/",
    ];
    let forbidden = [
        "/closed/",
        "/closed/x",
        "/a.pdf",
        "/exact",
        "/search?q=1",
        "/~tilde",
    ];
    host.home(&[&allowed[..], &forbidden[..]].concat());
    for path in allowed {
        host.leaf(path);
    }
    for path in forbidden {
        host.forbidden(path, "robots");
    }
}

/// Adds hosts with a group for others, which does not count, and with a group for all, which does.
fn other_groups(plan: &mut Plan) {
    let rules = "User-agent: other\nDisallow: /free\n\nUser-agent: *\nDisallow: /x\n";
    let mut host = plan.host("groups").robots(rules);
    host.home(&["/free", "/x", "/xy"]);
    host.leaf("/free");
    host.forbidden("/x", "robots");
    host.forbidden("/xy", "robots");
    let mut shut = plan.host("shut").robots("User-agent: *\nDisallow: /\n");
    shut.enter("/");
    shut.forbidden("/", "robots");
}

/// Adds hosts that answer 4xx other than 429: everything is allowed.
fn unavailable(plan: &mut Plan) {
    for status in [400, 401, 403, 410] {
        let host = plan.host(&format!("robots-{status}"));
        let answer = Answer::new(status, "User-agent: *\nDisallow: /\n");
        let mut host = host.robots_answer(answer, 1..=1);
        host.home(&["/page"]);
        host.leaf("/page");
    }
}

/// Adds hosts that answer 5xx, 429 or nothing at all: nothing is allowed, and the page fails like its robots.txt, which is
/// tried again.
fn unreachable(plan: &mut Plan) {
    for status in [429, 500, 503] {
        let host = plan.host(&format!("robots-{status}"));
        let mut host = host.robots_answer(Answer::new(status, ""), 1..=RETRIES + 1);
        fails(&mut host, "status");
    }
    let reset = Answer::new(200, "").sent(Manner::Reset);
    let mut host = plan
        .host("robots-reset")
        .robots_answer(reset, 1..=RETRIES + 1);
    fails(&mut host, "closed");
}

/// Makes the front page fail; its links are not known.
fn fails(host: &mut Host<'_>, class: &'static str) {
    host.enter("/");
    host.expect("/", Fate::Failed(class, None), 0..=0);
}

fn moved(plan: &mut Plan) {
    let host = plan.host("robots-moved");
    let mut host = host.robots_answer(Answer::redirect(301, "/elsewhere.txt"), 1..=1);
    let rules = Answer::new(200, "User-agent: *\nDisallow: /x\n");
    host.put("/elsewhere.txt", vec![rules], Fate::Silent, 1..=1);
    host.home(&["/x", "/y"]);
    host.forbidden("/x", "robots");
    host.leaf("/y");
    // With more than five redirects it is as if there were no robots.txt.
    let host = plan.host("robots-loop");
    let mut host = host.robots_answer(Answer::redirect(302, "/robots.txt"), 6..=6);
    host.home(&["/x"]);
    host.leaf("/x");
}

/// Adds a host whose robots.txt is longer than 500 KiB: the rest does not count.
fn too_long(plan: &mut Plan) {
    let mut rules = "User-agent: *\nDisallow: /early\n".to_owned();
    while rules.len() < 520 << 10 {
        rules.push_str("# a comment that fills the file\n");
    }
    rules.push_str("Disallow: /late\n");
    let mut host = plan.host("robots-long").robots(&rules);
    host.home(&["/early", "/late"]);
    host.forbidden("/early", "robots");
    host.leaf("/late");
}

/// Adds the hosts that take time.
pub(super) fn add_slow(plan: &mut Plan) {
    delay(plan, "delay", "0.2", Duration::from_millis(200), 15);
    delay(plan, "delay-too-long", "86400", CRAWL_DELAY, 8);
    let late = Answer::new(200, "").sent(Manner::After(Duration::from_secs(20)));
    let mut host = plan.host("robots-late").robots_answer(late, 1..=1);
    fails(&mut host, "timeout_task");
}

fn delay(plan: &mut Plan, name: &str, text: &str, delay: Duration, pages: u32) {
    let rules = format!("User-agent: *\nCrawl-delay: {text}\n");
    let mut host = plan.host(name).robots(&rules);
    let paths: Vec<String> = (0..pages).map(|page| format!("/{page}")).collect();
    host.home(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    for path in &paths {
        host.leaf(path);
    }
    host.plan.delays.insert(host.base.clone(), delay);
}
