//! Elements without markup in their content, up to their own end tag: `<script>`, `<style>`, `<title>` …
//!
//! RCDATA and RAWTEXT differ only in character references, which do not matter here. Scripts have an additional rule:
//! inside `<!--` a nested `<script` has an end tag of its own, which does not end the outer script
//! ([13.2.5.20](https://html.spec.whatwg.org/multipage/parsing.html#script-data-escaped-state)).

use memchr::{memchr, memchr2};

use super::Element;
use super::tag::ends_name;

const SCRIPT: &[u8] = b"script";

/// State inside such an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw {
    kind: Element,
    escape: Escape,
    at: At,
}

/// Nesting inside the comment of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    /// In `<!--`, after this many dashes, counted up to two.
    Comment(u8),
    /// In `<script` inside `<!--`; dashes as in [`Escape::Comment`].
    Script(u8),
}

/// Position relative to a possible tag or comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Text,
    /// After `<`.
    LessThan,
    /// After `<!` and this many dashes.
    Bang(u8),
    /// After `</` and this many bytes of the element's own name.
    EndTag(u8),
    /// After `<` and this many bytes of `script`, inside a comment.
    InnerScript(u8),
    /// After `</` and this many bytes of `script`, inside a nested script.
    InnerEnd(u8),
}

/// Result of a step.
pub(super) enum Next {
    Inside(Raw),
    /// The name of the element's own end tag has ended with this byte.
    EndTag(u8),
}

impl Raw {
    /// State after the start tag of an HTML element; `None` if its content is markup.
    pub(super) fn of(element: Element) -> Option<Self> {
        let raw = Self {
            kind: element,
            escape: Escape::No,
            at: At::Text,
        };
        (!raw.name().is_empty()).then_some(raw)
    }

    pub(super) fn kind(self) -> Element {
        self.kind
    }

    /// Name of the element; empty for elements with markup in their content.
    pub(super) fn name(self) -> &'static [u8] {
        match self.kind {
            Element::Iframe => b"iframe",
            Element::Noembed => b"noembed",
            Element::Noframes => b"noframes",
            Element::Script => SCRIPT,
            Element::Style => b"style",
            Element::Textarea => b"textarea",
            Element::Title => b"title",
            Element::Xmp => b"xmp",
            _ => b"",
        }
    }

    /// Takes some bytes, at least one unless the state changes.
    pub(super) fn step(mut self, rest: &[u8]) -> (Next, usize) {
        let byte = rest[0];
        let used = match self.at {
            At::Text => self.text(rest),
            At::LessThan => self.less_than(byte),
            At::Bang(dashes) => self.bang(dashes, byte),
            At::EndTag(seen) => {
                if usize::from(seen) == self.name().len() && ends_name(byte) {
                    return (Next::EndTag(byte), 1);
                }
                self.matching(self.name(), seen, byte, At::EndTag)
            }
            At::InnerScript(seen) => self.inner(seen, byte, At::InnerScript, Escape::Script(0)),
            At::InnerEnd(seen) => self.inner(seen, byte, At::InnerEnd, Escape::Comment(0)),
        };
        (Next::Inside(self), used)
    }

    fn text(&mut self, rest: &[u8]) -> usize {
        let (dashes, escaped): (u8, fn(u8) -> Escape) = match self.escape {
            Escape::No => {
                return match memchr(b'<', rest) {
                    Some(at) => {
                        self.at = At::LessThan;
                        at + 1
                    }
                    None => rest.len(),
                };
            }
            Escape::Comment(dashes) => (dashes, Escape::Comment),
            Escape::Script(dashes) => (dashes, Escape::Script),
        };
        match rest[0] {
            b'-' => self.escape = escaped((dashes + 1).min(2)),
            b'>' if dashes == 2 => self.escape = Escape::No,
            b'<' => {
                self.escape = escaped(0);
                self.at = At::LessThan;
            }
            _ => {
                self.escape = escaped(0);
                return memchr2(b'-', b'<', rest).unwrap_or(rest.len());
            }
        }
        1
    }

    fn less_than(&mut self, byte: u8) -> usize {
        self.at = match (self.escape, byte) {
            (Escape::Script(_), b'/') => At::InnerEnd(0),
            (Escape::Script(_), _) => At::Text,
            (_, b'/') => At::EndTag(0),
            (Escape::No, b'!') if self.kind == Element::Script => At::Bang(0),
            (Escape::Comment(_), b'a'..=b'z' | b'A'..=b'Z') => At::InnerScript(0),
            _ => At::Text,
        };
        usize::from(matches!(
            self.at,
            At::InnerEnd(_) | At::EndTag(_) | At::Bang(_)
        ))
    }

    fn bang(&mut self, dashes: u8, byte: u8) -> usize {
        self.at = At::Text;
        if byte != b'-' {
            return 0;
        }
        if dashes == 0 {
            self.at = At::Bang(1);
        } else {
            self.escape = Escape::Comment(2);
        }
        1
    }

    /// Matches one more byte of a name, or returns to the text.
    fn matching(&mut self, name: &[u8], seen: u8, byte: u8, at: fn(u8) -> At) -> usize {
        let is_next = name.get(usize::from(seen)) == Some(&byte.to_ascii_lowercase());
        self.at = if is_next { at(seen + 1) } else { At::Text };
        usize::from(is_next)
    }

    fn inner(&mut self, seen: u8, byte: u8, at: fn(u8) -> At, then: Escape) -> usize {
        if usize::from(seen) == SCRIPT.len() && ends_name(byte) {
            self.escape = then;
            self.at = At::Text;
            return 1;
        }
        self.matching(SCRIPT, seen, byte, at)
    }
}
