//! `tracer explain`: the list of rules, and the page of each, as text or as Markdown. docs/user/findings.md is the
//! Markdown of all pages; `tests/generated.rs` keeps it up to date.

mod markdown;
mod text;

use tracer_core::{
    client::Client,
    finding::{
        advice::{Advice, for_client},
        rule::Rule,
        rules::definition,
        threshold::Threshold,
        verdict::Proposal,
    },
};

/// List of all rules.
pub(crate) fn list() -> String {
    text::list()
}

/// Page of a rule.
pub(crate) fn page(rule: Rule) -> String {
    text::page(&Explanation::of(rule))
}

/// Markdown of one rule, or of all.
pub(crate) fn markdown(rule: Option<Rule>) -> String {
    match rule {
        Some(rule) => markdown::page(&Explanation::of(rule)),
        None => markdown::all(),
    }
}

/// Everything that a page says.
struct Explanation {
    rule: Rule,
    /// Headings with their paragraphs.
    sections: [(&'static str, &'static str); 6],
    thresholds: &'static [Threshold],
    /// Advice for any client.
    advice: &'static str,
    /// Advice by client.
    clients: Vec<Advice>,
}

impl Explanation {
    fn of(rule: Rule) -> Self {
        let definition = definition(rule);
        let page = definition.page;
        let clients = Client::ALL.into_iter();
        Self {
            rule,
            sections: [
                ("What it is", page.what),
                ("Why it costs time", page.cost),
                ("How it is told", page.told),
                ("False positives, and what is not seen", page.doubts),
                ("How to provoke it", page.provoke),
                ("How to check that it is gone", page.cured),
            ],
            thresholds: definition.thresholds,
            advice: page.advice,
            clients: clients
                .filter_map(|client| for_client(rule, client, &Proposal::default()))
                .collect(),
        }
    }
}

/// Name of a figure as words.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_rule() {
        let text = list();
        for rule in Rule::ALL {
            assert!(text.contains(rule.id()), "{rule:?}");
        }
    }

    #[test]
    fn pages_fit_a_terminal() {
        for rule in Rule::ALL {
            let text = page(rule);
            let widest = text.lines().max_by_key(|line| line.chars().count());
            let widest = widest.unwrap();
            assert!(widest.chars().count() <= 120, "{widest}");
        }
    }

    #[test]
    fn a_page_is_complete() {
        insta::assert_snapshot!(page(Rule::StaleReuse));
    }
}
