//! SVG and MathML inside HTML, where the content of `<style>` or `<title>` is markup as in any other element, and CDATA
//! sections exist.
//!
//! A browser knows from its stack of open elements
//! ([13.2.6](https://html.spec.whatwg.org/multipage/parsing.html#tree-construction)) which rules apply. Here only the
//! open elements that change the rules are kept. A page that does not close its HTML elements inside SVG may therefore
//! be read differently than in a browser.

use super::{Attribute, Element, Tag, TooDeep};

/// Limit of nested changes of the rules.
const DEEPEST: usize = 512;

/// Rules inside an open element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    Svg,
    MathMl,
    /// Inside `<annotation-xml>` that is not declared as HTML: the rules of MathML, but `<svg>` begins SVG.
    Annotation,
    /// Rules of HTML again, inside this element.
    Html(Element),
}

/// Open elements that change the rules, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Foreign(Vec<Rules>);

impl Foreign {
    /// True if only the rules of HTML apply.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if the rules of SVG or MathML apply.
    pub(super) fn has_cdata(&self) -> bool {
        !matches!(self.0.last(), None | Some(Rules::Html(_)))
    }

    /// Takes a start tag and returns whether it is a tag of HTML.
    pub(super) fn start(&mut self, tag: &Tag) -> Result<bool, TooDeep> {
        if self.has_cdata() && breaks_out(tag) {
            self.leave();
        }
        let opened = match (self.0.last(), tag.element) {
            (None | Some(Rules::Html(_) | Rules::Annotation), Element::Svg) => Rules::Svg,
            (None | Some(Rules::Html(_)), Element::Math) => Rules::MathMl,
            (None | Some(Rules::Html(_)), _) => return Ok(true),
            (Some(Rules::Svg), Element::Desc | Element::ForeignObject | Element::Title) => {
                Rules::Html(tag.element)
            }
            (Some(Rules::MathMl | Rules::Annotation), Element::MathText) => {
                Rules::Html(tag.element)
            }
            (Some(Rules::MathMl | Rules::Annotation), Element::AnnotationXml) => {
                if is_html(tag) {
                    Rules::Html(tag.element)
                } else {
                    Rules::Annotation
                }
            }
            _ => return Ok(false),
        };
        if !tag.is_self_closing {
            if self.0.len() >= DEEPEST {
                return Err(TooDeep);
            }
            self.0.push(opened);
        }
        Ok(false)
    }

    pub(super) fn end(&mut self, element: Element) {
        let closes = |rules: &Rules| match element {
            Element::Svg => *rules == Rules::Svg,
            Element::Math => *rules == Rules::MathMl,
            Element::AnnotationXml => {
                matches!(
                    rules,
                    Rules::Annotation | Rules::Html(Element::AnnotationXml)
                )
            }
            other => *rules == Rules::Html(other),
        };
        // `</svg>` and `</math>` end everything inside them, other end tags only the innermost element.
        let found = match element {
            Element::Svg | Element::Math => self.0.iter().rposition(closes),
            _ => (self.0.last().is_some_and(closes)).then(|| self.0.len() - 1),
        };
        if let Some(at) = found {
            self.0.truncate(at);
        }
    }

    /// Leaves SVG and MathML up to the next element in which the rules of HTML apply.
    fn leave(&mut self) {
        while self.has_cdata() {
            self.0.pop();
        }
    }
}

fn breaks_out(tag: &Tag) -> bool {
    tag.element.breaks_out() || (tag.element == Element::Font && tag.get(Attribute::Type).is_some())
}

fn is_html(tag: &Tag) -> bool {
    tag.get(Attribute::Encoding).is_some_and(|encoding| {
        [&b"text/html"[..], b"application/xhtml+xml"]
            .iter()
            .any(|name| encoding.eq_ignore_ascii_case(name))
    })
}
