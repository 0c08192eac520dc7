//! `tracer explain`.

use tracer_core::finding::rule::Rule;

use super::args::Explain;
use crate::{exit_code, explain, failure::Failure, say};

/// Prints the list of rules, or the page of one.
pub(crate) fn explain(arguments: &Explain) -> Result<u8, Failure> {
    let rule = arguments.rule.as_deref().map(by_id).transpose()?;
    let text = match (rule, arguments.markdown) {
        (rule, true) => explain::markdown(rule),
        (Some(rule), false) => explain::page(rule),
        (None, false) => explain::list(),
    };
    say::print(&text)?;
    Ok(exit_code::OK)
}

fn by_id(id: &str) -> Result<Rule, Failure> {
    Rule::by_id(id).ok_or_else(|| {
        Failure::Usage(format!(
            "no finding `{id}`; `tracer explain` lists all of them"
        ))
    })
}
