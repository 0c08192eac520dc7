use proptest::prelude::*;

use super::*;

/// Start tags with their `href`, from the text cut at these places.
fn scanned(html: &[u8], cuts: &[usize]) -> Vec<(Element, Option<String>)> {
    let mut scanner = Scanner::new();
    let mut found = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([html.len()]) {
        let part = &html[from..cut.clamp(from, html.len())];
        from = cut.clamp(from, html.len());
        let done = scanner.scan(part, |tag| {
            let href = tag.get(Attribute::Href);
            found.push((
                tag.element,
                href.map(|href| String::from_utf8_lossy(href).into_owned()),
            ));
        });
        assert_eq!(done, Ok(()));
    }
    found
}

/// `href` of every `<a>`.
fn anchors(html: &str) -> Vec<String> {
    scanned(html.as_bytes(), &[])
        .into_iter()
        .filter_map(|(element, href)| href.filter(|_| element == Element::A))
        .collect()
}

#[track_caller]
fn check(html: &str, expected: &[&str]) {
    assert_eq!(anchors(html), expected, "{html}");
    let every: Vec<usize> = (0..html.len()).collect();
    assert_eq!(
        scanned(html.as_bytes(), &every),
        scanned(html.as_bytes(), &[]),
        "byte by byte: {html}"
    );
}

#[test]
fn attributes() {
    check("<a href=x>", &["x"]);
    check("<A\tHREF = 'x y'\n>", &["x y"]);
    check("<a class=\"a>b\" href=\"x>y\">", &["x>y"]);
    check("<a href=x href=y>", &["x"]);
    check("<a href>", &[""]);
    check("<a href=>", &[""]);
    check("<a href= >", &[""]);
    check("<a href/href=x>", &[""]);
    check("<a/href=x>", &["x"]);
    check("<a href=x/>", &["x/"]);
    check("<a href='x'title='y'>", &["x"]);
    check("<a x='<a href=1>' href=2>", &["2"]);
    check("<a =href=x href=y>", &["y"]);
    check("<a href\n=\nx>", &["x"]);
    check("<a \"=' href=x>' href=y>", &["y"]);
    check("<a href=x", &[]);
    check("<a href='x>", &[]);
    check("<ab href=x><a-b href=x><annotation-xmlx href=x>", &[]);
    check("<div a=\"x\" b='>' c=>\"<a href=x>", &["x"]);
    check("<div a\"b><a href=x>", &["x"]);
    check("<div a b=\"x>\" c='>'><a href=x>", &["x"]);
    check("<div a=b=\"x><a href=y>\">", &["y"]);
    check("<div =\"x><a href=y>\">", &["y"]);
    check("<div /=\"x><a href=y>\">", &["y"]);
    check("<div a=\"x\"b='>'/><a href=y>", &["y"]);
    check("</div a='>' b=\"><a href=x>\"><a href=y>", &["y"]);
    check(
        "<abcdefghijklmnop href=x><a abcdefghijklmnopq=1 href=y>",
        &["y"],
    );
}

#[test]
fn what_only_looks_like_a_tag() {
    check("< a href=x><5><><a href=y>", &["y"]);
    check("</ a><a href=x></><a href=y></a href=z>", &["x", "y"]);
    check("<?php <a href=x> ?><a href=y>", &["y"]);
    check("<!doctype html \"<a href=x>\"><a href=y>", &["y"]);
    check("<<a href=x>", &["x"]);
    check("</a x='><a href=y>'><a href=z>", &["z"]);
}

#[test]
fn comments() {
    check("<!-- <a href=x> --><a href=y>", &["y"]);
    check("<!--><a href=x>--><a href=y>", &["x", "y"]);
    check("<!---><a href=x>", &["x"]);
    check("<!----><a href=x>", &["x"]);
    check("<!-- a -- b --- ><a href=x>---><a href=y>", &["y"]);
    check("<!-- --!><a href=x>", &["x"]);
    check("<!-- --!-><a href=x>--><a href=y>", &["y"]);
    check("<!-><a href=x>", &["x"]);
    check("<!-a><a href=x>", &["x"]);
    check("<!-- <!-- --><a href=x>", &["x"]);
    check("<!-- <!--><a href=x>", &["x"]);
    check("<![CDATA[ <a href=x> ]]><a href=y>", &["y"]);
    check("<![CDATA[><a href=x>]]>", &["x"]);
}

#[test]
fn elements_without_markup() {
    for name in [
        "title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "script",
    ] {
        check(&format!("<{name}><a href=x></{name}><a href=y>"), &["y"]);
        check(
            &format!("<{name}/><a href=x></{name}x></ {name}></{name} a='>'><a href=y>"),
            &["y"],
        );
        let upper = name.to_uppercase();
        check(
            &format!("<{upper}><</{name}<!--</{upper}/><a href=y>"),
            &["y"],
        );
    }
    check("<plaintext><a href=x></plaintext><a href=y>", &[]);
    check("<noscript><a href=x></noscript>", &["x"]);
    check("</title><a href=x>", &["x"]);
}

#[test]
fn scripts_in_comments_in_scripts() {
    check("<script><!-- </script><a href=x>", &["x"]);
    check(
        "<script><!-- <script> </script><a href=x> --></script><a href=y>",
        &["y"],
    );
    check("<script><!-- <script> </script></script><a href=y>", &["y"]);
    check("<script><!-- <script> --></script><a href=y>", &["y"]);
    check("<script><!--><script></script><a href=y>", &["y"]);
    check("<script><!---><script></script><a href=y>", &["y"]);
    check("<script><!- <script></script><a href=y>", &["y"]);
    check("<script><!-- <scriptx> </script><a href=y>", &["y"]);
    check(
        "<script><!-- <script/</scriptx></script ></script><a href=y>",
        &["y"],
    );
    check("<style><!-- <style> </style><a href=x>", &["x"]);
}

#[test]
fn svg_and_mathml() {
    check(
        "<svg><style><a href=x></style></svg><style><a href=y></style>",
        &["x"],
    );
    check(
        "<svg><title><a href=x></title></svg><title><a href=y></title>",
        &["x"],
    );
    check("<svg/><style><a href=x></style>", &[]);
    check(
        "<svg><foreignObject><style><a href=x></style></foreignObject><style><a href=y>",
        &["y"],
    );
    check(
        "<svg><desc><title><a href=x></title></desc><title><a href=y></title>",
        &["y"],
    );
    check("<svg><p><style><a href=x></style>", &[]);
    check(
        "<svg><font><style><a href=x></style><font color=red><style><a href=y></style>",
        &["x"],
    );
    check(
        "<svg><![CDATA[ <a href=x> ]] > ]]><a href=y></svg><![CDATA[><a href=z>",
        &["y", "z"],
    );
    check("<svg><![CDATA[]]]><a href=y>", &["y"]);
    check("<svg><![CDAT[><a href=y>", &["y"]);
    check(
        "<math><mi><style><a href=x></style></mi><style><a href=y></style></math>",
        &["y"],
    );
    check(
        "<math><annotation-xml><style><a href=x></style><svg><style><a href=y>",
        &["x", "y"],
    );
    check(
        "<math><annotation-xml encoding='Text/HTML'><style><a href=x></style></annotation-xml><style><a href=y>",
        &["y"],
    );
    check("<math><svg><title><style><a href=x>", &["x"]);
}

/// Reads the tags with lol_html, an independent tokenizer; `None` if it refuses the text. It does not follow SVG and
/// MathML in every detail (`<svg/>`), so [`HTML`] has none of their elements.
fn judged(html: &[u8]) -> Option<Vec<(String, Option<String>)>> {
    use lol_html::{HtmlRewriter, Settings, element};
    let mut found = Vec::new();
    let settings = Settings::new()
        .with_strict(false)
        .append_element_content_handler(element!("*", |tag| {
            found.push((tag.tag_name(), tag.get_attribute("href")));
            Ok(())
        }));
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    rewriter.write(html).ok()?;
    rewriter.end().ok()?;
    Some(found)
}

const HTML: &str =
    "(a|A|b|div|p|script|style|title|textarea|xmp|iframe|noembed|base|link|br|table|x)";
const FOREIGN: &str =
    "(a|div|font|style|title|svg|math|mi|desc|foreignObject|annotation-xml|link|script)";

fn piece(name: &'static str) -> impl Strategy<Value = String> {
    let attribute = "( |/|\n)(href|HREF|class|x|=)( ?= ?(v|\"v>w\"|'v\"'|v/|\"\"|))?";
    prop_oneof![
        4 => (name, prop::collection::vec(attribute, 0..3), "(>| >|/>|)").prop_map(|(name, attributes, end)| format!("<{name}{}{end}", attributes.concat())),
        3 => name.prop_map(|name| format!("</{name}>")),
        2 => "(<!--|-->|--!>|-|>|<|<!|<\\?|</|<!doctype x>|\\]\\]>|'|\"| |text|/|!|=)",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn like_another_tokenizer(pieces in prop::collection::vec(piece(HTML), 0..24)) {
        let html = pieces.concat();
        if let Some(judged) = judged(html.as_bytes()) {
            let expected: Vec<_> = judged.into_iter().filter_map(|(name, href)| {
                let mut known = Name::default();
                name.bytes().for_each(|byte| known.push(byte));
                let element = Element::of(known);
                element.is_wanted().then_some((element, href))
            }).collect();
            prop_assert_eq!(scanned(html.as_bytes(), &[]), expected, "{}", html);
        }
    }

    #[test]
    fn cuts_do_not_matter(pieces in prop::collection::vec(prop_oneof![piece(HTML), piece(FOREIGN)], 0..24), mut cuts in prop::collection::vec(0_usize..200, 0..8)) {
        let html = pieces.concat();
        cuts.sort_unstable();
        prop_assert_eq!(scanned(html.as_bytes(), &cuts), scanned(html.as_bytes(), &[]));
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let every: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(scanned(&bytes, &every), scanned(&bytes, &[]));
    }
}
