//! Names of elements and attributes that matter to a crawler or to the tokenizer.

use super::block::BLOCK;

/// Limit of the length of names that can be distinguished.
const NAME_BYTES: u32 = 15;

/// Name in lower case, packed into a number. All names that are too long have the same value, which no known name has.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(u128);

impl Name {
    /// Value of names that are too long. Shifting more bytes in does not change it.
    const TOO_LONG: u128 = u128::MAX;

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.0 = if self.0 >> (8 * (NAME_BYTES - 1)) == 0 {
            // A zero byte at the beginning would be lost in the number.
            self.0 << 8 | u128::from(byte.to_ascii_lowercase().max(1))
        } else {
            Self::TOO_LONG
        };
    }

    /// Name made of the first `length` bytes of a block. The first byte must not be zero, and the length at most
    /// [`NAME_BYTES`].
    #[inline(always)]
    pub(super) fn at_beginning(block: &[u8; BLOCK], length: usize) -> Self {
        let lower = block.map(|byte| byte.to_ascii_lowercase());
        Self(u128::from_be_bytes(lower) >> (8 * (BLOCK - length)))
    }

    const fn of(name: &[u8]) -> Self {
        let (mut packed, mut at) = (0, 0);
        while at < name.len() {
            packed = packed << 8 | name[at] as u128;
            at += 1;
        }
        Self(packed)
    }
}

/// First letters and lengths of known names, which rule out most other names quickly.
struct Shapes([u16; 32]);

impl Shapes {
    const NONE: Self = Self([0; 32]);

    const fn with(mut self, name: &[u8]) -> Self {
        self.0[(name[0] & 31) as usize] |= 1 << name.len();
        self
    }

    #[inline(always)]
    fn has(&self, first: u8, length: usize) -> bool {
        self.0[usize::from(first & 31)] >> length & 1 != 0
    }
}

/// Defines a list of names with their meanings, and a function that finds the meaning of a name.
macro_rules! names {
    ($list:ident, $look_up:ident -> $value:ty, $($($name:literal)|+ => $meaning:expr,)+) => {
        const $list: &[(&[u8], $value)] = &[$($(($name, $meaning),)+)+];

        fn $look_up(given: Name) -> Option<$value> {
            $($(if given == const { Name::of($name) } {
                Some($meaning)
            } else)+)+ {
                None
            }
        }
    };
}

/// Element of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Element {
    A,
    AnnotationXml,
    Area,
    Base,
    /// Element of HTML that ends the SVG and MathML around it.
    BreaksOut,
    Desc,
    Font,
    ForeignObject,
    Frame,
    Iframe,
    Img,
    Link,
    Math,
    /// `mi`, `mo`, `mn`, `ms` and `mtext`.
    MathText,
    Meta,
    Noembed,
    Noframes,
    Other,
    Plaintext,
    Script,
    Source,
    Style,
    Svg,
    Textarea,
    Title,
    Video,
    Xmp,
}

impl Element {
    pub(super) fn of(name: Name) -> Self {
        element(name).unwrap_or(Self::Other)
    }

    /// True if the element may hold a link or directives for crawlers.
    pub(super) fn is_wanted(self) -> bool {
        matches!(
            self,
            Self::A
                | Self::Area
                | Self::Base
                | Self::Frame
                | Self::Iframe
                | Self::Img
                | Self::Link
                | Self::Meta
                | Self::Script
                | Self::Source
                | Self::Video
        )
    }

    /// True if the element's attributes, or a `/` at the end of its tag, matter.
    pub(super) const fn has_attributes(self) -> bool {
        !matches!(self, Self::BreaksOut | Self::Other)
    }

    /// True if the element ends the SVG and MathML around it, whatever its attributes
    /// ([13.2.6.5](https://html.spec.whatwg.org/multipage/parsing.html#parsing-main-inforeign)).
    pub(super) fn breaks_out(self) -> bool {
        matches!(self, Self::BreaksOut | Self::Img | Self::Meta)
    }
}

names! {
    ELEMENTS, element -> Element,
    b"a" => Element::A,
    b"annotation-xml" => Element::AnnotationXml,
    b"area" => Element::Area,
    b"base" => Element::Base,
    b"desc" => Element::Desc,
    b"font" => Element::Font,
    b"foreignobject" => Element::ForeignObject,
    b"frame" => Element::Frame,
    b"iframe" => Element::Iframe,
    b"img" => Element::Img,
    b"link" => Element::Link,
    b"math" => Element::Math,
    b"mi" | b"mo" | b"mn" | b"ms" | b"mtext" => Element::MathText,
    b"meta" => Element::Meta,
    b"noembed" => Element::Noembed,
    b"noframes" => Element::Noframes,
    b"plaintext" => Element::Plaintext,
    b"script" => Element::Script,
    b"source" => Element::Source,
    b"style" => Element::Style,
    b"svg" => Element::Svg,
    b"textarea" => Element::Textarea,
    b"title" => Element::Title,
    b"video" => Element::Video,
    b"xmp" => Element::Xmp,
    b"b" | b"big" | b"blockquote" | b"body" | b"br" | b"center" | b"code" | b"dd"
        | b"div" | b"dl" | b"dt" | b"em" | b"embed" | b"h1" | b"h2" | b"h3" | b"h4"
        | b"h5" | b"h6" | b"head" | b"hr" | b"i" | b"li" | b"listing" | b"menu"
        | b"nobr" | b"ol" | b"p" | b"pre" | b"ruby" | b"s" | b"small" | b"span"
        | b"strong" | b"strike" | b"sub" | b"sup" | b"table" | b"tt" | b"u" | b"ul"
        | b"var" => Element::BreaksOut,
}

/// Shapes of the elements with [attributes that matter](Element::has_attributes).
const ELEMENT_SHAPES: Shapes = {
    let (mut shapes, mut at) = (Shapes::NONE, 0);
    while at < ELEMENTS.len() {
        let (name, element) = ELEMENTS[at];
        if element.has_attributes() {
            shapes = shapes.with(name);
        }
        at += 1;
    }
    shapes
};

/// False for most names of elements with attributes that do not matter, true for all others.
#[inline(always)]
pub(super) fn may_be_element(first: u8, length: usize) -> bool {
    ELEMENT_SHAPES.has(first, length)
}

/// Attributes that are kept with their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Attribute {
    Charset,
    Content,
    Encoding,
    Href,
    HttpEquiv,
    Name,
    Poster,
    Rel,
    Src,
    Srcset,
    /// `color`, `face` or `size` of `<font>`.
    Type,
}

impl Attribute {
    pub(super) const COUNT: usize = Self::Type as usize + 1;

    pub(super) fn of(name: Name) -> Option<Self> {
        attribute(name)
    }
}

names! {
    ATTRIBUTES, attribute -> Attribute,
    b"charset" => Attribute::Charset,
    b"content" => Attribute::Content,
    b"encoding" => Attribute::Encoding,
    b"href" => Attribute::Href,
    b"http-equiv" => Attribute::HttpEquiv,
    b"name" => Attribute::Name,
    b"poster" => Attribute::Poster,
    b"rel" => Attribute::Rel,
    b"src" => Attribute::Src,
    b"srcset" => Attribute::Srcset,
    b"color" | b"face" | b"size" => Attribute::Type,
}

const ATTRIBUTE_SHAPES: Shapes = {
    let (mut shapes, mut at) = (Shapes::NONE, 0);
    while at < ATTRIBUTES.len() {
        shapes = shapes.with(ATTRIBUTES[at].0);
        at += 1;
    }
    shapes
};

/// False for most names of attributes that are not kept, true for all others.
#[inline(always)]
pub(super) fn may_be_attribute(first: u8, length: usize) -> bool {
    ATTRIBUTE_SHAPES.has(first, length)
}
