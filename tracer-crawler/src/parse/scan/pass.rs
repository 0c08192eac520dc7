//! Fast path for the parts of a page that a crawler does not need: text, end tags, and start tags with attributes that
//! are not kept. Complete tags of this kind are skipped here without going through the tokenizer's states; everything
//! else is left to the states.

use memchr::{memchr, memchr3};

use super::block::{BLOCK, find, matches};
use super::element::{Name, may_be_attribute, may_be_element};
use super::tag::{ends_name, is_space};
use super::{Element, Scanner, State};

/// Number of bytes searched for tags at once.
const WINDOW: usize = 64;
/// Bytes that end the name of a tag.
const NAME_ENDS: [u8; 7] = [b'>', b' ', b'\n', b'/', b'\t', b'\r', b'\x0C'];
/// Bytes that end the name of an attribute.
const ATTRIBUTE_ENDS: [u8; 8] = [b'=', b' ', b'>', b'\n', b'/', b'\t', b'\r', b'\x0C'];

/// Place where skipping attributes stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// After the `>` of their tag.
    AtEnd,
    /// Before a name, or the spaces before it.
    BeforeName,
    /// After the quote at the end of a value.
    AfterQuoted,
}

impl Scanner {
    /// Skips text, and tags that can be skipped whole.
    pub(super) fn data(&mut self, rest: &[u8]) -> usize {
        if !self.foreign.is_empty() {
            // Inside SVG and MathML every tag may change the rules.
            return match memchr(b'<', rest) {
                Some(at) => {
                    self.state = State::TagOpen;
                    at + 1
                }
                None => rest.len(),
            };
        }
        let mut at = 0;
        while let Some(window) = rest[at..].first_chunk() {
            let mut opens = opens(window);
            if opens == 0 {
                let Some(next) = memchr(b'<', &rest[at + WINDOW..]) else {
                    return rest.len();
                };
                at += WINDOW + next;
                continue;
            }
            let mut passed = at;
            while opens != 0 {
                let tag = at + opens.trailing_zeros() as usize + 1;
                opens &= opens - 1;
                if tag <= passed {
                    // This `<` is part of a value.
                    continue;
                }
                match pass_over(&rest[tag..]) {
                    Some(bytes) => passed = tag + bytes,
                    None => return tag + self.enter(&rest[tag..]),
                }
            }
            at = passed.max(at + WINDOW);
        }
        while let Some(open) = find(b'<', &rest[at..]) {
            let tag = at + open + 1;
            match pass_over(&rest[tag..]) {
                Some(bytes) => at = tag + bytes,
                None => return tag + self.enter(&rest[tag..]),
            }
        }
        rest.len()
    }

    /// Begins a tag after its `<`, and reads its name if that is complete.
    fn enter(&mut self, rest: &[u8]) -> usize {
        let Some((name, end)) = whole_name(rest) else {
            self.state = State::TagOpen;
            return 0;
        };
        self.tag.begin(false);
        self.tag.element = Element::of(name);
        self.after_value(rest[end]);
        end + 1
    }

    /// Reads an attribute at once if it is complete and its value quoted. Returns 0 if it has to go through the states.
    pub(super) fn whole_attribute(&mut self, rest: &[u8]) -> usize {
        let Some(head) = rest.first_chunk::<BLOCK>() else {
            return 0;
        };
        let end = matches(head, ATTRIBUTE_ENDS).trailing_zeros() as usize;
        // A zero byte at the beginning would be lost in [`Name`].
        if end == 0 || end + 1 >= BLOCK || head[end] != b'=' || head[0] == 0 {
            return 0;
        }
        let (quote, value) = (head[end + 1], &rest[end + 2..]);
        if !matches!(quote, b'"' | b'\'') {
            return 0;
        }
        let Some(length) = find(quote, value) else {
            return 0;
        };
        if may_be_attribute(head[0], end) {
            self.tag.attribute = Name::at_beginning(head, end);
            self.tag.begin_value();
            self.tag.push_value(&value[..length]);
        }
        self.state = State::AfterQuoted;
        end + 2 + length + 1
    }
}

/// Bit mask of the `<` in the window.
#[inline(always)]
fn opens(window: &[u8; WINDOW]) -> u64 {
    let (blocks, _) = window.as_chunks::<BLOCK>();
    let bits = blocks.iter().rev();
    bits.fold(0, |bits, block| {
        bits << BLOCK | u64::from(matches(block, [b'<']))
    })
}

/// Length of a tag after its `<`, if it is complete, simple, and has no meaning outside of SVG and MathML.
#[inline(always)]
fn pass_over(rest: &[u8]) -> Option<usize> {
    let head: &[u8; BLOCK] = rest.first_chunk()?;
    if head[0] == b'/' {
        let end = matches(head, [b'>', b'"', b'\'']).trailing_zeros() as usize;
        return (head[1].is_ascii_alphabetic() && head.get(end) == Some(&b'>')).then_some(end + 1);
    }
    let end = name_end(head)?;
    if may_be_element(head[0], end) && Element::of(Name::at_beginning(head, end)).has_attributes() {
        return None;
    }
    if head[end] == b'>' {
        return Some(end + 1);
    }
    match skip_attributes(&rest[end + 1..]) {
        (bytes, Left::AtEnd) => Some(end + 1 + bytes),
        _ => None,
    }
}

/// Name of a start tag, and the position of its end.
fn whole_name(rest: &[u8]) -> Option<(Name, usize)> {
    let head: &[u8; BLOCK] = rest.first_chunk()?;
    let end = name_end(head)?;
    Some((Name::at_beginning(head, end), end))
}

/// End of the name that begins here.
#[inline(always)]
fn name_end(head: &[u8; BLOCK]) -> Option<usize> {
    let end = matches(head, NAME_ENDS).trailing_zeros() as usize;
    (head[0].is_ascii_alphabetic() && end < BLOCK).then_some(end)
}

/// Skips attributes that are not kept, as long as their ends are certain: without quotes the next `>` ends the tag, and
/// a quote that follows a name and the first `=` begins a value. Returns the number of bytes skipped.
#[inline]
pub(super) fn skip_attributes(rest: &[u8]) -> (usize, Left) {
    let mut from = 0;
    while let Some((at, is_value)) = next_quote_or_end(&rest[from..]) {
        let byte = rest[from + at];
        if byte == b'>' {
            return (from + at + 1, Left::AtEnd);
        }
        let value = &rest[from + at + 1..];
        let (true, Some(length)) = (is_value, find(byte, value)) else {
            return (from, Left::BeforeName);
        };
        from += at + length + 2;
        // Without a byte after the quote, or with one that is neither a space nor `>`, the states go on after the
        // quote.
        match rest.get(from) {
            Some(b'>') => return (from + 1, Left::AtEnd),
            Some(&byte) if is_space(byte) => {}
            _ => return (from, Left::AfterQuoted),
        }
    }
    (from, Left::BeforeName)
}

/// Position of the next `>` or quote, and whether a quote there begins a value.
#[inline(always)]
fn next_quote_or_end(text: &[u8]) -> Option<(usize, bool)> {
    if let Some(head) = text.first_chunk() {
        let ends = matches(head, [b'>', b'"', b'\'']);
        if ends != 0 {
            let at = ends.trailing_zeros() as usize;
            let equals = matches(head, [b'=']) & ((1 << at) - 1);
            let is_only = at > 1 && equals == 1 << (at - 1);
            return Some((at, is_only && is_in_name(head[at - 2])));
        }
    }
    let at = memchr3(b'>', b'"', b'\'', text)?;
    Some((at, ends_with_name(&text[..at])))
}

/// True if the text consists of names without values, and one with `=` at its end.
fn ends_with_name(text: &[u8]) -> bool {
    let [.., last, b'='] = text else { return false };
    is_in_name(*last) && memchr(b'=', text) == Some(text.len() - 1)
}

#[inline(always)]
fn is_in_name(byte: u8) -> bool {
    !ends_name(byte)
}
