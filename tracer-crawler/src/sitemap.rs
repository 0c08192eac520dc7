//! Parser of sitemaps (<https://www.sitemaps.org/protocol.html>): XML, index and plain text, each also in gzip, read
//! while the body streams in.
//!
//! Only `loc` is read. Entities other than the five of XML and numeric ones are unknown, and document types are
//! ignored, so a hostile file can neither make the parser read another file nor expand.

use std::io::Write;

use encoding_rs::{Decoder, UTF_8};
use flate2::write::GzDecoder;
use quick_xml::Reader;
use quick_xml::errors::Error as XmlError;
use quick_xml::events::{BytesRef, Event};
use thiserror::Error;

/// Limit of URLs in one sitemap.
pub const MAX_URLS: usize = 50_000;
/// Limit of one sitemap's size in bytes, decompressed.
pub const MAX_BYTES: usize = 50 << 20;
/// Limit of nested sitemaps, counted from robots.txt. The protocol has no index of indexes, but real sites do.
pub const MAX_NESTING: u32 = 3;
/// Limit of a tag, comment or line, in bytes.
const MAX_TOKEN_BYTES: usize = 64 << 10;
/// Limit of a URL, in bytes.
const MAX_URL_BYTES: usize = 4096;
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// Reasons why a sitemap is read no further. Entries found before count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SitemapError {
    /// The sitemap is longer than [`MAX_BYTES`].
    #[error(
        "sitemap of more than {MAX_BYTES} bytes; the protocol allows 50 MB, larger ones have to be split"
    )]
    TooLong,
    /// The sitemap has more URLs than [`MAX_URLS`].
    #[error("sitemap of more than {MAX_URLS} URLs; larger ones have to be split")]
    TooMany,
    /// A tag, comment or line has no end.
    #[error("a tag or line of more than {MAX_TOKEN_BYTES} bytes at byte {at}")]
    TokenTooLong {
        /// Number of bytes before it, decompressed.
        at: usize,
    },
    /// The data begins like gzip but is not, or is damaged.
    #[error("the gzip stream is damaged: {reason}")]
    Gzip {
        /// Error of the decoder.
        reason: String,
    },
    /// The XML ends inside of a tag.
    #[error("the sitemap ends inside of a tag")]
    Torn,
}

/// Entry of a sitemap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// URL of a page.
    Page(String),
    /// URL of another sitemap.
    Sitemap(String),
}

/// Parser of one sitemap.
pub struct SitemapParser {
    stage: Stage,
    first: Vec<u8>,
}

enum Stage {
    /// There are too few bytes to recognise gzip.
    Empty,
    Plain(Text),
    Gzip(Box<GzDecoder<Text>>),
    Failed(SitemapError, Text),
}

impl Default for SitemapParser {
    fn default() -> Self {
        Self {
            stage: Stage::Empty,
            first: Vec::new(),
        }
    }
}

impl SitemapParser {
    /// Takes the next bytes of the body, split at any place. After an error the rest is ignored.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), SitemapError> {
        if let Stage::Empty = self.stage {
            self.first.extend_from_slice(chunk);
            if self.first.len() < GZIP.len() {
                return Ok(());
            }
            self.begin();
            let first = std::mem::take(&mut self.first);
            return self.feed(&first);
        }
        self.feed(chunk)
    }

    fn begin(&mut self) {
        let text = Text::default();
        self.stage = if self.first.starts_with(&GZIP) {
            Stage::Gzip(Box::new(GzDecoder::new(text)))
        } else {
            Stage::Plain(text)
        };
    }

    fn feed(&mut self, chunk: &[u8]) -> Result<(), SitemapError> {
        let result =
            match &mut self.stage {
                Stage::Empty => Ok(()),
                Stage::Failed(error, _) => return Err(error.clone()),
                Stage::Plain(text) => text.feed(chunk),
                Stage::Gzip(decoder) => {
                    match decoder.write_all(chunk) {
                        Ok(()) => Ok(()),
                        Err(reason) => Err(decoder.get_mut().error.take().unwrap_or_else(|| {
                            SitemapError::Gzip {
                                reason: reason.to_string(),
                            }
                        })),
                    }
                }
            };
        if let Err(error) = &result {
            let text = match &mut self.stage {
                Stage::Plain(text) => std::mem::take(text),
                Stage::Gzip(decoder) => std::mem::take(decoder.get_mut()),
                _ => Text::default(),
            };
            self.stage = Stage::Failed(error.clone(), text);
        }
        result
    }

    /// Entries found since the last call. To be called between chunks, so that a long sitemap is never in memory as a
    /// whole.
    pub fn take(&mut self) -> Vec<Entry> {
        match &mut self.stage {
            Stage::Empty => Vec::new(),
            Stage::Plain(text) | Stage::Failed(_, text) => std::mem::take(&mut text.found),
            Stage::Gzip(decoder) => std::mem::take(&mut decoder.get_mut().found),
        }
    }

    /// Ends the body and returns the last entries, and an error if some of it could not be read.
    pub fn finish(mut self) -> (Vec<Entry>, Result<(), SitemapError>) {
        if let Stage::Empty = self.stage {
            self.begin();
            let first = std::mem::take(&mut self.first);
            // For a file of one byte, the result below comes from its end.
            let _ = self.feed(&first);
        }
        match self.stage {
            Stage::Empty => (Vec::new(), Ok(())),
            Stage::Failed(error, text) => (text.found, Err(error)),
            Stage::Plain(text) => text.end(),
            Stage::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => std::mem::take(decoder.get_mut()).end(),
                Err(reason) => {
                    let text = std::mem::take(decoder.get_mut());
                    let damaged = SitemapError::Gzip {
                        reason: reason.to_string(),
                    };
                    (text.found, Err(text.error.unwrap_or(damaged)))
                }
            },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Xml,
    Lines,
}

/// Element that contains the current `loc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Url,
    Sitemap,
}

/// Decompressed text of a sitemap.
struct Text {
    form: Option<Form>,
    /// Decoder for UTF-8, or the encoding of a byte order mark; malformed text is replaced.
    decoder: Decoder,
    /// Begin of a token that is not complete yet.
    rest: String,
    /// Number of bytes before `rest`.
    at: usize,
    within: Within,
    /// The namespace's prefix of the element that it is in.
    prefix: String,
    /// Text of the current `loc`.
    loc: Option<String>,
    found: Vec<Entry>,
    count: usize,
    error: Option<SitemapError>,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            form: None,
            decoder: UTF_8.new_decoder(),
            rest: String::new(),
            at: 0,
            within: Within::Nothing,
            prefix: String::new(),
            loc: None,
            found: Vec::new(),
            count: 0,
            error: None,
        }
    }
}

impl Write for Text {
    fn write(&mut self, chunk: &[u8]) -> std::io::Result<usize> {
        match self.feed(chunk) {
            Ok(()) => Ok(chunk.len()),
            Err(error) => {
                self.error = Some(error);
                Err(std::io::Error::other("the sitemap is read no further"))
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Text {
    /// Takes a chunk in pieces, so that the part kept of an unfinished token stays small.
    fn feed(&mut self, chunk: &[u8]) -> Result<(), SitemapError> {
        chunk
            .chunks(MAX_TOKEN_BYTES)
            .try_for_each(|piece| self.feed_piece(piece, false))
    }

    fn feed_piece(&mut self, piece: &[u8], last: bool) -> Result<(), SitemapError> {
        let mut text = std::mem::take(&mut self.rest);
        text.reserve(
            self.decoder
                .max_utf8_buffer_length(piece.len())
                .unwrap_or(piece.len() * 3),
        );
        // The text has room for the whole piece, so the decoder takes all of it.
        let _ = self.decoder.decode_to_string(piece, &mut text, last);
        if self.at + text.len() > MAX_BYTES {
            return Err(SitemapError::TooLong);
        }
        self.form = self.form.or_else(|| form_of(&text));
        let used = match self.form {
            None => 0,
            Some(Form::Xml) => self.xml(&text)?,
            Some(Form::Lines) => self.lines(&text)?,
        };
        self.at += used;
        text.drain(..used);
        self.rest = text;
        self.check_rest()
    }

    fn check_rest(&self) -> Result<(), SitemapError> {
        if self.rest.len() > MAX_TOKEN_BYTES {
            Err(SitemapError::TokenTooLong { at: self.at })
        } else {
            Ok(())
        }
    }

    /// Reads all complete tokens and returns their length.
    fn xml(&mut self, text: &str) -> Result<usize, SitemapError> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = false;
        reader.config_mut().allow_unmatched_ends = true;
        loop {
            let before = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
            let event = reader.read_event();
            let after = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
            match event {
                Ok(Event::Eof) => return Ok(before),
                // Text at the end of the piece may go on in the next.
                Ok(Event::Text(_) | Event::GeneralRef(_)) if after == text.len() => {
                    return Ok(before);
                }
                Ok(event) => self.event(&event)?,
                Err(XmlError::Syntax(_)) => return Ok(before),
                // The XML is not well-formed, for another reason than being cut here.
                Err(_) if after > before && after < text.len() => {}
                Err(_) => return Ok(before),
            }
        }
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), SitemapError> {
        match event {
            Event::Start(tag) => self.open(tag.name().as_ref()),
            Event::End(tag) => return self.close(tag.name().as_ref()),
            Event::Text(text) => self.push(text),
            Event::CData(text) => self.push(text),
            Event::GeneralRef(reference) => self.push(&resolve(reference)),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, name: &str) {
        let (prefix, name) = parts(name);
        match name {
            "url" => self.enter(Within::Url, prefix),
            "sitemap" => self.enter(Within::Sitemap, prefix),
            // One of another namespace is no page: `image:loc`.
            "loc" if self.within != Within::Nothing && self.prefix == prefix => {
                self.loc = Some(String::new());
            }
            _ => {}
        }
    }

    fn enter(&mut self, within: Within, prefix: &str) {
        self.within = within;
        self.prefix.clear();
        self.prefix.push_str(prefix);
    }

    fn close(&mut self, name: &str) -> Result<(), SitemapError> {
        let (prefix, name) = parts(name);
        if prefix != self.prefix {
            return Ok(());
        }
        match name {
            "url" | "sitemap" => self.within = Within::Nothing,
            "loc" => {
                if let Some(loc) = self.loc.take() {
                    self.add(&loc)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        if let Some(loc) = &mut self.loc
            && loc.len() + text.len() <= MAX_URL_BYTES * 2
        {
            loc.push_str(text);
        }
    }

    fn lines(&mut self, text: &str) -> Result<usize, SitemapError> {
        let Some(end) = text.rfind(['\n', '\r']) else {
            return Ok(0);
        };
        self.within = Within::Url;
        text[..end]
            .split(['\n', '\r'])
            .try_for_each(|line| self.add(line))?;
        Ok(end + 1)
    }

    fn add(&mut self, loc: &str) -> Result<(), SitemapError> {
        let loc = loc
            .trim_matches(|character: char| character.is_whitespace() || character == '\u{FEFF}');
        if loc.is_empty() || loc.len() > MAX_URL_BYTES {
            return Ok(());
        }
        if self.count == MAX_URLS {
            return Err(SitemapError::TooMany);
        }
        self.count += 1;
        self.found.push(if self.within == Within::Sitemap {
            Entry::Sitemap(loc.into())
        } else {
            Entry::Page(loc.into())
        });
        Ok(())
    }

    fn end(mut self) -> (Vec<Entry>, Result<(), SitemapError>) {
        let mut result = self.feed_piece(&[], true);
        let rest = std::mem::take(&mut self.rest);
        if result.is_ok() && self.form == Some(Form::Lines) {
            self.within = Within::Url;
            result = self.add(&rest);
        } else if result.is_ok() && rest.trim_start().starts_with('<') {
            result = Err(SitemapError::Torn);
        }
        (self.found, result)
    }
}

/// Prefix and name of an element.
fn parts(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// Form of the text: XML begins with `<` after white space; `None` as long as there is only white space.
fn form_of(text: &str) -> Option<Form> {
    let first = text.trim_start().chars().next()?;
    Some(if first == '<' { Form::Xml } else { Form::Lines })
}

/// Text of a reference such as `&amp;` or `&#38;`; empty for all others.
fn resolve(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    quick_xml::escape::resolve_xml_entity(reference)
        .unwrap_or("")
        .to_owned()
}

#[cfg(test)]
mod tests;
