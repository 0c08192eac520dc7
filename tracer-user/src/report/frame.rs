//! Frame of the page: its head with the style, and the parts in their order.

use maud::{Markup, PreEscaped, html};

/// Style of the page, inline so that the page needs no other file.
const STYLE: &str = include_str!("report.css");

/// Rules for browsers: no scripts, nothing from the network, no forms.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Beginning of the document, the same for every page. Empty elements are closed, so that the page is XML, too.
fn head() -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<meta name=\"referrer\" content=\"no-referrer\"/>\n"
    )
}

/// Part of the page that has a heading and can be jumped to.
pub(super) struct Section {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) body: Markup,
}

impl Section {
    /// A section; its id is `prefix` and `id`.
    pub(super) fn new(prefix: &str, id: &str, title: impl Into<String>, body: Markup) -> Self {
        Self {
            id: format!("{prefix}{id}"),
            title: title.into(),
            body,
        }
    }
}

/// The whole document.
pub(super) fn document(title: &str, top: &Markup, sections: &[Section]) -> String {
    let rest = html! {
        title { (title) }
        style { (PreEscaped(STYLE)) }
    };
    let body = html! {
        body {
            header { (top) }
            nav aria-label="Contents" { ul {
                @for section in sections {
                    li { a href={ "#" (section.id) } { (section.title) } }
                }
            } }
            main {
                @for section in sections {
                    section id=(section.id) aria-labelledby={ (section.id) "-title" } {
                        h2 id={ (section.id) "-title" } { (section.title) }
                        (section.body)
                    }
                }
            }
            footer { p { "Made by " code { "tracer report" } ". The page holds no scripts and loads nothing. A dash stands for a figure that was not measured." } }
        }
    };
    format!(
        "{}{}\n</head>\n{}\n</html>\n",
        head(),
        rest.into_string(),
        body.into_string()
    )
}
