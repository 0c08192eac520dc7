//! The links of a page: many, mostly short, and kept only until it is known which of them are new. So they lie in one text.

use super::LinkKind;
use crate::url::UrlText;

/// A link, resolved and normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// Where it leads.
    pub url: UrlText<'a>,
    /// Where it stands.
    pub kind: LinkKind,
    /// The link or the page says that it is not to be followed.
    pub nofollow: bool,
}

/// Links in the order of their page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkList {
    /// All URLs, one after the other.
    text: String,
    links: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// Of the URL in the text; it begins where the one before ends.
    end: usize,
    /// How much of the URL is before its path.
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

    /// Adds a link whose URL `write` puts at the end of the text, telling where its path begins in it.
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

    /// How many.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Bytes of all URLs together.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// One of them, from 0.
    pub fn get(&self, at: usize) -> Option<Link<'_>> {
        let place = self.links.get(at)?;
        let begin = at.checked_sub(1).map_or(0, |before| self.links[before].end);
        Some(Link {
            url: UrlText::new(&self.text[begin..place.end], place.path),
            kind: place.kind,
            nofollow: place.nofollow,
        })
    }

    /// All of them.
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
