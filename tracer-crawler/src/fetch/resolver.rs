//! Resolves names to addresses.

pub mod cached;
pub mod system;

use std::net::IpAddr;
use std::sync::Arc;

use crate::outcome::NoAddress;

pub use cached::{CacheFigures, Cached, CachedOptions};
pub use system::System;

/// Address families of a name that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Family {
    #[default]
    Both,
    V4,
    V6,
}

impl Family {
    /// True if the address is of this family.
    pub fn holds(self, address: IpAddr) -> bool {
        match self {
            Self::Both => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Addresses of a name, or the reason why there are none.
pub type Addresses = Result<Arc<[IpAddr]>, NoAddress>;

/// Resolver of the crawl.
#[derive(Debug, Clone)]
pub enum Resolver {
    /// The C library, asked once per connection.
    System(System),
    /// The crawler's own resolver, with a cache.
    Cached(Arc<Cached>),
}

impl Resolver {
    /// Addresses of `name`, which may also be an address itself.
    pub async fn resolve(&self, name: &str) -> Addresses {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok([address].into());
        }
        match self {
            Self::System(system) => system.resolve(name).await,
            Self::Cached(cached) => cached.resolve(name).await,
        }
    }

    /// Counts of the cache's events; `None` without a cache.
    pub fn cache_figures(&self) -> Option<CacheFigures> {
        match self {
            Self::System(_) => None,
            Self::Cached(cached) => Some(cached.figures()),
        }
    }

    /// Looks names up ahead, as many at once as the cache allows. Does nothing without a cache.
    pub fn prewarm<'a>(&self, names: impl Iterator<Item = &'a str>) {
        if let Self::Cached(cached) = self {
            names.for_each(|name| cached.prewarm(name));
        }
    }
}
