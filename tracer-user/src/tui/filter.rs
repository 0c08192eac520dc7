//! The filter language of the tables: a row passes when it fulfils every word.
//!
//! `example`: a text of the row contains it. `host:*.example.com`: the column's text matches, with * and ?.
//! `ttfb>10ms`: the column's figure compares so, with a unit. `!comm:curl`: not. A phase alone means its 99th
//! percentile.

use tracer_text::glob::Glob;

/// A filter: a row passes when it fulfils every word.
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
    /// Some text of the row contains this one.
    Anywhere(String),
    /// The column's text matches.
    Text { key: String, glob: String },
    /// The column's figure compares as given.
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
    /// The word is no number, or its unit is unknown.
    #[error("`{got}` is no number; expected one such as 5, 10ms, 1.5s, 80%, 2k")]
    Number {
        /// Word as typed.
        got: String,
    },
    /// The figure has a unit, and the word has none or another one.
    #[error("`{column}` wants a unit: {example}")]
    Unit {
        /// Name of the column.
        column: String,
        /// Word with a unit.
        example: String,
    },
    /// The table has no such column.
    #[error("no column `{got}` here; there are {expected}")]
    Column {
        /// Name as typed.
        got: String,
        /// Names of the columns.
        expected: String,
    },
    /// The word has nothing after its colon or relation.
    #[error("`{got}` is not finished; expected a value, as in host:*.org or ttfb>10ms")]
    Unfinished {
        /// Word as typed.
        got: String,
    },
}

/// Unit of the figures of a column, as far as a filter demands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// A time.
    Time,
    /// A share of 1.
    Share,
    /// Anything that has no unit.
    Plain,
}

impl Measure {
    /// Unit by the name of a column.
    fn of(key: &str) -> Self {
        let is_time = |key: &str| ["age", "idle", "rtt", "p50", "p90", "p99", "max"].contains(&key);
        match key {
            "reuse" | "use" => Self::Share,
            key if is_time(key.rsplit('.').next().unwrap_or(key)) => Self::Time,
            _ => Self::Plain,
        }
    }
}

/// Row of a table, as a filter reads it.
pub(super) trait Subject {
    /// The text of a column; None when it has no text.
    fn text(&self, key: &str) -> Option<String>;
    /// The figure of a column: ns, a count, or a share of 1; None when it is unknown.
    fn figure(&self, key: &str) -> Option<f64>;
    /// Tells whether some text of the row contains this one, ignoring case. `text` is in lower case.
    fn holds(&self, text: &str) -> bool;
}

impl Filter {
    /// Parses a filter; `keys` are the columns of the table.
    pub(super) fn parse(text: &str, keys: &[&str]) -> Result<Self, FilterError> {
        let terms = text.split_whitespace().map(|word| term(word, keys));
        Ok(Self {
            terms: terms.collect::<Result<_, _>>()?,
        })
    }

    /// Tells whether the filter admits every row.
    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Tells whether the filter admits a row.
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

/// Matches a pattern; one without * and ? may match any part of the text.
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

    /// The relation at the beginning of the text, and the rest of the text.
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
                    relation,
                    limit: number(limit, &key)?,
                    key,
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

/// The column that a typed name means: a column of this name, or of `name.p99`.
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

/// Parses a number into the unit of a column's figures: ns, a share of 1, or a count. A share may be given as a
/// percentage without its sign; a time needs its unit, unless it is 0.
fn number(text: &str, key: &str) -> Result<f64, FilterError> {
    let wrong = || FilterError::Number {
        got: text.to_owned(),
    };
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits);
    let value: f64 = digits.parse().map_err(|_| wrong())?;
    let needs = |unit: &str| FilterError::Unit {
        column: key.to_owned(),
        example: format!("{digits}{unit}"),
    };
    let times = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
    ];
    let time = times.iter().find(|(name, _)| *name == unit);
    match (Measure::of(key), unit) {
        (Measure::Time, _) if value == 0.0 && unit.is_empty() => Ok(0.0),
        (Measure::Time, _) => Ok(value * time.ok_or_else(|| needs("ms"))?.1),
        (Measure::Share, "%") => Ok(value / 100.0),
        (Measure::Share, "") if value > 1.0 => Ok(value / 100.0),
        (Measure::Share, "") => Ok(value),
        (Measure::Share, _) => Err(needs("%")),
        (Measure::Plain, "") => Ok(value),
        (Measure::Plain, "k" | "kB") => Ok(value * 1e3),
        (Measure::Plain, "M" | "MB") => Ok(value * 1e6),
        (Measure::Plain, "G" | "GB") => Ok(value * 1e9),
        (Measure::Plain, _) => Err(wrong()),
    }
}

/// The text with the name of a column completed at its end, as far as the names that begin so agree.
pub(super) fn completed(text: &str, keys: &[&str]) -> Option<String> {
    let from = text.rfind([' ', '!']).map_or(0, |at| at + 1);
    let begun = text[from..].to_lowercase();
    let mut fitting = keys.iter().filter(|key| key.starts_with(&begun));
    let first = *fitting.next().filter(|_| !begun.is_empty())?;
    let common = fitting.fold(first, |common, key| {
        let same = common.bytes().zip(key.bytes()).take_while(|(a, b)| a == b);
        &common[..same.count()]
    });
    (common.len() > begun.len()).then(|| format!("{}{common}", &text[..from]))
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
        check("reuse<51", true);
        check("reuse<0.4", false);
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
        check("ttfb>10", "`ttfb.p99` wants a unit: 10ms");
        check("ttfb>10parsecs", "`ttfb.p99` wants a unit: 10ms");
        check("reuse<5ms", "`reuse` wants a unit: 5%");
        check("requests>5parsecs", "`5parsecs` is no number");
        check("ttfb>", "not finished");
        check("host:", "not finished");
        check("!", "not finished");
    }

    #[test]
    fn names_are_completed() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            assert_eq!(completed(text, &KEYS).as_deref(), expected, "{text}");
        }
        check("h", Some("host"));
        check("a !tt", Some("a !ttfb.p"));
        check("re", None);
        check("req", Some("requests"));
        check("host", None);
        check("x", None);
        check("", None);
    }

    #[test]
    fn no_text_panics() {
        proptest::proptest!(|(text in "\\PC{0,20}")| {
            let _ = completed(&text, &KEYS);
            let _ = Filter::parse(&text, &KEYS);
        });
    }
}
