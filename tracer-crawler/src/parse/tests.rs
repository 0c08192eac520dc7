use proptest::prelude::*;

use super::*;

fn everything() -> ParseOptions {
    ParseOptions {
        images: true,
        scripts: true,
        ..ParseOptions::default()
    }
}

fn parse_with(options: ParseOptions, content_type: Option<&str>, chunks: &[&[u8]]) -> ParsedPage {
    let mut parser = HtmlParser::new(Arc::new(options), content_type);
    for chunk in chunks {
        parser.write(chunk);
    }
    parser.finish(
        &Url::parse("http://h/dir/page?q").unwrap(),
        &Normalizer::default(),
    )
}

fn parse(html: &str) -> ParsedPage {
    parse_with(everything(), None, &[html.as_bytes()])
}

fn urls(page: &ParsedPage) -> Vec<&str> {
    page.links.iter().map(|link| link.url.as_str()).collect()
}

#[track_caller]
fn check(html: &str, expected: &[(&str, LinkKind)]) {
    let page = parse(html);
    let found: Vec<_> = page
        .links
        .iter()
        .map(|link| (link.url.as_str(), link.kind))
        .collect();
    assert_eq!(found, expected, "{html}");
}

#[test]
fn elements_with_links() {
    check(
        "<a href=x>1</a><A HREF='/y#f'>",
        &[
            ("http://h/dir/x", LinkKind::Anchor),
            ("http://h/y", LinkKind::Anchor),
        ],
    );
    check(
        "<map><area href=//o/></map>",
        &[("http://o/", LinkKind::Area)],
    );
    check(
        "<link rel=next href=2><link rel='shortcut icon' href=i>",
        &[
            ("http://h/dir/2", LinkKind::Link),
            ("http://h/dir/i", LinkKind::Resource),
        ],
    );
    check("<link rel=preconnect href=//cdn><link href=nothing>", &[]);
    check(
        "<iframe src=f></iframe><script src=s.js></script>",
        &[
            ("http://h/dir/f", LinkKind::Frame),
            ("http://h/dir/s.js", LinkKind::Script),
        ],
    );
    check(
        "<img src=a srcset='b 1x, c 2x'><picture><source srcset=d></picture><video poster=e>",
        &["a", "b", "c", "d", "e"].map(|name| {
            (
                [
                    "http://h/dir/a",
                    "http://h/dir/b",
                    "http://h/dir/c",
                    "http://h/dir/d",
                    "http://h/dir/e",
                ]
                .into_iter()
                .find(|url| url.ends_with(name))
                .unwrap(),
                LinkKind::Image,
            )
        }),
    );
    check(
        "<meta http-equiv=REFRESH content='0;url=/r'>",
        &[("http://h/r", LinkKind::Refresh)],
    );
    check(
        "<a href='?a=1&amp;b=2'><a href=' ../t\n'>",
        &[
            ("http://h/dir/page?a=1&b=2", LinkKind::Anchor),
            ("http://h/t", LinkKind::Anchor),
        ],
    );
}

#[test]
fn what_is_no_link() {
    check(
        "<script>'<a href=x>'</script><!-- <a href=y> --><style><a href=z></style><textarea><a href=w></textarea>",
        &[],
    );
    check("<a name=x><a>", &[]);
    let page = parse("<a href='mailto:a@b'><a href='javascript:x()'><a href='http://'><a href=ok>");
    assert_eq!(urls(&page), ["http://h/dir/ok"]);
    assert_eq!(page.refused, [(Refusal::Scheme, 2), (Refusal::BadUrl, 1)]);
}

#[test]
fn options_leave_out() {
    let html = "<img src=a><script src=b></script><iframe src=c></iframe><link rel=stylesheet href=d><a href=e>";
    let options = ParseOptions {
        frames: false,
        ..ParseOptions::default()
    };
    assert_eq!(
        urls(&parse_with(options, None, &[html.as_bytes()])),
        ["http://h/dir/e"]
    );
}

#[test]
fn base_holds_for_links_before_it_and_only_the_first_counts() {
    check(
        "<a href=x><base href=/b/><base href=/c/><a href=y>",
        &[
            ("http://h/b/x", LinkKind::Anchor),
            ("http://h/b/y", LinkKind::Anchor),
        ],
    );
    check(
        "<base href='data:x'><a href=x>",
        &[("http://h/dir/x", LinkKind::Anchor)],
    );
    check(
        "<base href='http://[' ><a href=x>",
        &[("http://h/dir/x", LinkKind::Anchor)],
    );
}

#[test]
fn directives_and_canonical() {
    let page = parse(
        "<meta name=Robots content='NOINDEX'><link rel=canonical href=/c#x><a href=a rel='x NoFollow'><a href=b>",
    );
    assert!(page.directives.noindex && !page.directives.nofollow);
    assert_eq!(page.canonical.as_ref().map(Url::as_str), Some("http://h/c"));
    let nofollow: Vec<bool> = page.links.iter().map(|link| link.nofollow).collect();
    assert_eq!(nofollow, [false, true, false], "canonical, a, b");
    let all =
        parse("<a href=a><meta name=tracer content=nofollow><meta name=otherbot content=noindex>");
    assert!(all.links.get(0).unwrap().nofollow && !all.directives.noindex);
}

#[test]
fn charsets() {
    let url = |content_type: Option<&str>, body: &[u8]| {
        let page = parse_with(everything(), content_type, &[body]);
        (
            page.links.get(0).unwrap().url.as_str().to_owned(),
            page.charset,
        )
    };
    assert_eq!(
        url(None, "<a href=?ü>".as_bytes()),
        ("http://h/dir/page?%C3%BC".into(), "UTF-8")
    );
    assert_eq!(
        url(Some("text/html; charset=latin1"), b"<a href=?\xFC>"),
        ("http://h/dir/page?%FC".into(), "windows-1252")
    );
    assert_eq!(
        url(Some("text/html; charset=latin1"), b"<a href=\xFC>"),
        ("http://h/dir/%C3%BC".into(), "windows-1252")
    );
    assert_eq!(
        url(None, b"<meta charset=shift_jis><a href=\x83\x65>"),
        ("http://h/dir/%E3%83%86".into(), "Shift_JIS")
    );
    let utf16: Vec<u8> = "\u{FEFF}<a href='?ü'>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        url(Some("text/html; charset=latin1"), &utf16),
        ("http://h/dir/page?%C3%BC".into(), "UTF-16LE")
    );
    assert_eq!(
        url(
            Some("text/html; charset=iso-2022-jp"),
            b"<a href='\x1b$B%F\x1b(B'>"
        ),
        ("http://h/dir/%E3%83%86".into(), "ISO-2022-JP")
    );
}

#[test]
fn charsets_that_are_known_late() {
    let late = |rest: &[u8]| {
        let body = [b"<!--", &[b'x'; 1300][..], b"-->", rest].concat();
        let mut of_all: Vec<_> = [1, 100, 1024, 1025, body.len()]
            .map(|size| {
                let chunks: Vec<_> = body.chunks(size).collect();
                let page = parse_with(everything(), None, &chunks);
                let urls = page.links.iter().map(|link| link.url.as_str().to_owned());
                (urls.collect::<Vec<_>>(), page.charset)
            })
            .into();
        of_all.dedup();
        assert_eq!(
            of_all.len(),
            1,
            "it matters how much comes at once: {of_all:?}"
        );
        let (urls, charset) = of_all.remove(0);
        (urls.join(" "), charset)
    };
    assert_eq!(
        late(b"<meta charset=gbk><a href='/\xD6\xD0?q=\xD6\xD0'>"),
        ("http://h/%E4%B8%AD?q=%D6%D0".into(), "GBK")
    );
    assert_eq!(
        late(b"<meta http-equiv=content-type content='text/html; charset=koi8-r'><a href=/\xC1>"),
        ("http://h/%D0%B0".into(), "KOI8-R")
    );
    assert_eq!(
        late(b"<a href=/caf\xE9>"),
        ("http://h/caf%C3%A9".into(), "windows-1252")
    );
    assert_eq!(
        late(b"<a href=/\xE9><meta charset=koi8-r><a href=/\xC1>"),
        ("http://h/%C3%A9 http://h/%D0%B0".into(), "KOI8-R")
    );
    assert_eq!(
        late("<a href='/é?é'>".as_bytes()),
        ("http://h/%C3%A9?%C3%A9".into(), "UTF-8")
    );
    assert_eq!(
        late("<meta charset=utf-16><a href=/é>".as_bytes()),
        ("http://h/%C3%A9".into(), "UTF-8")
    );
    // It cannot be read by its tags.
    assert_eq!(late(b"<meta charset=iso-2022-jp><a href=/a>").1, "UTF-8");
}

#[test]
fn bounds_hold() {
    let many = "<a href=x>".repeat(50);
    let page = parse_with(
        ParseOptions {
            max_links: 20,
            ..everything()
        },
        None,
        &[many.as_bytes()],
    );
    assert_eq!((page.links.len(), page.links_dropped), (20, 30));
    let long = format!("<a href={}><a href=y>", "x".repeat(3000));
    let page = parse_with(
        ParseOptions {
            max_bytes: 2000,
            ..everything()
        },
        None,
        &[long.as_bytes()],
    );
    assert_eq!(
        (urls(&page), page.links_dropped),
        (vec!["http://h/dir/y"], 1)
    );
    let mut parser = HtmlParser::new(Arc::new(everything()), None);
    parser.write(b"<a href=first>");
    parser.write(b"<a href='");
    for _ in 0..100 {
        parser.write(&[b'x'; 64 << 10]);
    }
    parser.write(b"'><a href=after>");
    let page = parser.finish(&Url::parse("http://h/").unwrap(), &Normalizer::default());
    assert_eq!(
        (urls(&page), page.links_dropped),
        (vec!["http://h/first", "http://h/after"], 1)
    );
}

#[test]
fn nesting_takes_no_memory_in_html_and_has_an_end_in_svg() {
    let options = ParseOptions {
        max_links: 600_000,
        max_bytes: 1 << 20,
        ..everything()
    };
    let html = "<div><a href=x>".repeat(500_000);
    let page = parse_with(options, None, &[html.as_bytes()]);
    assert_eq!((page.links.len(), page.truncated), (500_000, false));
    let page = parse(&"<a href=x><svg><desc>".repeat(300));
    assert_eq!((page.links.len(), page.truncated), (257, true));
}

proptest! {
    #[test]
    fn chunks_do_not_matter(html in "(<a href=[a-z]{1,3}>|<base href=/[a-z]/>|<meta charset=[a-z]{0,4}>|é|&amp;|<[a-z]|>|'|\"| ){0,30}", cuts in prop::collection::vec(0_usize..200, 0..8)) {
        let whole = parse(&html);
        let bytes = html.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([bytes.len()]) {
            chunks.push(&bytes[from..cut]);
            from = cut;
        }
        prop_assert_eq!(parse_with(everything(), None, &chunks), whole);
    }

    #[test]
    fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..600), label in "(utf-8|utf-16|iso-2022-jp|gb18030|x-user-defined|)") {
        parse_with(everything(), Some(&format!("text/html; charset={label}")), &[&body]);
    }
}
