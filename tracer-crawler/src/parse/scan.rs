//! Tags of an HTML page, as its bytes come in.
//!
//! The states are those of the HTML Standard's tokenizer ([13.2.5](https://html.spec.whatwg.org/multipage/parsing.html#tokenization)),
//! without the tokens that a crawler has no use for: text, comments and doctypes are passed over, and of tags only the attributes in
//! [`Attribute`] are kept. All states may be left and taken up again at any byte. Nothing is kept of what is passed over, so memory does
//! not grow with the page: it is what the values of one tag take, and those have a limit.
//!
//! The bytes are in an encoding that contains ASCII as it is; no byte below 0x40 is part of a longer character in any of those.

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

/// Where in the text the scanner stands.
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
    /// A comment, doctype or CDATA section.
    Markup(Markup),
    /// Inside an element whose content is no markup.
    Raw(Raw),
    /// After `<plaintext>` nothing is markup any more.
    Plaintext,
}

/// Finds tags in bytes that come piece by piece.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    tag: Tag,
    foreign: Foreign,
}

/// SVG and MathML lie in each other deeper than is followed.
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

    /// Takes the next bytes and shows each start tag that [may hold a link](Element::is_wanted). After an error nothing more may be given.
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
        // Nobody asks whose end tag it is where there is nothing to end.
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

    /// What a byte after a name or value means: space, `/` or `>`.
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
