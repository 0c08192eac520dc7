//! Patterns over names: `*` is any run of characters, `?` is one, letters of either case are equal.

use wildmatch::WildMatch;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Glob(WildMatch);

impl Glob {
    /// Compiles a pattern. Every text is a pattern: there is nothing but `*` and `?` that has a meaning.
    pub fn new(pattern: &str) -> Self {
        Self(WildMatch::new_case_insensitive(pattern))
    }

    /// Tells whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}

/// A set of patterns of which one has to match.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Globs(Vec<Glob>);

impl Globs {
    /// Compiles patterns.
    pub fn new<P: AsRef<str>>(patterns: impl IntoIterator<Item = P>) -> Self {
        let patterns = patterns.into_iter();
        Self(
            patterns
                .map(|pattern| Glob::new(pattern.as_ref()))
                .collect(),
        )
    }

    /// Tells whether there is no pattern, so that nothing matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether one of the patterns matches the whole of `text`.
    pub fn any_matches(&self, text: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns() {
        #[track_caller]
        fn check(pattern: &str, text: &str, expected: bool) {
            assert_eq!(
                Glob::new(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
        check("*", "", true);
        check("", "", true);
        check("", "a", false);
        check("?", "", false);
        check("*.Example", "a.b.example", true);
        check("*.example", "example", false);
        check("*.example", "A.EXAMPLE", true);
        check("*a*b*", "xxaxxbxx", true);
        check("*a*b", "ba", false);
        check("a?c", "abc", true);
        check("a**c", "abbbc", true);
        check("www.example.com", "www.example.com", true);
        check("www.example.com", "www.example.com.evil", false);
        check("b?cher.example", "bücher.example", true);
    }

    #[test]
    fn one_of_a_set_is_enough() {
        let globs = Globs::new(["*.org", "localhost"]);
        assert!(globs.any_matches("a.org") && globs.any_matches("LOCALHOST"));
        assert!(!globs.any_matches("a.com") && !Globs::default().any_matches("a.com"));
    }

    #[test]
    fn many_stars_cost_no_more_than_the_lengths_multiplied() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!Glob::new(&pattern).matches(&"a".repeat(20_000)));
    }

    /// The definition, by recursion.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) if by_definition(rest, text) => true,
            (Some((b'*', _)), Some((_, text))) => by_definition(pattern, text),
            (Some((b'?', rest)), Some((_, text))) => by_definition(rest, text),
            (Some((a, rest)), Some((b, text))) if a == b => by_definition(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn the_definition_holds(pattern in "[ab*?]{0,10}", text in "[ab]{0,12}") {
            let expected = by_definition(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Glob::new(&pattern).matches(&text), expected);
        }
    }
}
