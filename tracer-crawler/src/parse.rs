//! Links and crawl directives of an HTML page, read while its body streams in.
//!
//! The text goes through a tokenizer that keeps no tree; what is kept (links, the open tag) is bounded, and a page that
//! would exceed the bounds is read up to there, which [`ParsedPage::truncated`] says.

mod charset;
mod collect;
mod directives;
mod entity;
mod meta;

use std::sync::{Arc, Mutex, PoisonError};

use ::url::Url;
use encoding_rs::{Decoder, Encoding, UTF_8};
use lol_html::send::{HtmlRewriter, Settings};
use lol_html::{AsciiCompatibleEncoding, MemorySettings, OutputSink};

pub use charset::{charset_of, is_html};
pub use directives::Directives;

use crate::scope::Refusal;
use crate::url::Normalizer;
use collect::Found;

/// Bytes looked at for a `<meta charset>`, as in the HTML Standard.
const SNIFF_BYTES: usize = 1024;
/// Memory of the tokenizer: the tag at hand and the names of all open elements. Some pages never close theirs.
const TOKENIZER_BYTES: usize = 4 << 20;
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

/// A link, resolved and normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads.
    pub url: Url,
    /// Where it stands.
    pub kind: LinkKind,
    /// The link or the page says that it is not to be followed.
    pub nofollow: bool,
}

/// What a page says to a crawler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedPage {
    /// In the order of the page; a URL may be there more than once.
    pub links: Vec<Link>,
    /// Links that are no URLs to fetch, by reason.
    pub refused: Vec<(Refusal, u64)>,
    /// `<link rel=canonical>`, normalised.
    pub canonical: Option<Url>,
    /// Of `<meta name=robots>`. The response header's are the caller's to add.
    pub directives: Directives,
    /// Name of the encoding the page was read in.
    pub charset: &'static str,
    /// Links beyond [`ParseOptions::max_links`] or [`ParseOptions::max_bytes`].
    pub links_dropped: u64,
    /// A tag, or the nesting, took more memory than allowed: nothing after it was read.
    pub truncated: bool,
}

/// Reads one page.
pub struct HtmlParser {
    stage: Stage,
    found: Arc<Mutex<Found>>,
    options: Arc<ParseOptions>,
    truncated: bool,
    encoding: &'static Encoding,
}

enum Stage {
    /// The encoding is not known yet: what came so far.
    Sniffing {
        declared: Option<&'static Encoding>,
        seen: Vec<u8>,
    },
    Reading(Box<Reader>),
    /// Nothing more is read.
    Stopped,
}

struct Reader {
    rewriter: HtmlRewriter<'static, Discard>,
    /// For encodings that do not contain ASCII as it is.
    decoder: Option<Decoder>,
}

struct Discard;

impl OutputSink for Discard {
    fn handle_chunk(&mut self, _chunk: &[u8]) {}
}

impl HtmlParser {
    /// `content_type` is the header's value as it came.
    pub fn new(options: Arc<ParseOptions>, content_type: Option<&str>) -> Self {
        let declared = content_type.and_then(charset_of);
        let found = Arc::new(Mutex::new(Found::new(&options)));
        Self {
            stage: Stage::Sniffing {
                declared,
                seen: Vec::new(),
            },
            found,
            options,
            truncated: false,
            encoding: UTF_8,
        }
    }

    /// Takes the next bytes of the decoded body, however they are cut.
    pub fn write(&mut self, chunk: &[u8]) {
        match &mut self.stage {
            Stage::Stopped => {}
            Stage::Reading(_) => self.read(chunk),
            Stage::Sniffing { declared, seen } => {
                let wanted = if declared.is_some() {
                    charset::BOM_BYTES
                } else {
                    SNIFF_BYTES
                };
                if seen.is_empty() && chunk.len() >= wanted {
                    let declared = *declared;
                    self.start(declared, chunk);
                    return;
                }
                seen.extend_from_slice(chunk);
                if seen.len() >= wanted {
                    self.decide();
                }
            }
        }
    }

    /// The page has ended. `url` is where it was found, after redirects.
    pub fn finish(mut self, url: &Url, normalizer: &Normalizer) -> ParsedPage {
        self.decide();
        if let Stage::Reading(reader) = std::mem::replace(&mut self.stage, Stage::Stopped)
            && reader.end().is_err()
        {
            self.truncated = true;
        }
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        let mut page = found.resolve(url, normalizer, self.encoding);
        page.charset = self.encoding.name();
        page.truncated = self.truncated;
        page
    }

    fn decide(&mut self) {
        if let Stage::Sniffing { declared, seen } = &mut self.stage {
            let (declared, seen) = (*declared, std::mem::take(seen));
            self.start(declared, &seen);
        }
    }

    fn start(&mut self, declared: Option<&'static Encoding>, first: &[u8]) {
        let (encoding, bom_bytes) = charset::choose(declared, first);
        self.encoding = encoding;
        self.stage = Stage::Reading(Box::new(Reader::new(encoding, &self.options, &self.found)));
        self.read(&first[bom_bytes..]);
    }

    fn read(&mut self, chunk: &[u8]) {
        if let Stage::Reading(reader) = &mut self.stage
            && reader.read(chunk).is_err()
        {
            self.truncated = true;
            self.stage = Stage::Stopped;
        }
    }
}

/// The tokenizer gave up: a tag or its nesting took more memory than allowed.
struct TooLong;

impl Reader {
    fn new(encoding: &'static Encoding, options: &ParseOptions, found: &Arc<Mutex<Found>>) -> Self {
        let (ascii, decoder) = match AsciiCompatibleEncoding::new(encoding) {
            Some(ascii) => (ascii, None),
            None => (
                AsciiCompatibleEncoding::utf_8(),
                Some(encoding.new_decoder_without_bom_handling()),
            ),
        };
        let memory = MemorySettings::new().with_max_allowed_memory_usage(TOKENIZER_BYTES);
        let settings = Settings::new_send()
            .with_strict(false)
            .with_encoding(ascii)
            .with_memory_settings(memory);
        Self {
            rewriter: HtmlRewriter::new(collect::handlers(settings, options, found), Discard),
            decoder,
        }
    }

    fn read(&mut self, chunk: &[u8]) -> Result<(), TooLong> {
        match &mut self.decoder {
            None => self.rewriter.write(chunk).map_err(|_| TooLong),
            Some(decoder) => transcode(decoder, chunk, false, &mut self.rewriter),
        }
    }

    fn end(mut self) -> Result<(), TooLong> {
        if let Some(decoder) = &mut self.decoder {
            transcode(decoder, &[], true, &mut self.rewriter)?;
        }
        self.rewriter.end().map_err(|_| TooLong)
    }
}

fn transcode(
    decoder: &mut Decoder,
    mut chunk: &[u8],
    last: bool,
    rewriter: &mut HtmlRewriter<'static, Discard>,
) -> Result<(), TooLong> {
    let mut text = [0; DECODED_BYTES];
    loop {
        let (result, read, written, _) = decoder.decode_to_utf8(chunk, &mut text, last);
        rewriter.write(&text[..written]).map_err(|_| TooLong)?;
        chunk = &chunk[read..];
        if result == encoding_rs::CoderResult::InputEmpty {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
