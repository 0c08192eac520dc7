//! Finds the tags of an HTML page while its bytes come in.
//!
//! The states are those of the HTML Standard's tokenizer
//! ([13.2.5](https://html.spec.whatwg.org/multipage/parsing.html#tokenization)), without the tokens that a crawler does
//! not need: text, comments and doctypes are skipped, and of tags only the attributes in [`Attribute`] are kept. The
//! scanner can stop in any state after any byte and go on with the next. It keeps nothing of skipped text, so memory
//! does not grow with the page: it holds the values of one tag, which have a limit.
//!
//! The encoding has to be a superset of ASCII. In all such encodings no byte below 0x40 is part of a longer character.

mod block;
mod element;
mod foreign;
mod markup;
mod pass;
mod raw;
mod tag;
#[cfg(test)]
mod tests;

use memchr::memchr;

pub(super) use element::{Attribute, Element};

use element::Name;
use foreign::Foreign;
use markup::Markup;
use pass::{Left, skip_attributes};
use raw::Raw;
pub(super) use tag::Tag;
use tag::{ends_name, is_space};

/// State of the tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Data,
    TagOpen,
    EndTagOpen,
    TagName,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Quoted(u8),
    Unquoted,
    AfterQuoted,
    SelfClosing,
    /// Inside a comment, doctype or CDATA section.
    Markup(Markup),
    /// Inside an element without markup in its content.
    Raw(Raw),
    /// After `<plaintext>`, where all that follows is text.
    Plaintext,
}

/// Finds tags in bytes that come piece by piece.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    tag: Tag,
    foreign: Foreign,
}

/// SVG and MathML are nested deeper than the scanner follows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooDeep;

impl Scanner {
    pub(super) fn new() -> Self {
        Self {
            state: State::Data,
            tag: Tag::new(),
            foreign: Foreign::default(),
        }
    }

    /// Takes the next bytes and passes each start tag that [may hold a link](Element::is_wanted) to `visit`. After an
    /// error the scanner must not be used again.
    pub(super) fn scan(
        &mut self,
        bytes: &[u8],
        mut visit: impl FnMut(&Tag),
    ) -> Result<(), TooDeep> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += match self.state {
                State::Data => self.data(rest),
                State::TagOpen => self.tag_open(rest[0]),
                State::EndTagOpen => self.end_tag_open(rest[0]),
                State::TagName => self.tag_name(rest),
                State::BeforeName => self.before_name(rest),
                State::Name => self.name(rest),
                State::AfterName => self.after_name(rest[0]),
                State::BeforeValue => self.before_value(rest[0]),
                State::Quoted(quote) => self.quoted(rest, quote),
                State::Unquoted => self.unquoted(rest),
                State::AfterQuoted => self.after_quoted(rest[0]),
                State::SelfClosing => self.self_closing(rest[0]),
                State::Markup(markup) => self.markup(markup, rest),
                State::Raw(raw) => self.raw(raw, rest),
                State::Plaintext => return Ok(()),
            };
            if self.state == State::Data && self.tag.is_open {
                self.end_of_tag(&mut visit)?;
            }
        }
        Ok(())
    }

    fn tag_open(&mut self, byte: u8) -> usize {
        self.state = match byte {
            b'!' => State::Markup(Markup::Open(0)),
            b'/' => State::EndTagOpen,
            b'?' => State::Markup(Markup::Bogus),
            b'a'..=b'z' | b'A'..=b'Z' => {
                self.tag.begin(false);
                State::TagName
            }
            _ => State::Data,
        };
        usize::from(matches!(byte, b'!' | b'/'))
    }

    fn end_tag_open(&mut self, byte: u8) -> usize {
        self.state = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {
                self.tag.begin(true);
                State::TagName
            }
            b'>' => State::Data,
            _ => State::Markup(Markup::Bogus),
        };
        usize::from(byte == b'>')
    }

    fn tag_name(&mut self, rest: &[u8]) -> usize {
        // The element of an end tag matters only inside SVG or MathML.
        let is_asked = !self.tag.is_end || !self.foreign.is_empty();
        for (at, &byte) in rest.iter().enumerate() {
            if ends_name(byte) {
                if is_asked {
                    self.tag.element = Element::of(self.tag.name);
                }
                self.after_value(byte);
                return at + 1;
            }
            self.tag.name.push(byte);
        }
        rest.len()
    }

    /// Next state after a space, `/` or `>` that ends a name or value.
    fn after_value(&mut self, byte: u8) {
        self.state = match byte {
            b'>' => State::Data,
            b'/' => State::SelfClosing,
            _ => State::BeforeName,
        };
    }

    fn before_name(&mut self, rest: &[u8]) -> usize {
        if !self.tag.is_kept() {
            let (skipped, left) = skip_attributes(rest);
            self.state = match left {
                Left::AtEnd => State::Data,
                Left::BeforeName => State::BeforeName,
                Left::AfterQuoted => State::AfterQuoted,
            };
            if skipped > 0 {
                return skipped;
            }
        }
        let Some(at) = rest.iter().position(|&byte| !is_space(byte)) else {
            return rest.len();
        };
        if self.tag.is_kept() {
            let attribute = self.whole_attribute(&rest[at..]);
            if attribute > 0 {
                return at + attribute;
            }
        }
        if matches!(rest[at], b'/' | b'>') {
            self.after_value(rest[at]);
            return at + 1;
        }
        self.begin_attribute();
        // A `=` here is the first character of a name.
        self.tag.attribute.push(rest[at]);
        at + 1
    }

    fn begin_attribute(&mut self) {
        self.tag.attribute = Name::default();
        self.tag.slot = None;
        self.state = State::Name;
    }

    fn name(&mut self, rest: &[u8]) -> usize {
        for (at, &byte) in rest.iter().enumerate() {
            if !ends_name(byte) && byte != b'=' {
                self.tag.attribute.push(byte);
                continue;
            }
            self.tag.begin_value();
            match byte {
                b'=' => self.state = State::BeforeValue,
                b'/' | b'>' => self.after_value(byte),
                _ => self.state = State::AfterName,
            }
            return at + 1;
        }
        rest.len()
    }

    fn after_name(&mut self, byte: u8) -> usize {
        match byte {
            b'=' => self.state = State::BeforeValue,
            b'/' | b'>' => self.after_value(byte),
            _ if is_space(byte) => {}
            _ => {
                self.begin_attribute();
                return 0;
            }
        }
        1
    }

    fn before_value(&mut self, byte: u8) -> usize {
        match byte {
            b'"' | b'\'' => self.state = State::Quoted(byte),
            b'>' => self.state = State::Data,
            _ if is_space(byte) => {}
            _ => {
                self.state = State::Unquoted;
                return 0;
            }
        }
        1
    }

    fn quoted(&mut self, rest: &[u8], quote: u8) -> usize {
        let end = memchr(quote, rest);
        self.tag.push_value(&rest[..end.unwrap_or(rest.len())]);
        let Some(end) = end else {
            return rest.len();
        };
        self.state = State::AfterQuoted;
        end + 1
    }

    fn unquoted(&mut self, rest: &[u8]) -> usize {
        let end = rest.iter().position(|&byte| is_space(byte) || byte == b'>');
        self.tag.push_value(&rest[..end.unwrap_or(rest.len())]);
        let Some(end) = end else {
            return rest.len();
        };
        self.after_value(rest[end]);
        end + 1
    }

    fn after_quoted(&mut self, byte: u8) -> usize {
        if ends_name(byte) {
            self.after_value(byte);
            return 1;
        }
        self.state = State::BeforeName;
        0
    }

    fn self_closing(&mut self, byte: u8) -> usize {
        if byte == b'>' {
            self.tag.is_self_closing = true;
            self.state = State::Data;
            return 1;
        }
        self.state = State::BeforeName;
        0
    }

    fn markup(&mut self, markup: Markup, rest: &[u8]) -> usize {
        let (next, used) = markup.step(rest, self.foreign.has_cdata());
        self.state = next.map_or(State::Data, State::Markup);
        used
    }

    fn raw(&mut self, raw: Raw, rest: &[u8]) -> usize {
        let (next, used) = raw.step(rest);
        self.state = match next {
            raw::Next::Inside(raw) => State::Raw(raw),
            raw::Next::EndTag(byte) => {
                self.tag.begin(true);
                self.tag.element = raw.kind();
                self.after_value(byte);
                self.state
            }
        };
        used
    }

    fn end_of_tag(&mut self, visit: &mut impl FnMut(&Tag)) -> Result<(), TooDeep> {
        let tag = &mut self.tag;
        tag.is_open = false;
        if tag.is_end {
            self.foreign.end(tag.element);
            return Ok(());
        }
        if tag.element.is_wanted() {
            visit(tag);
        }
        if self.foreign.start(tag)? {
            self.state = if tag.element == Element::Plaintext {
                State::Plaintext
            } else {
                Raw::of(tag.element).map_or(State::Data, State::Raw)
            };
        }
        Ok(())
    }
}
