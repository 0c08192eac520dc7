//! Current tag, with those of its attributes that are kept.

use super::element::Name;
use super::{Attribute, Element};

/// Limit of the bytes kept of one tag's values. A tag with more is left out.
const VALUE_BYTES: usize = 1 << 20;

/// Current tag.
#[derive(Debug)]
pub(in super::super) struct Tag {
    /// Element of the tag.
    pub(in super::super) element: Element,
    /// True if the values took more than [`VALUE_BYTES`], so that some attributes are missing.
    pub(in super::super) is_cut: bool,
    /// True from the beginning of the name to the `>`.
    pub(super) is_open: bool,
    pub(super) is_end: bool,
    pub(super) is_self_closing: bool,
    pub(super) name: Name,
    pub(super) attribute: Name,
    /// Attribute that the current value belongs to, if it is kept.
    pub(super) slot: Option<Attribute>,
    /// Bit mask of the attributes that are present.
    present: u16,
    /// Begin and end in `bytes` of each present attribute's value.
    values: [(u32, u32); Attribute::COUNT],
    bytes: Vec<u8>,
}

impl Tag {
    pub(super) fn new() -> Self {
        Self {
            element: Element::Other,
            is_cut: false,
            is_open: false,
            is_end: false,
            is_self_closing: false,
            name: Name::default(),
            attribute: Name::default(),
            slot: None,
            present: 0,
            values: [(0, 0); Attribute::COUNT],
            bytes: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, is_end: bool) {
        self.element = Element::Other;
        self.is_cut = false;
        self.is_open = true;
        self.is_end = is_end;
        self.is_self_closing = false;
        self.name = Name::default();
        self.present = 0;
        self.bytes.clear();
    }

    /// True if the attributes of this tag matter.
    pub(super) fn is_kept(&self) -> bool {
        !self.is_end && self.element.has_attributes()
    }

    /// Ends the name of an attribute and prepares for its value.
    pub(super) fn begin_value(&mut self) {
        self.slot = None;
        if !self.is_kept() {
            return;
        }
        self.slot = Attribute::of(self.attribute).filter(|&attribute| !self.has(attribute));
        if let Some(attribute) = self.slot {
            let begin = self.position();
            self.present |= 1 << attribute as u16;
            self.values[attribute as usize] = (begin, begin);
        }
    }

    fn has(&self, attribute: Attribute) -> bool {
        self.present & 1 << attribute as u16 != 0
    }

    /// Current end of the values; at most [`VALUE_BYTES`].
    fn position(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn push_value(&mut self, part: &[u8]) {
        let Some(attribute) = self.slot else { return };
        if part.len() > VALUE_BYTES - self.bytes.len() {
            self.is_cut = true;
            self.slot = None;
            return;
        }
        self.bytes.extend_from_slice(part);
        self.values[attribute as usize].1 = self.position();
    }

    /// True if all kept values are UTF-8.
    pub(in super::super) fn is_utf8(&self) -> bool {
        std::str::from_utf8(&self.bytes).is_ok()
    }

    /// Raw value of an attribute, with character references not replaced. The first attribute of a name counts.
    pub(in super::super) fn get(&self, attribute: Attribute) -> Option<&[u8]> {
        let (begin, end) = self.values[attribute as usize];
        self.has(attribute)
            .then(|| &self.bytes[begin as usize..end as usize])
    }
}

#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0C' | b'\r' | b' ')
}

/// True if a name ends before this byte.
#[inline]
pub(super) fn ends_name(byte: u8) -> bool {
    // No byte above `>` ends a name, and most bytes are letters.
    byte <= b'>' && (is_space(byte) || matches!(byte, b'/' | b'>'))
}
