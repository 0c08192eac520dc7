//! Directives for crawlers in `<meta name=robots>` and the `X-Robots-Tag` header.

/// Directives of one page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directives {
    /// The page is not to be indexed.
    pub noindex: bool,
    /// The links of the page are not to be followed.
    pub nofollow: bool,
}

impl Directives {
    /// Adds the directives of a list such as `noindex, nofollow`.
    pub(super) fn add_list(&mut self, list: &str) {
        for word in list.split(',').map(str::trim) {
            let is = |name: &str| word.eq_ignore_ascii_case(name);
            self.noindex |= is("noindex") || is("none");
            self.nofollow |= is("nofollow") || is("none");
        }
    }

    /// Adds the directives of one `X-Robots-Tag` value: `noindex`, or `agent: noindex`, which counts only for our own
    /// name (in lower case).
    pub fn add_header(&mut self, value: &str, agent: &str) {
        match value.split_once(':') {
            // `unavailable_after` and similar rules have a value; the colon does not follow the name of an agent.
            Some((name, _)) if is_rule_with_value(name) => self.add_list(value),
            Some((name, list)) if names(name, agent) => self.add_list(list),
            Some(_) => {}
            None => self.add_list(value),
        }
    }
}

/// True if the name of a `<meta>`, or the name before a colon, addresses us.
pub(super) fn names(name: &str, agent: &str) -> bool {
    let name = name.trim();
    name.eq_ignore_ascii_case("robots") || name.eq_ignore_ascii_case(agent)
}

fn is_rule_with_value(before_colon: &str) -> bool {
    let last = before_colon.rsplit(',').next().unwrap_or("").trim();
    before_colon.contains(',')
        || [
            "unavailable_after",
            "max-snippet",
            "max-image-preview",
            "max-video-preview",
        ]
        .iter()
        .any(|rule| last.eq_ignore_ascii_case(rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        for (value, noindex, nofollow) in [
            ("noindex", true, false),
            ("NoIndex , NOFOLLOW", true, true),
            ("none", true, true),
            ("all", false, false),
            ("tracer: nofollow", false, true),
            ("otherbot: nofollow", false, false),
            ("unavailable_after: 25 Jun 2030 15:00:00 PST", false, false),
            ("noindex, max-snippet: 3", true, false),
            ("", false, false),
            (":", false, false),
        ] {
            let mut directives = Directives::default();
            directives.add_header(value, "tracer");
            assert_eq!(directives, Directives { noindex, nofollow }, "{value}");
        }
    }
}
