//! Collects the links of elements until the base URL of the page is known.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use url::Url;

use super::scan::{Attribute, Element, Tag};
use super::{
    Directives, LinkKind, LinkList, ParseOptions, ParsedPage, charset, directives, entity, meta,
};
use crate::canonical::{Base, Normalizer, UrlError};
use crate::scope::Refusal;

/// `rel` values of links to parts of the page, not to another page.
const RESOURCES: &[&str] = &[
    "stylesheet",
    "icon",
    "apple-touch-icon",
    "apple-touch-icon-precomposed",
    "mask-icon",
    "manifest",
    "preload",
    "modulepreload",
    "prefetch",
];
/// `rel` values of links that lead to no document.
const HINTS: &[&str] = &[
    "preconnect",
    "dns-prefetch",
    "pingback",
    "profile",
    "edituri",
    "search",
];

/// Links and directives found so far.
#[derive(Debug)]
pub(super) struct Found {
    /// Encoding of the attribute values that the scanner passes.
    encoding: &'static Encoding,
    /// The encoding was guessed by the beginning of the page: what comes later says better.
    is_guess: bool,
    links_left: usize,
    bytes_left: usize,
    base: Option<String>,
    canonical: Option<String>,
    /// Text of all links, one after the other.
    texts: String,
    links: Vec<RawLink>,
    directives: Directives,
    dropped: u64,
}

#[derive(Debug)]
struct RawLink {
    /// Range of the link in [`Found::texts`].
    text: Range<usize>,
    kind: LinkKind,
    nofollow: bool,
}

impl Found {
    pub(super) fn new(options: &ParseOptions, encoding: &'static Encoding, is_guess: bool) -> Self {
        Self {
            encoding,
            is_guess,
            links_left: options.max_links,
            bytes_left: options.max_bytes,
            base: None,
            canonical: None,
            texts: String::new(),
            links: Vec::new(),
            directives: Directives::default(),
            dropped: 0,
        }
    }

    /// The encoding of attributes' values, as far as it is known by now.
    pub(super) fn encoding(&self) -> &'static Encoding {
        self.encoding
    }

    /// A `<meta>` beyond the first kilobyte names the encoding; without any, bytes that are no UTF-8 are windows-1252.
    fn guess_better(&mut self, tag: &Tag) {
        let get = |attribute| tag.get(attribute);
        let named = (tag.element == Element::Meta)
            .then(|| {
                let (charset, kind) = (get(Attribute::Charset), get(Attribute::HttpEquiv));
                charset::late(charset, kind, get(Attribute::Content))
            })
            .flatten();
        if let Some(named) = named {
            self.encoding = named;
            self.is_guess = false;
        } else if self.encoding == UTF_8 && !tag.is_utf8() {
            self.encoding = WINDOWS_1252;
        }
    }

    /// Takes a start tag.
    pub(super) fn visit(&mut self, tag: &Tag, options: &ParseOptions) {
        if tag.is_cut {
            self.dropped += 1;
            return;
        }
        if self.is_guess {
            self.guess_better(tag);
        }
        match tag.element {
            Element::A => self.source(tag, Attribute::Href, LinkKind::Anchor),
            Element::Area => self.source(tag, Attribute::Href, LinkKind::Area),
            Element::Base if self.base.is_none() => {
                self.base = self.text(tag, Attribute::Href).map(Cow::into_owned);
            }
            Element::Link => self.link_element(tag, options),
            Element::Meta => self.meta_element(tag, options),
            Element::Frame | Element::Iframe if options.frames => {
                self.source(tag, Attribute::Src, LinkKind::Frame);
            }
            Element::Script if options.scripts => {
                self.source(tag, Attribute::Src, LinkKind::Script);
            }
            Element::Img if options.images => {
                self.source(tag, Attribute::Src, LinkKind::Image);
                self.source_set(tag);
            }
            Element::Source if options.images => self.source_set(tag),
            Element::Video if options.images => {
                self.source(tag, Attribute::Poster, LinkKind::Image);
            }
            _ => {}
        }
    }

    /// Value of an attribute, as UTF-8 and with character references replaced.
    fn text<'t>(&self, tag: &'t Tag, attribute: Attribute) -> Option<Cow<'t, str>> {
        let raw = tag.get(attribute)?;
        let text = if self.encoding == UTF_8 {
            String::from_utf8_lossy(raw)
        } else {
            self.encoding.decode_without_bom_handling(raw).0
        };
        Some(match text {
            Cow::Borrowed(text) => entity::decode(text),
            Cow::Owned(text) => Cow::Owned(entity::decode(&text).into_owned()),
        })
    }

    fn source(&mut self, tag: &Tag, attribute: Attribute, kind: LinkKind) {
        if let Some(text) = self.text(tag, attribute) {
            let rel = self.text(tag, Attribute::Rel);
            let nofollow = rel.is_some_and(|rel| words(&rel).any(|word| is(word, "nofollow")));
            self.push(&text, kind, nofollow);
        }
    }

    fn source_set(&mut self, tag: &Tag) {
        if let Some(text) = self.text(tag, Attribute::Srcset) {
            for url in meta::srcset_urls(&text) {
                self.push(url, LinkKind::Image, false);
            }
        }
    }

    fn push(&mut self, text: &str, kind: LinkKind, nofollow: bool) {
        if self.links_left == 0 || text.len() > self.bytes_left {
            self.dropped += 1;
            return;
        }
        self.links_left -= 1;
        self.bytes_left -= text.len();
        let begin = self.texts.len();
        self.texts.push_str(text);
        self.links.push(RawLink {
            text: begin..self.texts.len(),
            kind,
            nofollow,
        });
    }

    fn link_element(&mut self, tag: &Tag, options: &ParseOptions) {
        let (Some(href), Some(rel)) = (
            self.text(tag, Attribute::Href),
            self.text(tag, Attribute::Rel),
        ) else {
            return;
        };
        let is_any =
            |names: &[&str]| words(&rel).any(|word| names.iter().any(|name| is(word, name)));
        if is_any(&["canonical"]) && self.canonical.is_none() {
            self.canonical = Some(href.clone().into_owned());
        }
        let kind = if is_any(RESOURCES) {
            if !options.scripts {
                return;
            }
            LinkKind::Resource
        } else if is_any(HINTS) {
            return;
        } else {
            LinkKind::Link
        };
        self.push(&href, kind, is_any(&["nofollow"]));
    }

    fn meta_element(&mut self, tag: &Tag, options: &ParseOptions) {
        let Some(content) = self.text(tag, Attribute::Content) else {
            return;
        };
        if let Some(name) = self.text(tag, Attribute::Name) {
            if directives::names(&name, &options.agent) {
                self.directives.add_list(&content);
            }
        } else if self
            .text(tag, Attribute::HttpEquiv)
            .is_some_and(|kind| is(kind.trim(), "refresh"))
            && let Some(url) = meta::refresh_url(&content)
        {
            self.push(url, LinkKind::Refresh, false);
        }
    }

    /// Resolves the links, now that the base URL is known. `encoding` is that of the page.
    pub(super) fn resolve(
        self,
        url: &Url,
        normalizer: &Normalizer,
        encoding: &'static Encoding,
    ) -> ParsedPage {
        let base = self
            .base
            .and_then(|base| url.join(base.trim()).ok())
            .filter(|base| !base.cannot_be_a_base());
        let base = base.as_ref().unwrap_or(url);
        let mut page = ParsedPage {
            canonical: self
                .canonical
                .and_then(|link| normalizer.join(base, &link, encoding).ok()),
            directives: self.directives,
            links_dropped: self.dropped,
            links: LinkList::with_capacity(self.links.len(), self.texts.len()),
            charset: encoding.name(),
            ..ParsedPage::default()
        };
        let base = Base::new(base, normalizer, encoding);
        for link in self.links {
            let nofollow = link.nofollow || self.directives.nofollow;
            let text = &self.texts[link.text];
            let join = |out: &mut String| base.join(text, out);
            if let Err(error) = page.links.push(link.kind, nofollow, join) {
                page.refuse(&error);
            }
        }
        page
    }
}

impl ParsedPage {
    fn refuse(&mut self, error: &UrlError) {
        let refusal = Refusal::from(error);
        match self
            .refused
            .iter_mut()
            .find(|(reason, _)| *reason == refusal)
        {
            Some((_, count)) => *count += 1,
            None => self.refused.push((refusal, 1)),
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_ascii_whitespace()
}

fn is(word: &str, name: &str) -> bool {
    word.eq_ignore_ascii_case(name)
}
