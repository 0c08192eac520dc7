//! The tag at hand, and those of its attributes that are kept.

use super::element::Name;
use super::{Attribute, Element};

/// Bytes of all values kept of one tag. A longer one leaves its tag out.
const VALUE_BYTES: usize = 1 << 20;

/// The tag at hand.
#[derive(Debug)]
pub(in super::super) struct Tag {
    /// What it is the tag of.
    pub(in super::super) element: Element,
    /// A value took more than [`VALUE_BYTES`]: the attributes are not all there.
    pub(in super::super) is_cut: bool,
    /// Its name has begun, its `>` has not come.
    pub(super) is_open: bool,
    pub(super) is_end: bool,
    pub(super) is_self_closing: bool,
    pub(super) name: Name,
    pub(super) attribute: Name,
    /// Where the value at hand goes.
    pub(super) slot: Option<Attribute>,
    /// A bit for each attribute that is there.
    present: u16,
    /// Begin and end in `bytes`, of those that are there.
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

    /// Its attributes matter.
    pub(super) fn is_kept(&self) -> bool {
        !self.is_end && self.element.has_attributes()
    }

    /// The name of an attribute is whole.
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

    /// Never more than [`VALUE_BYTES`].
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

    /// Whether all values that are kept are UTF-8.
    pub(in super::super) fn is_utf8(&self) -> bool {
        std::str::from_utf8(&self.bytes).is_ok()
    }

    /// The raw value of an attribute, without character references replaced. The first of a name counts.
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

/// A tag's name ends before it.
#[inline]
pub(super) fn ends_name(byte: u8) -> bool {
    // No byte above `>` does, and letters are the rule.
    byte <= b'>' && (is_space(byte) || matches!(byte, b'/' | b'>'))
}
