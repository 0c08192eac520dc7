//! List of a page's links. There are many, mostly short, and they are needed only until it is known which are new, so
//! one text holds them all.

use super::LinkKind;
use crate::canonical::UrlText;

/// Link, resolved and normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// URL of the link.
    pub url: UrlText<'a>,
    /// Element that the link comes from.
    pub kind: LinkKind,
    /// True if the link or its page is marked nofollow.
    pub nofollow: bool,
}

/// Links in the order of their page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkList {
    /// Text of all URLs, one after the other.
    text: String,
    links: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// End of the URL in the text; it begins at the end of the one before.
    end: usize,
    /// Length of the URL before its path.
    path: usize,
    kind: LinkKind,
    nofollow: bool,
}

impl LinkList {
    pub(super) fn with_capacity(links: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            links: Vec::with_capacity(links),
        }
    }

    /// Adds a link. `write` appends its URL to the text and returns the place of the path in it.
    pub(super) fn push<E>(
        &mut self,
        kind: LinkKind,
        nofollow: bool,
        write: impl FnOnce(&mut String) -> Result<usize, E>,
    ) -> Result<(), E> {
        let path = write(&mut self.text)?;
        self.links.push(Place {
            end: self.text.len(),
            path,
            kind,
            nofollow,
        });
        Ok(())
    }

    /// Number of links.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Length of all URLs together, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// True without links.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Link at an index, counted from 0.
    pub fn get(&self, at: usize) -> Option<Link<'_>> {
        let place = self.links.get(at)?;
        let begin = at.checked_sub(1).map_or(0, |before| self.links[before].end);
        Some(Link {
            url: UrlText::new(&self.text[begin..place.end], place.path),
            kind: place.kind,
            nofollow: place.nofollow,
        })
    }

    /// All links.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Link<'_>> {
        let mut begin = 0;
        self.links.iter().map(move |place| Link {
            url: UrlText::new(
                &self.text[std::mem::replace(&mut begin, place.end)..place.end],
                place.path,
            ),
            kind: place.kind,
            nofollow: place.nofollow,
        })
    }
}
