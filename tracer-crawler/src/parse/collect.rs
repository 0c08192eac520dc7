//! Which elements hold links, and what is kept of them until the page's base is known.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use ::url::Url;
use encoding_rs::Encoding;
use lol_html::html_content::Element;
use lol_html::send::{ElementContentHandlers, SendHandlerTypes, Settings};
use lol_html::{HandlerResult, Selector};

use super::{Directives, Link, LinkKind, ParseOptions, ParsedPage, directives, entity, meta};
use crate::scope::Refusal;
use crate::url::{Normalizer, UrlError};

type Tag<'a, 'b> = Element<'a, 'b, SendHandlerTypes>;
type Visit = fn(&Tag<'_, '_>, &mut Found);

/// When an element is looked for.
#[derive(Clone, Copy)]
enum When {
    Always,
    Images,
    Scripts,
    Frames,
}

/// The elements, and what is read of each.
const ELEMENTS: &[(&str, When, Visit)] = &[
    ("a[href]", When::Always, |tag, found| {
        found.href(tag, LinkKind::Anchor)
    }),
    ("area[href]", When::Always, |tag, found| {
        found.href(tag, LinkKind::Area)
    }),
    ("link[href]", When::Always, link_element),
    ("base[href]", When::Always, |tag, found| {
        found.base = found.base.take().or_else(|| attribute(tag, "href"))
    }),
    ("meta[content]", When::Always, meta_element),
    ("iframe[src]", When::Frames, |tag, found| {
        found.source(tag, "src", LinkKind::Frame)
    }),
    ("frame[src]", When::Frames, |tag, found| {
        found.source(tag, "src", LinkKind::Frame)
    }),
    ("script[src]", When::Scripts, |tag, found| {
        found.source(tag, "src", LinkKind::Script)
    }),
    ("img", When::Images, image_element),
    ("source[srcset]", When::Images, image_element),
    ("video[poster]", When::Images, |tag, found| {
        found.source(tag, "poster", LinkKind::Image)
    }),
];

/// `rel` of links to what a page is made of, not to another page.
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
/// `rel` of links to no document at all.
const HINTS: &[&str] = &[
    "preconnect",
    "dns-prefetch",
    "pingback",
    "profile",
    "edituri",
    "search",
];

/// Compiled once; none of them can fail, which a test shows.
static SELECTORS: LazyLock<Vec<Option<Selector>>> = LazyLock::new(|| {
    ELEMENTS
        .iter()
        .map(|(selector, ..)| selector.parse().ok())
        .collect()
});

/// Adds a handler for each element that the options ask for.
pub(super) fn handlers(
    mut settings: Settings<'static, 'static>,
    options: &ParseOptions,
    found: &Arc<Mutex<Found>>,
) -> Settings<'static, 'static> {
    for ((_, when, visit), selector) in ELEMENTS.iter().zip(SELECTORS.iter()) {
        let wanted = match when {
            When::Always => true,
            When::Images => options.images,
            When::Scripts => options.scripts,
            When::Frames => options.frames,
        };
        if let Some(selector) = selector.as_ref().filter(|_| wanted) {
            let found = Arc::clone(found);
            let handler = move |tag: &mut Tag<'_, '_>| -> HandlerResult {
                visit(
                    tag,
                    &mut found.lock().unwrap_or_else(PoisonError::into_inner),
                );
                Ok(())
            };
            let handler = ElementContentHandlers::default().element(handler);
            settings = settings.append_element_content_handler((Cow::Borrowed(selector), handler));
        }
    }
    settings
}

/// What has been seen of a page.
#[derive(Debug, Default)]
pub(super) struct Found {
    agent: String,
    images_and_scripts: (bool, bool),
    links_left: usize,
    bytes_left: usize,
    base: Option<String>,
    canonical: Option<String>,
    links: Vec<RawLink>,
    directives: Directives,
    dropped: u64,
}

#[derive(Debug)]
struct RawLink {
    text: String,
    kind: LinkKind,
    nofollow: bool,
}

impl Found {
    pub(super) fn new(options: &ParseOptions) -> Self {
        Self {
            agent: options.agent.clone(),
            images_and_scripts: (options.images, options.scripts),
            links_left: options.max_links,
            bytes_left: options.max_bytes,
            ..Self::default()
        }
    }

    fn href(&mut self, tag: &Tag<'_, '_>, kind: LinkKind) {
        self.source(tag, "href", kind);
    }

    fn source(&mut self, tag: &Tag<'_, '_>, name: &str, kind: LinkKind) {
        if let Some(text) = attribute(tag, name) {
            let nofollow = tag.has_attribute("rel") && has_word(tag, "nofollow");
            self.push(text, kind, nofollow);
        }
    }

    fn push(&mut self, text: String, kind: LinkKind, nofollow: bool) {
        if self.links_left == 0 || text.len() > self.bytes_left {
            self.dropped += 1;
            return;
        }
        self.links_left -= 1;
        self.bytes_left -= text.len();
        self.links.push(RawLink {
            text,
            kind,
            nofollow,
        });
    }

    /// Makes URLs of the links, now that the base is known for all of them.
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
            links: Vec::with_capacity(self.links.len()),
            ..ParsedPage::default()
        };
        for RawLink {
            text,
            kind,
            nofollow,
        } in self.links
        {
            match normalizer.join(base, &text, encoding) {
                Ok(url) => page.links.push(Link {
                    url,
                    kind,
                    nofollow: nofollow || self.directives.nofollow,
                }),
                Err(error) => page.refuse(&error),
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

fn attribute(tag: &Tag<'_, '_>, name: &str) -> Option<String> {
    let raw = tag.get_attribute(name)?;
    match entity::decode(&raw) {
        Cow::Borrowed(_) => Some(raw),
        Cow::Owned(decoded) => Some(decoded),
    }
}

fn has_word(tag: &Tag<'_, '_>, word: &str) -> bool {
    tag.get_attribute("rel").is_some_and(|rel| {
        rel.split_ascii_whitespace()
            .any(|found| found.eq_ignore_ascii_case(word))
    })
}

fn link_element(tag: &Tag<'_, '_>, found: &mut Found) {
    let Some(rel) = tag.get_attribute("rel") else {
        return;
    };
    let rel = rel.to_ascii_lowercase();
    let is_any = |names: &[&str]| {
        rel.split_ascii_whitespace()
            .any(|word| names.contains(&word))
    };
    if is_any(&["canonical"]) && found.canonical.is_none() {
        found.canonical = attribute(tag, "href");
    }
    if is_any(RESOURCES) {
        if found.images_and_scripts.1 {
            found.href(tag, LinkKind::Resource);
        }
    } else if !is_any(HINTS) {
        found.href(tag, LinkKind::Link);
    }
}

fn meta_element(tag: &Tag<'_, '_>, found: &mut Found) {
    let Some(content) = attribute(tag, "content") else {
        return;
    };
    if let Some(name) = tag.get_attribute("name") {
        if directives::names(&name, &found.agent) {
            found.directives.add_list(&content);
        }
    } else if tag
        .get_attribute("http-equiv")
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("refresh"))
        && let Some(url) = meta::refresh_url(&content)
    {
        found.push(url.to_owned(), LinkKind::Refresh, false);
    }
}

fn image_element(tag: &Tag<'_, '_>, found: &mut Found) {
    if tag.has_attribute("src") {
        found.source(tag, "src", LinkKind::Image);
    }
    for url in meta::srcset_urls(&attribute(tag, "srcset").unwrap_or_default()) {
        found.push(url.to_owned(), LinkKind::Image, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_compiles() {
        assert!(SELECTORS.iter().all(Option::is_some));
    }
}
