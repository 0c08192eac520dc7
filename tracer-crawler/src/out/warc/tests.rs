use std::fs;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use proptest::prelude::*;

use super::*;

fn exchange(url: &str, body: &[u8]) -> Exchange {
    let mut headers = HeaderMap::new();
    headers.insert("content-encoding", "gzip".parse().unwrap());
    headers.insert("content-length", "3".parse().unwrap());
    headers.insert("x-other", "v".parse().unwrap());
    Exchange {
        url: url.into(),
        at: OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
        address: Some([127, 0, 0, 1].into()),
        request: request_head("GET", "/a", &HeaderMap::new()),
        response: response_head("1.1", 200, "OK", &headers, body.len(), true),
        body: body.into(),
        truncated: None,
        not_modified: None,
        metadata: vec![
            ("fetchTimeMs", "12".into()),
            ("via", "http://r/\r\nWARC-Type: x".into()),
        ],
    }
}

fn unpack(path: &Path) -> String {
    let mut text = Vec::new();
    MultiGzDecoder::new(fs::File::open(path).unwrap())
        .read_to_end(&mut text)
        .unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

fn open(path: &Path) -> Warc {
    Warc::open(path, 1 << 30, "tracer/0", &Files::default()).unwrap()
}

fn types(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("WARC-Type: "))
        .collect()
}

#[test]
fn records_of_an_exchange() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.warc.gz");
    let mut warc = open(&path);
    warc.write(&exchange("http://h/a", b"abc")).unwrap();
    let not_modified = Exchange {
        not_modified: Some(Confirmed {
            fetched_at: Some(OffsetDateTime::UNIX_EPOCH),
        }),
        ..exchange("http://h/a", b"")
    };
    warc.write(&not_modified).unwrap();
    warc.write(&Exchange {
        response: Vec::new(),
        metadata: Vec::new(),
        ..exchange("http://h/b", b"")
    })
    .unwrap();
    warc.finish().unwrap();
    let text = unpack(&path);
    let expected = [
        "warcinfo", "response", "request", "metadata", "revisit", "request", "metadata", "request",
    ];
    assert_eq!(types(&text), expected);
    for line in [
        "WARC-Date: 2027-01-15T08:00:00Z",
        "WARC-Target-URI: http://h/a",
        "WARC-IP-Address: 127.0.0.1",
        "WARC-Filename: a.warc.gz",
        "x-other: v",
        "X-Crawler-content-encoding: gzip",
        "X-Crawler-content-length: 3",
        "content-length: 3",
        "WARC-Refers-To-Date: 1970-01-01T00:00:00Z",
        "via: http://r/  WARC-Type: x",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

#[test]
fn a_body_is_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.warc.gz");
    let mut warc = open(&path).once_each();
    warc.write(&exchange("http://h/a", b"abc")).unwrap();
    warc.write(&exchange("http://h/b", b"abc")).unwrap();
    warc.write(&exchange("http://h/c", b"")).unwrap();
    warc.write(&exchange("http://h/d", b"")).unwrap();
    let cut = Exchange {
        truncated: Some(Truncated::Time),
        ..exchange("http://h/e", b"abc")
    };
    warc.write(&cut).unwrap();
    warc.finish().unwrap();
    let text = unpack(&path);
    let of_answers = types(&text)
        .into_iter()
        .filter(|kind| ["response", "revisit"].contains(kind));
    assert_eq!(
        of_answers.collect::<Vec<_>>(),
        ["response", "revisit", "response", "response", "response"]
    );
    assert!(text.contains("\r\nWARC-Refers-To-Target-URI: http://h/a\r\n"));
}

#[test]
fn a_torn_record_is_cut_at_any_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.warc.gz");
    let mut warc = open(&path);
    warc.write(&exchange("http://h/a", b"first")).unwrap();
    warc.finish().unwrap();
    drop(warc);
    let one = fs::read(&path).unwrap().len();
    let mut warc = open(&path);
    warc.write(&exchange("http://h/b", b"second")).unwrap();
    warc.finish().unwrap();
    drop(warc);
    let both = fs::read(&path).unwrap();
    for length in (one..both.len())
        .step_by(7)
        .chain([one + 1, both.len() - 1])
    {
        fs::write(&path, &both[..length]).unwrap();
        let mut warc = open(&path);
        warc.write(&exchange("http://h/c", b"third")).unwrap();
        warc.finish().unwrap();
        let text = unpack(&path);
        assert!(
            text.contains("\r\nfirst\r\n") && text.contains("\r\nthird\r\n"),
            "{length}"
        );
        assert_eq!(types(&text).last(), Some(&"metadata"));
    }
}

#[test]
fn files_of_a_series() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.warc.gz");
    let mut warc = Warc::open(&path, 1, "tracer/0", &Files::default()).unwrap();
    for _ in 0..3 {
        warc.write(&exchange("http://h/a", b"x")).unwrap();
    }
    warc.finish().unwrap();
    drop(warc);
    let mut warc = Warc::open(&path, 1 << 20, "tracer/0", &Files::default()).unwrap();
    warc.write(&exchange("http://h/last", b"x")).unwrap();
    warc.finish().unwrap();
    let mut names: Vec<String> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["a-00001.warc.gz", "a-00002.warc.gz", "a.warc.gz"]);
    for name in &names {
        let text = unpack(&dir.path().join(name));
        assert!(text.starts_with("WARC/1.1\r\nWARC-Type: warcinfo"));
        assert_eq!(text.contains("http://h/last"), name == "a-00002.warc.gz");
    }
}

/// Blocks of all records, found by their own lengths, so that a wrong length fails.
fn blocks(mut text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    while !text.is_empty() {
        let end = text
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap()
            + 4;
        let header = String::from_utf8(text[..end].to_vec()).unwrap();
        let length: usize = header
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .unwrap()
            .parse()
            .unwrap();
        found.push((header, text[end..end + length].to_vec()));
        assert_eq!(&text[end + length..][..4], b"\r\n\r\n");
        text = &text[end + length + 4..];
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_body_comes_back(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..5)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.warc.gz");
        let mut warc = open(&path);
        for body in &bodies {
            warc.write(&exchange("http://h/", body)).unwrap();
        }
        warc.finish().unwrap();
        let mut text = Vec::new();
        MultiGzDecoder::new(fs::File::open(&path).unwrap()).read_to_end(&mut text).unwrap();
        let read: Vec<Vec<u8>> = blocks(&text)
            .into_iter()
            .filter(|(header, _)| header.contains("WARC-Type: response"))
            .map(|(_, block)| block[block.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4..].to_vec())
            .collect();
        prop_assert_eq!(read, bodies);
    }
}
