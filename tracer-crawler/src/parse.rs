//! Reads links and crawl directives of an HTML page while its body streams in.
//!
//! The text goes through a tokenizer that builds no tree. The data kept (links and the open tag) has limits. Links
//! beyond them are counted in [`ParsedPage::links_dropped`].

mod charset;
mod collect;
mod directives;
mod entity;
mod links;
mod meta;
mod scan;

use std::sync::Arc;

use encoding_rs::{Decoder, Encoding, UTF_8};
use url::Url;

pub use charset::{charset_of, is_html};
pub use directives::Directives;
pub use links::{Link, LinkList};

use crate::canonical::Normalizer;
use crate::scope::Refusal;
use collect::Found;
use scan::{Scanner, TooDeep};

/// Number of bytes searched for a `<meta charset>`, as in the HTML Standard.
const SNIFF_BYTES: usize = 1024;
/// Size of the buffer in which UTF-16 or ISO-2022-JP text is converted to UTF-8.
const DECODED_BYTES: usize = 8 << 10;

/// Options that decide which links are read, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseOptions {
    /// Read `img`, `srcset` and `video` posters.
    pub images: bool,
    /// Read `script`, style sheets, icons and other resources of the page.
    pub scripts: bool,
    /// Read `iframe` and `frame`.
    pub frames: bool,
    /// Our name, in lower case. `<meta name=…>` and `X-Robots-Tag` may address it besides `robots`.
    pub agent: String,
    /// Limit of links kept of one page.
    pub max_links: usize,
    /// Limit of bytes of all links kept of one page.
    pub max_bytes: usize,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            images: false,
            scripts: false,
            frames: true,
            agent: "tracer".into(),
            max_links: 20_000,
            max_bytes: 4 << 20,
        }
    }
}

/// Element that a link comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkKind {
    /// `<a href>`
    Anchor,
    /// `<area href>`
    Area,
    /// `<link href>` to another page: next, alternate, canonical …
    Link,
    /// `<link href>` to a part of the page: style sheet, icon, preload …
    Resource,
    /// `<img>`, `srcset`, poster
    Image,
    /// `<script src>`
    Script,
    /// `<iframe src>`, `<frame src>`
    Frame,
    /// `<meta http-equiv=refresh>`
    Refresh,
}

/// Links and directives of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedPage {
    /// Links in the order of the page, possibly with repetitions.
    pub links: LinkList,
    /// Counts of links that are no URLs to fetch, by reason.
    pub refused: Vec<(Refusal, u64)>,
    /// Target of `<link rel=canonical>`, normalised.
    pub canonical: Option<Url>,
    /// Directives of `<meta name=robots>`. Those of the response header are for the caller to add.
    pub directives: Directives,
    /// Name of the encoding in which the page was read.
    pub charset: &'static str,
    /// Number of links beyond [`ParseOptions::max_links`] or [`ParseOptions::max_bytes`], and of tags with attributes
    /// of more than 1 MiB.
    pub links_dropped: u64,
    /// True if SVG and MathML were nested more than 512 deep. The rest of the page was not read.
    pub truncated: bool,
}

/// Parser of one page.
pub struct HtmlParser {
    stage: Stage,
    options: Arc<ParseOptions>,
}

enum Stage {
    /// The encoding is not known yet; `seen` is the text so far.
    Sniffing {
        declared: Option<&'static Encoding>,
        seen: Vec<u8>,
    },
    Reading(Box<Reader>),
}

struct Reader {
    scanner: Scanner,
    found: Found,
    encoding: &'static Encoding,
    /// Decoder for encodings that are no superset of ASCII.
    decoder: Option<Decoder>,
    is_too_deep: bool,
}

impl HtmlParser {
    /// Makes a parser; `content_type` is the header's value as it came.
    pub fn new(options: Arc<ParseOptions>, content_type: Option<&str>) -> Self {
        let declared = content_type.and_then(charset_of);
        Self {
            stage: Stage::Sniffing {
                declared,
                seen: Vec::new(),
            },
            options,
        }
    }

    /// Takes the next bytes of the decoded body, split at any place.
    pub fn write(&mut self, chunk: &[u8]) {
        match &mut self.stage {
            Stage::Reading(reader) => reader.read(chunk, &self.options),
            Stage::Sniffing { declared, seen } => {
                let wanted = if declared.is_some() {
                    charset::BOM_BYTES
                } else {
                    SNIFF_BYTES
                };
                if seen.is_empty() && chunk.len() >= wanted {
                    let reader = Reader::begin(*declared, chunk, &self.options);
                    self.stage = Stage::Reading(reader);
                    return;
                }
                seen.extend_from_slice(chunk);
                if seen.len() >= wanted {
                    self.stage = Stage::Reading(Reader::begin(*declared, seen, &self.options));
                }
            }
        }
    }

    /// Ends the page. `url` is its URL after redirects.
    pub fn finish(self, url: &Url, normalizer: &Normalizer) -> ParsedPage {
        let reader = match self.stage {
            Stage::Reading(reader) => reader,
            Stage::Sniffing { declared, seen } => Reader::begin(declared, &seen, &self.options),
        };
        reader.end(url, normalizer, &self.options)
    }
}

impl Reader {
    fn begin(
        declared: Option<&'static Encoding>,
        first: &[u8],
        options: &ParseOptions,
    ) -> Box<Self> {
        let chosen = charset::choose(declared, first);
        let encoding = chosen.encoding;
        // Encoding in which the scanner and everything after it see the text.
        let (seen, decoder) = if encoding.is_ascii_compatible() {
            (encoding, None)
        } else {
            (UTF_8, Some(encoding.new_decoder_without_bom_handling()))
        };
        let mut reader = Box::new(Self {
            scanner: Scanner::new(),
            found: Found::new(options, seen, chosen.is_guess && decoder.is_none()),
            encoding,
            decoder,
            is_too_deep: false,
        });
        reader.read(&first[chosen.bom_bytes..], options);
        reader
    }

    fn read(&mut self, chunk: &[u8], options: &ParseOptions) {
        self.feed(chunk, false, options);
    }

    fn end(mut self, url: &Url, normalizer: &Normalizer, options: &ParseOptions) -> ParsedPage {
        self.feed(&[], true, options);
        let encoding = match &self.decoder {
            None => self.found.encoding(),
            Some(_) => self.encoding,
        };
        ParsedPage {
            truncated: self.is_too_deep,
            ..self.found.resolve(url, normalizer, encoding)
        }
    }

    fn feed(&mut self, chunk: &[u8], is_last: bool, options: &ParseOptions) {
        if self.is_too_deep {
            return;
        }
        let (scanner, found) = (&mut self.scanner, &mut self.found);
        let mut scan = |text: &[u8]| scanner.scan(text, |tag| found.visit(tag, options));
        let done = match &mut self.decoder {
            None => scan(chunk),
            Some(decoder) => transcode(decoder, chunk, is_last, scan),
        };
        self.is_too_deep = done.is_err();
    }
}

fn transcode(
    decoder: &mut Decoder,
    mut chunk: &[u8],
    is_last: bool,
    mut scan: impl FnMut(&[u8]) -> Result<(), TooDeep>,
) -> Result<(), TooDeep> {
    let mut text = [0; DECODED_BYTES];
    loop {
        let (result, read, written, _) = decoder.decode_to_utf8(chunk, &mut text, is_last);
        scan(&text[..written])?;
        chunk = &chunk[read..];
        if result == encoding_rs::CoderResult::InputEmpty {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
