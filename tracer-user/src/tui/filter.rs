//! The filter language of the tables: words that all have to hold.
//!
//! `example` text in the name, `host:*.example.com` a column's text with * and ?, `ttfb>10ms` a column's
//! figure with a unit, `!comm:curl` not. A phase alone means its 99th percentile.

use tracer_text::glob::Glob;

/// Words that all have to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filter {
    terms: Vec<Term>,
}

/// A word of a filter.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// Any text of the row holds it.
    Anywhere(String),
    /// A column's text matches.
    Text { key: String, glob: String },
    /// A column's figure compares.
    Figure {
        key: String,
        relation: Relation,
        limit: f64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

/// Fault of a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FilterError {
    /// No number, or a unit nobody knows.
    #[error("`{got}` is no number; expected one such as 5, 10ms, 1.5s, 80%, 2k")]
    Number {
        /// Word as typed.
        got: String,
    },
    /// The table has no such column.
    #[error("no column `{got}` here; there are {expected}")]
    Column {
        /// Name as typed.
        got: String,
        /// Names of the columns.
        expected: String,
    },
    /// A word without anything after its colon or relation.
    #[error("`{got}` is not finished; expected a value, as in host:*.org or ttfb>10ms")]
    Unfinished {
        /// Word as typed.
        got: String,
    },
}

/// Row that a filter can ask for its text and figures.
pub(super) trait Subject {
    /// The text of a column; None when it has no text.
    fn text(&self, key: &str) -> Option<String>;
    /// The figure of a column: ns, a count, or a share of 1; None when it is not known.
    fn figure(&self, key: &str) -> Option<f64>;
    /// Tells whether some text of the row holds this one, in small letters.
    fn holds(&self, text: &str) -> bool;
}

impl Filter {
    /// Understands a filter; `keys` are the columns there are.
    pub(super) fn parse(text: &str, keys: &[&str]) -> Result<Self, FilterError> {
        let terms = text.split_whitespace().map(|word| term(word, keys));
        Ok(Self {
            terms: terms.collect::<Result<_, _>>()?,
        })
    }

    /// Tells whether the filter lets everything pass.
    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Tells whether a row passes.
    pub(super) fn admits(&self, row: &impl Subject) -> bool {
        self.terms
            .iter()
            .all(|term| term.holds(row) != term.negated)
    }
}

impl Term {
    fn holds(&self, row: &impl Subject) -> bool {
        match &self.test {
            Test::Anywhere(text) => row.holds(text),
            Test::Text { key, glob } => row.text(key).is_some_and(|text| matches(glob, &text)),
            Test::Figure {
                key,
                relation,
                limit,
            } => row
                .figure(key)
                .is_some_and(|figure| relation.holds(figure, *limit)),
        }
    }
}

/// A pattern without * and ? may stand anywhere in the text.
fn matches(pattern: &str, text: &str) -> bool {
    let text = text.to_lowercase();
    if pattern.contains(['*', '?']) {
        Glob::new(pattern).matches(&text)
    } else {
        text.contains(pattern)
    }
}

impl Relation {
    fn holds(self, figure: f64, limit: f64) -> bool {
        match self {
            Self::Less => figure < limit,
            Self::AtMost => figure <= limit,
            Self::Equal => figure == limit,
            Self::AtLeast => figure >= limit,
            Self::More => figure > limit,
        }
    }

    /// The relation that the text begins with, and what follows it.
    fn split(text: &str) -> Option<(Self, &str)> {
        let relations = [
            (">=", Self::AtLeast),
            ("<=", Self::AtMost),
            (">", Self::More),
            ("<", Self::Less),
            ("=", Self::Equal),
        ];
        relations
            .into_iter()
            .find_map(|(sign, relation)| Some((relation, text.strip_prefix(sign)?)))
    }
}

fn term(word: &str, keys: &[&str]) -> Result<Term, FilterError> {
    let (negated, rest) = match word.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    let unfinished = || FilterError::Unfinished {
        got: word.to_owned(),
    };
    if rest.is_empty() {
        return Err(unfinished());
    }
    let test = match rest.find([':', '<', '>', '=']) {
        Some(at) if at > 0 => {
            let key = column(&rest[..at], keys)?;
            let value = &rest[at..];
            match Relation::split(value) {
                Some((_, "")) => return Err(unfinished()),
                Some((relation, limit)) => Test::Figure {
                    key,
                    relation,
                    limit: number(limit)?,
                },
                None if value.len() == 1 => return Err(unfinished()),
                None => Test::Text {
                    key,
                    glob: value[1..].to_lowercase(),
                },
            }
        }
        _ => Test::Anywhere(rest.to_lowercase()),
    };
    Ok(Term { negated, test })
}

/// The column that is meant: its name, or the beginning of `name.p99`.
fn column(typed: &str, keys: &[&str]) -> Result<String, FilterError> {
    let wanted = typed.to_lowercase();
    let tail = format!("{wanted}.p99");
    let known = keys
        .iter()
        .find(|key| **key == wanted)
        .or_else(|| keys.iter().find(|key| **key == tail));
    match known {
        Some(key) => Ok((*key).to_owned()),
        None => Err(FilterError::Column {
            got: typed.to_owned(),
            expected: keys.join(" "),
        }),
    }
}

/// A number in the unit of figures: ns, a share of 1, or one each.
fn number(text: &str) -> Result<f64, FilterError> {
    let wrong = || FilterError::Number {
        got: text.to_owned(),
    };
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (value, unit) = text.split_at(digits);
    let value: f64 = value.parse().map_err(|_| wrong())?;
    let factor = match unit {
        "" | "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "%" => 0.01,
        "k" | "kB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        _ => return Err(wrong()),
    };
    Ok(value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row;

    impl Subject for Row {
        fn text(&self, key: &str) -> Option<String> {
            (key == "host").then(|| "www.Example.org".to_owned())
        }

        fn figure(&self, key: &str) -> Option<f64> {
            match key {
                "requests" => Some(12.0),
                "ttfb.p99" => Some(12e6),
                "reuse" => Some(0.5),
                _ => None,
            }
        }

        fn holds(&self, text: &str) -> bool {
            "www.example.org".contains(text)
        }
    }

    const KEYS: [&str; 6] = [
        "host", "requests", "reuse", "ttfb.p50", "ttfb.p99", "tls.p99",
    ];

    #[test]
    fn rows_that_pass() {
        #[track_caller]
        fn check(text: &str, expected: bool) {
            let filter = Filter::parse(text, &KEYS).unwrap();
            assert_eq!(filter.admits(&Row), expected, "{text}");
        }
        check("", true);
        check("EXAMPLE", true);
        check("!example", false);
        check("host:*.example.org", true);
        check("host:example", true);
        check("host:*.com", false);
        check("!host:*.com", true);
        check("ttfb>10ms", true);
        check("ttfb.p99>=12ms ttfb<=12ms", true);
        check("ttfb<10ms", false);
        check("requests=12", true);
        check("reuse<50%", false);
        check("reuse<51%", true);
        check("example requests>20", false);
        check("tls>0", false);
        check(":odd", false);
    }

    #[test]
    fn what_is_wrong_is_said() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let error = Filter::parse(text, &KEYS).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        check(
            "color:red",
            "no column `color` here; there are host requests",
        );
        check("ttfb>fast", "`fast` is no number");
        check("ttfb>10parsecs", "`10parsecs` is no number");
        check("ttfb>", "not finished");
        check("host:", "not finished");
        check("!", "not finished");
    }

    #[test]
    fn no_text_panics() {
        proptest::proptest!(|(text in "\\PC{0,20}")| {
            let _ = Filter::parse(&text, &KEYS);
        });
    }
}
