//! Statuses, and servers that say when to try again.

use std::time::Duration;

use super::answer::Answer;
use super::limits::RETRIES;
use super::links::{Body, Counts};
use super::plan::{Fate, Plan};

const TRIES: u32 = RETRIES + 1;
/// Temporary statuses, which are tried again.
const PASSING: [u16; 8] = [408, 429, 500, 502, 503, 504, 522, 524];
const FOR_GOOD: [u16; 9] = [400, 401, 403, 404, 405, 410, 451, 501, 599];
const FINE: [u16; 5] = [201, 203, 204, 206, 304];

pub(super) fn add(plan: &mut Plan) {
    let mut host = plan.host("statuses");
    let path = |status: &u16| format!("/{status}");
    let all = FOR_GOOD.iter().chain(&FINE).chain(&PASSING).map(path);
    let mut all: Vec<String> = all.collect();
    all.push("/later".to_owned());
    host.home(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let linking = |status| {
        let mut body = Body::new("a status");
        body.link("/never");
        Answer::new(status, body.end().0)
    };
    for status in FOR_GOOD {
        host.fails(&path(&status), linking(status), "status");
    }
    for status in PASSING {
        let fate = Fate::Failed("status", Some(status));
        host.put(&path(&status), vec![linking(status)], fate, TRIES..=TRIES);
    }
    for status in FINE {
        let answer = Answer::new(status, "");
        host.page(&path(&status), answer, Counts::default());
    }
    let answers = vec![Answer::new(503, ""), Answer::new(500, ""), Answer::html("")];
    host.put("/later", answers, Fate::Fetched(200), 3..=3);
    // The crawler does not wait for that long. The host pauses all the same, so the page has a host of its own.
    let mut host = plan.host("much-later");
    host.home(&["/much-later"]);
    let answer = Answer::new(503, "").with("retry-after", "3600");
    host.fails("/much-later", answer, "status");
}

/// Adds Retry-After in all its forms. Such a wait counts for the host, so each form has a host of its own.
pub(super) fn add_slow(plan: &mut Plan) {
    let two = Duration::from_secs(2);
    for (name, status, field, least) in [
        ("seconds", 429, "2", two),
        ("unavailable", 503, " 2 ", two),
        ("past", 503, "Sun, 06 Nov 1994 08:49:37 GMT", Duration::ZERO),
        ("nonsense", 429, "soon", Duration::ZERO),
    ] {
        let mut host = plan.host(&format!("later-{name}"));
        host.home(&["/wait", "/always"]);
        let busy = || Answer::new(status, "busy").with("retry-after", field);
        let answers = vec![busy(), Answer::html("well")];
        host.put("/wait", answers, Fate::Fetched(200), 2..=2)
            .least_time = least;
        let fate = Fate::Failed("status", Some(status));
        let always = host.put("/always", vec![busy()], fate, TRIES..=TRIES);
        always.least_time = RETRIES * least;
    }
}
