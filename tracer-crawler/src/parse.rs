//! Links and crawl directives of an HTML page, read while its body streams in.
//!
//! The text goes through a tokenizer that keeps no tree; what is kept (links, the open tag) is bounded. Links beyond the bounds are
//! counted in [`ParsedPage::links_dropped`].

mod charset;
mod collect;
mod directives;
mod entity;
mod links;
mod meta;
mod scan;

use std::sync::Arc;

use ::url::Url;
use encoding_rs::{Decoder, Encoding, UTF_8};

pub use charset::{charset_of, is_html};
pub use directives::Directives;
pub use links::{Link, LinkList};

use crate::scope::Refusal;
use crate::url::Normalizer;
use collect::Found;
use scan::{Scanner, TooDeep};

/// Bytes looked at for a `<meta charset>`, as in the HTML Standard.
const SNIFF_BYTES: usize = 1024;
/// UTF-8 made at once of text in UTF-16 or ISO-2022-JP.
const DECODED_BYTES: usize = 8 << 10;

/// What to look for, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseOptions {
    /// `img`, `srcset`, `video` posters.
    pub images: bool,
    /// `script`, style sheets, icons and other resources of the page.
    pub scripts: bool,
    /// `iframe` and `frame`.
    pub frames: bool,
    /// Name to which `<meta name=…>` and `X-Robots-Tag` may speak besides `robots`; lower case.
    pub agent: String,
    /// Links kept of one page.
    pub max_links: usize,
    /// Bytes of all links kept of one page.
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

/// Where in the page a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkKind {
    /// `<a href>`
    Anchor,
    /// `<area href>`
    Area,
    /// `<link href>` to another page: next, alternate, canonical …
    Link,
    /// `<link href>` to something the page is made of: style sheet, icon, preload …
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

/// What a page says to a crawler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedPage {
    /// In the order of the page; a URL may be there more than once.
    pub links: LinkList,
    /// Links that are no URLs to fetch, by reason.
    pub refused: Vec<(Refusal, u64)>,
    /// `<link rel=canonical>`, normalised.
    pub canonical: Option<Url>,
    /// Of `<meta name=robots>`. The response header's are the caller's to add.
    pub directives: Directives,
    /// Name of the encoding the page was read in.
    pub charset: &'static str,
    /// Links beyond [`ParseOptions::max_links`] or [`ParseOptions::max_bytes`], and tags with attributes of more than 1 MiB.
    pub links_dropped: u64,
    /// SVG and MathML lay in each other more than 512 deep: nothing after that was read.
    pub truncated: bool,
}

/// Reads one page.
pub struct HtmlParser {
    stage: Stage,
    options: Arc<ParseOptions>,
}

enum Stage {
    /// The encoding is not known yet: what came so far.
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
    /// For encodings that do not contain ASCII as it is.
    decoder: Option<Decoder>,
    is_too_deep: bool,
}

impl HtmlParser {
    /// `content_type` is the header's value as it came.
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

    /// Takes the next bytes of the decoded body, however they are cut.
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

    /// The page has ended. `url` is where it was found, after redirects.
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
        // What the scanner and all after it see.
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
