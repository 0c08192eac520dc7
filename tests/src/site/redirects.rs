//! Redirects: chains, loops, across hosts and out of the crawl.

use super::answer::Answer;
use super::limits::REDIRECTS;
use super::plan::{Expected, Fate, Host, Plan};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

pub(super) fn add(plan: &mut Plan) {
    for number in 0..6 {
        chains(plan, number);
    }
    loops(plan);
    nowhere(plan);
    across(plan);
}

/// Adds a redirect that is part of the record of its target.
fn hop(host: &mut Host<'_>, path: &str, status: u16, to: &str) {
    let answer = Answer::redirect(status, to);
    host.put(path, vec![answer], Fate::Silent, 1..=1);
}

/// Adds a redirect that is not followed.
fn end(host: &mut Host<'_>, path: &str, to: &str, reason: &'static str) {
    let answer = Answer::redirect(302, to);
    let fate = Fate::Skipped(reason, Some(302));
    host.put(path, vec![answer], fate, 1..=1);
}

/// Adds chains of every allowed length, and two longer ones.
fn chains(plan: &mut Plan, number: usize) {
    let mut host = plan.host(&format!("chains-{number}"));
    let longest = REDIRECTS as usize + 2;
    let starts: Vec<String> = (1..=longest)
        .map(|length| format!("/chain/{length}/0"))
        .collect();
    host.home(&starts.iter().map(String::as_str).collect::<Vec<_>>());
    for length in 1..=longest {
        let path = |at: usize| format!("/chain/{length}/{at}");
        let mut hops = Vec::new();
        for at in 0..length.min(REDIRECTS as usize) {
            let status = STATUSES[(number + at) % 5];
            let to = match at % 3 {
                0 => path(at + 1),
                1 => format!("{}#part", at + 1),
                _ => host.url(&path(at + 1)),
            };
            hop(&mut host, &path(at), status, &to);
            hops.push((status, host.url(&path(at))));
        }
        if length <= REDIRECTS as usize {
            host.leaf(&path(length)).redirects = hops;
        } else {
            let at = REDIRECTS as usize;
            let answer = Answer::redirect(301, path(at + 1));
            let fate = Fate::Failed("too_many_redirects", Some(301));
            host.put(&path(at), vec![answer], fate, 1..=1).redirects = hops;
        }
    }
}

fn loops(plan: &mut Plan) {
    let mut host = plan.host("loops");
    host.home(&["/a", "/self", "/home", "/pair"]);
    hop(&mut host, "/a", 301, "/b");
    hop(&mut host, "/b", 302, "/c");
    let hops = vec![(301, host.url("/a")), (302, host.url("/b"))];
    let fate = Fate::Skipped("redirect_seen", Some(307));
    let answer = Answer::redirect(307, "/a");
    host.put("/c", vec![answer], fate, 1..=1).redirects = hops;
    // The URL is requested again up to the limit, as a server that has set a cookie expects.
    let answer = Answer::redirect(302, "/self");
    let fate = Fate::Failed("too_many_redirects", Some(302));
    host.put("/self", vec![answer], fate, 6..=6);
    end(&mut host, "/home", "/", "redirect_seen");
    hop(&mut host, "/pair", 302, "/other");
    let hops = vec![(302, host.url("/pair"))];
    let fate = Fate::Skipped("redirect_seen", Some(302));
    let answer = Answer::redirect(302, "/pair");
    host.put("/other", vec![answer], fate, 1..=1).redirects = hops;
}

fn nowhere(plan: &mut Plan) {
    let mut host = plan.host("nowhere-to-go");
    let paths = [
        ("/outside", "http://outside.example/", "outside_host"),
        ("/denied", "http://denied.site.test/", "denied_host"),
        ("/excluded", "/logout", "excluded"),
        ("/literal", "http://127.0.0.1/", "outside_host"),
        ("/metadata", "http://169.254.169.254/latest", "outside_host"),
    ];
    let mut all: Vec<&str> = paths.iter().map(|(path, ..)| *path).collect();
    all.extend(["/script", "/mail", "/empty-host", "/no-location", "/300"]);
    host.home(&all);
    for (path, to, reason) in paths {
        end(&mut host, path, to, reason);
    }
    for (path, to) in [
        ("/script", "javascript:alert(1)"),
        ("/mail", "mailto:somebody@example.org"),
        ("/empty-host", "http://"),
    ] {
        host.fails(path, Answer::redirect(302, to), "bad_redirect");
    }
    // Redirects without a target count as ordinary answers.
    let fetched = |status| (vec![Answer::new(status, "")], Fate::Fetched(status));
    let (answers, fate) = fetched(302);
    host.put("/no-location", answers, fate, 1..=1);
    let (answers, fate) = fetched(300);
    host.put("/300", answers, fate, 1..=1);
}

/// Adds redirects to other hosts, whose robots.txt counts.
fn across(plan: &mut Plan) {
    let mut target = plan
        .host("target")
        .robots("User-agent: *\nDisallow: /forbidden\n");
    target.home(&[]);
    let arrive = target.url("/arrive");
    let forbidden = target.url("/forbidden");
    target.leaf("/arrive");
    target.forbidden("/forbidden", "robots");
    let mut secure = plan.tls_host("target-tls");
    secure.home(&[]);
    let secured = secure.url("/arrive");
    secure.leaf("/arrive");
    let mut host = plan.host("across");
    host.home(&["/1", "/2", "/3"]);
    for (path, to) in [("/1", &arrive), ("/2", &forbidden), ("/3", &secured)] {
        hop(&mut host, path, 301, to);
        let from = host.url(path);
        let expected: Option<&mut Expected> = host.plan.expected_mut(to);
        if let Some(expected) = expected {
            expected.redirects = vec![(301, from)];
        }
    }
}
