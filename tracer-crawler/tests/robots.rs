//! robots.txt files, agents and URLs with the answers of Google's parser (github.com/google/robotstxt), which were computed
//! by running it over them. Site owners write their files for it.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::path::Path;

use serde::Deserialize;
use tracer_crawler::canonical::Normalizer;
use tracer_crawler::robots::RobotsTxt;

/// A file, asked about several paths.
#[derive(Debug, Deserialize)]
struct Case {
    about: String,
    agent: String,
    robots: String,
    /// URLs that Google's parser allows.
    allowed: Vec<String>,
    /// URLs that Google's parser forbids.
    forbidden: Vec<String>,
    /// URLs that it allows and RFC 9309 forbids, which compares decoded percent-encodings: the crawler obeys both.
    #[serde(default)]
    stricter: Vec<String>,
}

impl Case {
    /// The answer of the crawler, which brings every URL to its own spelling before it asks.
    fn is_fetched(&self, path: &str) -> bool {
        let url = Normalizer {
            max_bytes: 1 << 16,
            ..Normalizer::default()
        }
        .parse(&format!("http://h.example{path}"))
        .unwrap();
        RobotsTxt::parse(self.robots.as_bytes(), &self.agent).allows(&url)
    }
}

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/robots/answers.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn nothing_is_fetched_that_googles_parser_forbids() {
    let mut asked = 0;
    for case in cases() {
        for path in &case.forbidden {
            asked += 1;
            assert!(
                !case.is_fetched(path),
                "{}: {path} by {case:#?}",
                case.about
            );
        }
    }
    assert!(asked > 3000, "{asked} questions");
}

#[test]
fn all_else_is_fetched() {
    for case in cases() {
        for path in &case.allowed {
            let is_stricter = case.stricter.contains(path);
            assert_eq!(
                case.is_fetched(path),
                !is_stricter,
                "{}: {path} by {case:#?}",
                case.about
            );
        }
    }
}
