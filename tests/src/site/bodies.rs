//! Bodies that are too long, bombs, damaged or slow.

use std::time::Duration;

use super::answer::{Answer, Manner, gzip};
use super::limits::{DECODED_BYTES, RETRIES, WIRE_BYTES};
use super::links::Counts;
use super::plan::{Fate, Plan};

const TRIES: u32 = RETRIES + 1;

pub(super) fn add(plan: &mut Plan) {
    let mut host = plan.host("bodies");
    let paths = [
        "/announced",
        "/chunked",
        "/just-fits",
        "/bomb",
        "/bomb-chunked",
        "/bomb-twice",
        "/big-and-fine",
        "/damaged",
        "/cut-short",
        "/not-gzip",
        "/unknown-coding",
        "/deflate",
    ];
    host.home(&paths);
    let html = |bytes: Vec<u8>| Answer::html(bytes);
    let long = vec![b' '; WIRE_BYTES as usize + 1];
    host.fails("/announced", html(long), "body_too_long");
    let flood = html(vec![b' '; 32 << 10]).sent(Manner::Flood(64 << 20));
    host.fails("/chunked", flood, "body_too_long");
    let fits = html(vec![b' '; WIRE_BYTES as usize]);
    host.page("/just-fits", fits, Counts::default());
    let bomb = html(vec![0; 3 * DECODED_BYTES as usize]).gzip();
    host.fails("/bomb", bomb.clone(), "bomb");
    host.fails("/bomb-chunked", bomb.sent(Manner::Chunked), "bomb");
    let mut twice = html(gzip(&vec![0; 3 * DECODED_BYTES as usize])).gzip();
    twice.fields.pop();
    let twice = twice.with("content-encoding", "gzip, gzip");
    host.fails("/bomb-twice", twice, "bomb");
    let mut big = b"<a href=\"/end-of-big\">x</a>".to_vec();
    big.resize(DECODED_BYTES as usize, b'\n');
    host.page("/big-and-fine", html(big).gzip(), Counts::found(1));
    host.leaf("/end-of-big");
    let whole = html(b"some text that is long enough".repeat(100)).gzip();
    let middle = whole.body.len() / 2;
    let mut damaged = whole.clone();
    damaged.body[middle] ^= 0xff;
    host.fails("/damaged", damaged, "decode");
    // What came of it counts.
    let mut cut = whole;
    cut.body.truncate(middle);
    host.page("/cut-short", cut, Counts::default());
    let plain = html(b"plain".to_vec()).with("content-encoding", "gzip");
    host.fails("/not-gzip", plain, "decode");
    let unknown = html(b"plain".to_vec()).with("content-encoding", "compress");
    host.fails("/unknown-coding", unknown, "decode");
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing into memory cannot fail.
    let _ = std::io::Write::write_all(&mut deflate, b"<a href=\"/inflated\">x</a>");
    let deflated = html(deflate.finish().unwrap_or_default()).with("content-encoding", "deflate");
    host.page("/deflate", deflated, Counts::found(1));
    host.leaf("/inflated");
}

/// Adds bodies that are slow, and too slow.
pub(super) fn add_slow(plan: &mut Plan) {
    let mut host = plan.host("slow");
    host.home(&["/late", "/pieces", "/too-late", "/too-slow"]);
    let page = || Answer::html("<a href=\"/after\">x</a>");
    let ms = Duration::from_millis;
    let late = page().sent(Manner::After(ms(700)));
    host.page("/late", late, Counts::found(1));
    let pieces = page().sent(Manner::Pieces(ms(50)));
    host.page("/pieces", pieces, Counts::found(1));
    host.leaf("/after");
    let fate = Fate::Failed("timeout_request", None);
    let late = page().sent(Manner::After(Duration::from_secs(60)));
    host.put("/too-late", vec![late], fate, TRIES..=TRIES);
    let fate = Fate::Failed("timeout_request", Some(200));
    let slow = page().sent(Manner::Pieces(Duration::from_secs(5)));
    host.put("/too-slow", vec![slow], fate, TRIES..=TRIES);
}
