use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

fn read_chunks<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Entry>, Result<(), SitemapError>) {
    let mut parser = SitemapParser::default();
    let mut found = Vec::new();
    for chunk in chunks {
        let _ = parser.write(chunk);
        found.extend(parser.take());
    }
    let (rest, result) = parser.finish();
    found.extend(rest);
    (found, result)
}

fn read(text: &[u8]) -> (Vec<Entry>, Result<(), SitemapError>) {
    read_chunks([text])
}

fn pages(urls: &[&str]) -> Vec<Entry> {
    urls.iter().map(|url| Entry::Page((*url).into())).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Checks the entries of a text in clear and in gzip, split in several ways.
#[track_caller]
fn check(text: &str, expected: &[Entry]) {
    for body in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        for size in [1, 2, 7, 4096] {
            let (found, result) = read_chunks(body.chunks(size));
            assert_eq!(
                (found.as_slice(), result),
                (expected, Ok(())),
                "{size}: {text}"
            );
        }
    }
}

#[test]
fn xml() {
    check(
        "<?xml version='1.0'?><!-- <loc>no > no</loc> --><urlset xmlns='x'><url><loc> http://h/?a=1&amp;b=&#50; </loc>\
         <lastmod>2020</lastmod><image:image><image:loc>http://h/i</image:loc></image:image></url><s:url><s:loc>http://h/s</s:loc><loc>http://h/other</loc></s:url><url a='>'><loc><![CDATA[http://h/<2>]]></loc></url></urlset>",
        &pages(&["http://h/?a=1&b=2", "http://h/s", "http://h/<2>"]),
    );
    check(
        "\u{FEFF} \n<urlset><url><loc>http://h/ü</loc></url></urlset>\n",
        &pages(&["http://h/ü"]),
    );
    check("<loc>http://outside/</loc>", &[]);
    check("<urlset/>", &[]);
    check("<urlset><url><loc></loc></url></b></urlset>", &[]);
}

#[test]
fn index() {
    check(
        "<sitemapindex><sitemap><loc>http://h/1.xml.gz</loc></sitemap><sitemap><loc>http://h/2.xml</loc></sitemap></sitemapindex>",
        &[
            Entry::Sitemap("http://h/1.xml.gz".into()),
            Entry::Sitemap("http://h/2.xml".into()),
        ],
    );
}

#[test]
fn text() {
    check(
        "http://h/1\r\nhttp://h/2\n\n  http://h/3",
        &pages(&["http://h/1", "http://h/2", "http://h/3"]),
    );
    check("\u{FEFF}http://h/1\n", &pages(&["http://h/1"]));
    check("x", &pages(&["x"]));
    check("", &[]);
}

#[test]
fn hostile_xml_reads_nothing_else() {
    let text = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;'><!ENTITY f SYSTEM 'file:///etc/passwd'>]>\
                <urlset><url><loc>http://h/&b;&f;x</loc></url></urlset>";
    check(text, &pages(&["http://h/x"]));
}

#[test]
fn limits() {
    let many = format!(
        "<urlset>{}</urlset>",
        "<url><loc>http://h/</loc></url>".repeat(MAX_URLS + 1)
    );
    let (found, result) = read(many.as_bytes());
    assert_eq!(
        (found.len(), result),
        (MAX_URLS, Err(SitemapError::TooMany))
    );
    let bomb = gzip(&[b' '; MAX_BYTES + 1]);
    assert!(bomb.len() < MAX_BYTES / 100);
    assert!(read(&bomb).1.is_err());
    let long = format!(
        "<urlset>{}",
        format!("<a>{}</a>", "x".repeat(4089)).repeat(MAX_BYTES / 4096 + 1)
    );
    assert_eq!(read(long.as_bytes()).1, Err(SitemapError::TooLong));
    for open in ["<urlset><!--", "<urlset><url a='", "http://h/"] {
        let text = format!("{open}{}", "x".repeat(2 * MAX_TOKEN_BYTES));
        assert!(
            matches!(
                read(text.as_bytes()).1,
                Err(SitemapError::TokenTooLong { .. })
            ),
            "{open}"
        );
    }
    let long_url = format!(
        "<urlset><url><loc>{}</loc></url><url><loc>http://h/</loc></url></urlset>",
        "x".repeat(MAX_URL_BYTES + 1)
    );
    assert_eq!(read(long_url.as_bytes()), (pages(&["http://h/"]), Ok(())));
}

#[test]
fn a_torn_body_says_so_and_keeps_what_was_whole() {
    let text = b"<urlset><url><loc>http://h/1</loc></url><url><loc>http://h/2</lo";
    assert_eq!(
        read(text),
        (pages(&["http://h/1"]), Err(SitemapError::Torn))
    );
    let whole = gzip(
        &[
            b"<urlset><url><loc>http://h/1</loc></url>" as &[u8],
            &[b' '; 5000],
            b"</urlset>",
        ]
        .concat(),
    );
    assert!(matches!(
        read(&whole[..whole.len() - 4]).1,
        Err(SitemapError::Gzip { .. })
    ));
    assert!(matches!(
        read(b"\x1F\x8Bgarbage").1,
        Err(SitemapError::Gzip { .. })
    ));
    assert!(matches!(
        read(b"\x1F\x8B").1,
        Err(SitemapError::Gzip { .. })
    ));
}

proptest! {
    #[test]
    fn chunks_do_not_matter(text in "(<url>|</url>|<loc>|</loc>|<sitemap>|http://h/[a-z]|&amp;|&x|<!--|-->|<!\\[CDATA\\[|\\]\\]>|<\\?|<!|>|'| |\n){0,40}", cuts in prop::collection::vec(0_usize..120, 0..6)) {
        let bytes = format!("<urlset>{text}").into_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([bytes.len()]) {
            chunks.push(&bytes[from..cut]);
            from = cut;
        }
        prop_assert_eq!(read_chunks(chunks), read(&bytes));
    }

    #[test]
    fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&body);
        let _ = read(&[&GZIP[..], &body].concat());
    }
}
