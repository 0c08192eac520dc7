//! Connections that end too early, and answers that are not HTTP.

use super::answer::{Answer, Manner};
use super::limits::{HEADER_BYTES, RETRIES};
use super::links::Counts;
use super::plan::{Fate, Plan};

const TRIES: u32 = RETRIES + 1;

pub(super) fn add(plan: &mut Plan) {
    ends(plan);
    recovers(plan);
    malformed(plan);
    lenient(plan);
}

fn page() -> Answer {
    Answer::html(format!("<a href=\"/never\">x</a>{}", " ".repeat(40_000)))
}

fn ends(plan: &mut Plan) {
    let mut host = plan.host("ends");
    host.home(&["/reset", "/close", "/cut", "/cut-reset", "/cut-chunks"]);
    // If a used connection ends without an answer, the request is sent once more within the same try.
    for (path, manner) in [("/reset", Manner::Reset), ("/close", Manner::Close)] {
        let fate = Fate::Failed("closed", None);
        host.put(path, vec![page().sent(manner)], fate, TRIES..=2 * TRIES);
    }
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nff\r\nand no mo";
    let cut = Answer::new(200, cut).sent(Manner::Raw);
    for (path, answer) in [
        ("/cut", page().sent(Manner::Cut(1))),
        ("/cut-reset", page().sent(Manner::CutByReset)),
        ("/cut-chunks", cut),
    ] {
        let fate = Fate::Failed("truncated", Some(200));
        host.put(path, vec![answer], fate, TRIES..=TRIES);
    }
}

/// Adds pages that fail once or twice, and then succeed.
fn recovers(plan: &mut Plan) {
    let mut host = plan.host("recovers");
    host.home(&["/reset", "/cut", "/both"]);
    let well = Answer::html("well");
    let cut = || page().sent(Manner::Cut(10));
    let reset = page().sent(Manner::Reset);
    for (path, answers, requests) in [
        ("/reset", vec![reset.clone(), well.clone()], 2),
        ("/cut", vec![cut(), cut(), well.clone()], 3),
        ("/both", vec![cut(), reset, well], 3),
    ] {
        let fate = Fate::Fetched(200);
        let page = host.put(path, answers, fate, requests..=requests);
        page.links = Some(Counts::default());
    }
}

fn malformed(plan: &mut Plan) {
    let mut host = plan.host("malformed");
    let long = format!(
        "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n",
        "y".repeat(2 * HEADER_BYTES)
    );
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(2000));
    let cases = [
        ("/status-line", "HTTP/1.1 twohundred OK\r\n\r\n", false),
        ("/no-http", "SSH-2.0-OpenSSH_9.2p1\r\n\r\n", false),
        (
            "/lengths",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nabcde",
            false,
        ),
        (
            "/length",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            false,
        ),
        (
            "/chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            true,
        ),
        ("/long-field", long.as_str(), false),
        ("/many-fields", many.as_str(), false),
    ];
    let paths: Vec<&str> = cases.iter().map(|(path, ..)| *path).collect();
    host.home(&paths);
    for (path, text, has_head) in cases {
        let answer = Answer::new(200, text).sent(Manner::Raw);
        let fate = Fate::Failed("malformed", has_head.then_some(200));
        host.put(path, vec![answer], fate, 1..=1);
    }
}

/// Adds answers with header lines that browsers leave out or mend.
fn lenient(plan: &mut Plan) {
    let mut host = plan.host("lenient");
    let cases = [
        ("/field", "no colon here\r\n"),
        ("/space", "a : b\r\n"),
        ("/fold", "a: b\r\n c\r\n"),
    ];
    let paths: Vec<&str> = cases.iter().map(|(path, _)| *path).collect();
    host.home(&paths);
    for (path, lines) in cases {
        let text = format!("HTTP/1.1 200 OK\r\n{lines}content-type: text/html\r\n\r\nwell");
        let answer = Answer::new(200, text).sent(Manner::Raw);
        host.page(path, answer, Counts::default());
    }
}
