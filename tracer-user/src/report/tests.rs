use std::io::Read as _;

use flate2::read::GzDecoder;
use proptest::prelude::*;
use quick_xml::{Reader, events::Event};
use serde_json::{Value, json};

use super::*;

/// Elements that a page may have.
const ELEMENTS: &str = "html head meta title style body header nav main section footer article details summary h1 h2 \
    h3 p div span strong code pre a ul li dl dt dd table caption thead tbody tr th td figure \
    figcaption svg rect path text";

/// Attributes that a page may have: none of them runs anything, and `href` leads to a place on the page.
const ATTRIBUTES: &str = "lang charset http-equiv content name class id href role scope tabindex aria-label \
    aria-labelledby aria-hidden viewBox preserveAspectRatio x y width height d";

fn golden(name: &str) -> Export {
    let path = format!("{}/tests/golden/{name}.json.gz", env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    let packed = std::fs::read(path).unwrap();
    GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
    tracer_export::read(text.as_bytes()).unwrap()
}

fn export(value: &Value) -> Export {
    tracer_export::read(value.to_string().as_bytes()).unwrap()
}

/// An export with everything that a page shows: findings with advice, hosts, proxies, verdicts, parts.
fn whole() -> Export {
    let x = || Some("x".to_owned());
    let all = || vec!["x".to_owned()];
    let mut whole = Export {
        findings: golden("lookups").findings,
        dns_names: golden("lookups").dns_names,
        ..golden("hosts")
    };
    let filter = &mut whole.filter;
    filter.exe = all();
    filter.cgroup = all();
    let process = &mut whole.processes[0];
    (process.container, process.machine) = (x(), x());
    let given = json!({
        "schema": "tracer.export/1",
        "proxies": [{"name": "x", "via": ["x"]}],
        "verdicts": [{"expr": "x", "result": "failed", "figure": "x", "value": "x"}],
        "merged": {"parts": [
            {"machine": {"hostname": "x"}, "findings": [{"id": "x", "severity": "info"}]},
        ]},
    });
    let given = export(&given);
    whole.proxies = given.proxies;
    whole.verdicts = given.verdicts;
    whole.merged = given.merged;
    let findings = whole.findings.as_mut().unwrap();
    let mut allowed = findings[0].clone();
    (allowed.suppressed_by, allowed.suppressed_because) = (x(), x());
    allowed.advice[0].client = x();
    allowed.advice[0].setting = x();
    allowed.advice[0].default = x();
    allowed.advice[0].proposed = x();
    findings.push(allowed);
    whole
}

/// Replaces every text by `with`, also those that are keys, but for words of the schema.
fn replaced(value: &Value, with: &str) -> Value {
    const WORDS: [&str; 7] = [
        "schema",
        "status",
        "severity",
        "confidence",
        "kind",
        "result",
        "hdr",
    ];
    match value {
        Value::String(_) => json!(with),
        Value::Array(all) => all.iter().map(|it| replaced(it, with)).collect(),
        Value::Object(all) => Value::Object(
            all.iter()
                .map(|(key, it)| match (key.as_str(), it) {
                    (key, it) if WORDS.contains(&key) => (key.to_owned(), it.clone()),
                    (key @ ("evidence" | "threshold" | "by_counter"), Value::Object(inner)) => {
                        let inner = inner.iter().enumerate();
                        let inner =
                            inner.map(|(at, (_, it))| (format!("{with}{at}"), replaced(it, with)));
                        (key.to_owned(), Value::Object(inner.collect()))
                    }
                    (key, it) => (key.to_owned(), replaced(it, with)),
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

/// Texts of a page, and of its attributes. The page is XML as well as HTML, and a strict reader takes it; no element and
/// no attribute is there but those that are expected.
#[track_caller]
fn texts(page: &str) -> Vec<String> {
    let mut reader = Reader::from_str(page);
    reader.config_mut().check_end_names = true;
    let (mut open, mut texts, mut text) = (0, Vec::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(element) => {
                open += 1;
                texts.push(std::mem::take(&mut text));
                texts.extend(attributes(&element));
            }
            Event::Empty(element) => texts.extend(attributes(&element)),
            Event::End(_) => {
                open -= 1;
                texts.push(std::mem::take(&mut text));
            }
            Event::Text(part) => text += &*part,
            Event::GeneralRef(entity) => {
                let c = quick_xml::escape::resolve_xml_entity(&entity);
                text += c.unwrap_or_else(|| panic!("&{};", &*entity));
            }
            Event::DocType(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(open, 0);
    texts.retain(|text| !text.trim().is_empty());
    texts
}

#[track_caller]
fn attributes(element: &quick_xml::events::BytesStart<'_>) -> Vec<String> {
    let name = element.name().into_inner();
    assert!(ELEMENTS.split(' ').any(|it| it == name), "<{name}>");
    let attributes = element.attributes().map(|attribute| {
        let attribute = attribute.unwrap();
        let (key, value) = (attribute.key.into_inner(), &*attribute.value);
        assert!(ATTRIBUTES.split(' ').any(|it| it == key), "{name} {key}");
        assert!(key != "href" || value.starts_with('#'), "{value}");
        quick_xml::escape::unescape(value).unwrap().into_owned()
    });
    attributes.collect()
}

#[test]
fn a_page_runs_nothing_and_loads_nothing() {
    let page = of_one("crawl", &whole());
    texts(&page);
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';";
    assert!(page.contains(policy), "{page}");
    // The policy comes before everything that it holds for.
    assert!(page.find(policy) < page.find("<style"));
    for needle in ["<script", "javascript:", "@import", "url(", " src="] {
        assert!(!page.contains(needle), "{needle}");
    }
}

#[test]
fn places_on_the_page_exist_once() {
    let comparison = Comparison::new(["a".into(), "b".into()], whole(), golden("lost"));
    for page in [of_one("x", &whole()), of_two(&comparison)] {
        let of = |start: &str| -> Vec<String> {
            let parts = page.split(start).skip(1);
            parts
                .map(|it| it.split('"').next().unwrap().to_owned())
                .collect()
        };
        let (ids, linked) = (of(" id=\""), of("href=\"#"));
        assert!(linked.len() > 5, "{linked:?}");
        for id in linked.into_iter().chain(of("aria-labelledby=\"")) {
            assert_eq!(ids.iter().filter(|it| **it == id).count(), 1, "{id}");
        }
    }
}

/// An export without figures, and one with zeroes: the first has dashes alone.
#[test]
fn absent_figures_are_no_zeroes() {
    let empty = export(&json!({"schema": "tracer.export/1"}));
    let page = of_one("x", &empty);
    let is_figure = |text: &String| text.starts_with(|c: char| c.is_ascii_digit());
    let numbers: Vec<String> = texts(&page).into_iter().filter(is_figure).collect();
    assert_eq!(numbers, [""; 0]);
    assert!(page.contains("does not say whether something was lost"));
    let lines = texts(&page);
    assert!(
        lines.iter().filter(|text| *text == "–").count() > 15,
        "{lines:?}"
    );

    let zero = json!({
        "schema": "tracer.export/1",
        "totals": {"connections": {"opened": 0}, "phases": {"connect": {"count": 0, "p50_ns": 0}}},
        "events": {"lost": 0, "undecodable": 0, "map_full": 0, "evicted": 0},
    });
    let page = of_one("x", &export(&zero));
    assert!(page.contains("<dt>opened</dt><dd>0</dd>"), "{page}");
    assert!(page.contains("<dt>established</dt><dd>–</dd>"), "{page}");
    assert!(page.contains("Without a sample: connect."), "{page}");
    assert!(page.contains("Nothing was lost."));
}

#[test]
fn losses_are_said_at_the_top() {
    let page = of_one("lost", &golden("lost"));
    let at = |words: &str| page.find(words).unwrap_or_else(|| panic!("no {words:?}"));
    assert!(at("514 records were lost: counts are too small") < at("<nav"));
    assert!(at("502 records found the ring buffer full") < at("<nav"));
    assert!(at("17 entries are missing in the recording") < at("<nav"));
}

#[test]
fn the_time_of_a_request_is_that_of_the_summary() {
    let page = of_one("crawl", &golden("crawl"));
    for words in [
        "A request takes 5.35 ms, 82 % of it avoidable",
        "82 %: connect and tls, 6 of 11 requests opened a connection",
    ] {
        assert!(page.contains(words), "no {words:?}");
    }
}

/// Without the counts that tell what was needless nothing is said to be avoidable, or not to be.
#[test]
fn what_is_avoidable_may_be_unknown() {
    let mut crawl = golden("crawl");
    crawl.totals.connections.established = None;
    let page = of_one("crawl", &crawl);
    let words = "A request takes 5.35 ms; the export does not tell what of it is avoidable";
    assert!(page.contains(words), "{page}");
}

/// Figures that no tracer writes: the page is made all the same.
#[test]
fn senseless_figures_are_shown() {
    let value = json!({
        "schema": "tracer.export/1",
        "window": {"duration_ns": u64::MAX},
        "totals": {
            "requests": {"count": 1, "connections": u64::MAX, "reuse_ratio": -1e300, "pickup_cpu_ratio": 1e300},
            "connections": {"established": 0},
            "dns": {"answered": 0, "repeated_within_ttl": u64::MAX},
            "phases": {"ttfb": {"count": u64::MAX, "mean_ns": 1e300, "p50_ns": u64::MAX, "hdr": "no"}},
        },
        "hosts": [{"host": "", "connections": {"peak_open": 0}, "requests": {"connections": u64::MAX}}],
        "time_wait": {"destinations": [{"ports_used_ratio": 1e300}, {"ports_used_ratio": -1.0}]},
        "series": {"interval_ns": 1, "open": [null, u64::MAX, 0, null], "requests": [], "p99_ttfb_ns": [null]},
    });
    let page = of_one("x", &export(&value));
    texts(&page);
    assert!(
        page.contains("The histogram of this phase cannot be read."),
        "{page}"
    );
}

#[test]
fn long_lists_are_cut_and_long_courses_joined() {
    let mut many = golden("hosts");
    many.hosts = vec![many.hosts[0].clone(); 1_000];
    many.series.open = Some((0..3_600).map(|at| Some(at % 100)).collect());
    let page = of_one("many", &many);
    texts(&page);
    assert!(page.contains("… and 950 more"));
    assert!(page.len() < 300_000, "{} bytes", page.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// A hostile name is text on the page and nothing else.
    #[test]
    fn hostile_names_are_text(
        hostile in "(<script>|</style>|\"|'|&|<!--|]]>|\u{202e}|\u{1b}\\[2J|\n|\\PC){1,12}"
    ) {
        let value = replaced(&serde_json::to_value(whole()).unwrap(), &hostile);
        let one = of_one(&hostile, &export(&value));
        let names = [hostile.clone(), format!("{hostile}2")];
        let two = of_two(&Comparison::new(names, export(&value), export(&value)));
        let shown = tracer_text::printable::printable(&hostile);
        for page in [one, two] {
            let texts = texts(&page);
            let with = texts.iter().filter(|text| text.contains(&shown)).count();
            // White space at the ends of a text may be lost; what is left of it is there.
            prop_assert!(with > 30 || shown.trim() != shown, "{} of {:?}", with, shown);
            let controls = page.matches(|c: char| c.is_control() && c != '\n');
            prop_assert_eq!(controls.count(), 0);
            prop_assert!(!page.contains('\u{202e}'), "an override of direction");
        }
    }
}
