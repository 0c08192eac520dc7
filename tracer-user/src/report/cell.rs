//! Figures as text, and the tables they stand in. An absent figure is a dash, never zero.

use maud::{Markup, html};
use tracer_text::{number, printable::printable};

/// Text of a figure that was not measured.
pub(super) const ABSENT: &str = "–";

/// Text of a count.
pub(super) fn count(figure: Option<u64>) -> String {
    figure.map_or_else(absent, number::count)
}

/// Text of a time in ns.
pub(super) fn time(ns: Option<u64>) -> String {
    figure_or_absent(ns.map(|ns| ns as f64), number::time)
}

/// Text of a share of 1.
pub(super) fn share(ratio: Option<f64>) -> String {
    figure_or_absent(ratio, |ratio| number::share(ratio).replace('%', " %"))
}

/// Text of a number of bytes.
pub(super) fn bytes(figure: Option<u64>) -> String {
    figure.map_or_else(absent, number::bytes)
}

/// Text of a name from the export, without characters that hide text or change its direction. The page escapes markup.
pub(super) fn name(text: &str) -> String {
    match text.is_empty() {
        true => absent(),
        false => printable(text),
    }
}

fn absent() -> String {
    ABSENT.to_owned()
}

fn figure_or_absent(figure: Option<f64>, print: fn(f64) -> String) -> String {
    let known = figure.filter(|figure| figure.is_finite());
    known.map_or_else(absent, print)
}

/// Column of a table: its heading, and whether it holds words instead of numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column(pub(super) &'static str, pub(super) bool);

/// Column of numbers.
pub(super) const fn numbers(title: &'static str) -> Column {
    Column(title, false)
}

/// Column of words.
pub(super) const fn words(title: &'static str) -> Column {
    Column(title, true)
}

/// Table with a caption that can be scrolled sideways where it is wider than the page. The first cell of a row is its
/// heading.
pub(super) fn table(caption: &str, columns: &[Column], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll role="group" aria-label=(caption) tabindex="0" {
            table {
                caption { (caption) }
                thead { tr {
                    @for column in columns {
                        th class=[column.1.then_some("text")] scope="col" { (column.0) }
                    }
                } }
                tbody {
                    @for row in rows { (cells(columns, row)) }
                }
            }
        }
    }
}

fn cells(columns: &[Column], row: &[Markup]) -> Markup {
    html! {
        tr {
            @for (at, (column, cell)) in columns.iter().zip(row).enumerate() {
                @if at == 0 {
                    th scope="row" { (cell) }
                } @else {
                    td class=[column.1.then_some("text")] { (cell) }
                }
            }
        }
    }
}

/// Cell with a text.
pub(super) fn cell(text: impl AsRef<str>) -> Markup {
    html! { (text.as_ref()) }
}

/// Sentence about entries that a table leaves out; nothing when it has all.
pub(super) fn more(all: usize, shown: usize) -> Markup {
    let left = all.saturating_sub(shown);
    html! {
        @if left > 0 {
            p.dim { "… and " (number::count(left as u64)) " more; the export has all of them." }
        }
    }
}

/// List of figures with a heading, by name.
pub(super) fn figures(title: &str, figures: &[(impl AsRef<str>, String)]) -> Markup {
    html! {
        @if !figures.is_empty() {
            div {
                h3 { (title) }
                dl.figures {
                    @for (name, figure) in figures {
                        dt { (name.as_ref()) }
                        dd { (figure) }
                    }
                }
            }
        }
    }
}
