//! Names of elements and attributes that mean something to a crawler or to the tokenizer.

/// Longest name told from others.
const NAME_BYTES: u32 = 15;

/// A name in lower case, its bytes in a number; one that is too long is like no other.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(u128);

impl Name {
    /// No name: shifting it further leaves it what it is.
    const TOO_LONG: u128 = u128::MAX;

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.0 = if self.0 >> (8 * (NAME_BYTES - 1)) == 0 {
            // A zero at the beginning would not be seen.
            self.0 << 8 | u128::from(byte.to_ascii_lowercase().max(1))
        } else {
            Self::TOO_LONG
        };
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

/// The value for a name, of a list of names.
macro_rules! look_up {
    ($given:expr, $($($name:literal)|+ => $value:expr,)+) => {
        $($(if $given == const { Name::of($name) } {
            Some($value)
        } else)+)+ {
            None
        }
    };
}

/// Whose tag it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Element {
    A,
    AnnotationXml,
    Area,
    Base,
    /// An element of HTML that ends SVG and MathML around it.
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
        look_up!(
            name,
            b"a" => Self::A,
            b"annotation-xml" => Self::AnnotationXml,
            b"area" => Self::Area,
            b"base" => Self::Base,
            b"desc" => Self::Desc,
            b"font" => Self::Font,
            b"foreignobject" => Self::ForeignObject,
            b"frame" => Self::Frame,
            b"iframe" => Self::Iframe,
            b"img" => Self::Img,
            b"link" => Self::Link,
            b"math" => Self::Math,
            b"mi" | b"mo" | b"mn" | b"ms" | b"mtext" => Self::MathText,
            b"meta" => Self::Meta,
            b"noembed" => Self::Noembed,
            b"noframes" => Self::Noframes,
            b"plaintext" => Self::Plaintext,
            b"script" => Self::Script,
            b"source" => Self::Source,
            b"style" => Self::Style,
            b"svg" => Self::Svg,
            b"textarea" => Self::Textarea,
            b"title" => Self::Title,
            b"video" => Self::Video,
            b"xmp" => Self::Xmp,
            b"b" | b"big" | b"blockquote" | b"body" | b"br" | b"center" | b"code" | b"dd"
                | b"div" | b"dl" | b"dt" | b"em" | b"embed" | b"h1" | b"h2" | b"h3" | b"h4"
                | b"h5" | b"h6" | b"head" | b"hr" | b"i" | b"li" | b"listing" | b"menu"
                | b"nobr" | b"ol" | b"p" | b"pre" | b"ruby" | b"s" | b"small" | b"span"
                | b"strong" | b"strike" | b"sub" | b"sup" | b"table" | b"tt" | b"u" | b"ul"
                | b"var" => Self::BreaksOut,
        )
        .unwrap_or(Self::Other)
    }

    /// It may hold a link, or speak to crawlers.
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

    /// Attributes, or a `/` at the end, make a difference.
    pub(super) fn has_attributes(self) -> bool {
        !matches!(self, Self::BreaksOut | Self::Other)
    }

    /// Ends SVG and MathML around it, whatever its attributes ([13.2.6.5](https://html.spec.whatwg.org/multipage/parsing.html#parsing-main-inforeign)).
    pub(super) fn breaks_out(self) -> bool {
        matches!(self, Self::BreaksOut | Self::Img | Self::Meta)
    }
}

/// Attributes whose values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Attribute {
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
        look_up!(
            name,
            b"content" => Self::Content,
            b"encoding" => Self::Encoding,
            b"href" => Self::Href,
            b"http-equiv" => Self::HttpEquiv,
            b"name" => Self::Name,
            b"poster" => Self::Poster,
            b"rel" => Self::Rel,
            b"src" => Self::Src,
            b"srcset" => Self::Srcset,
            b"color" | b"face" | b"size" => Self::Type,
        )
    }
}
