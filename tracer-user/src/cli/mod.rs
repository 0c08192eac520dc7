//! The command line: typed flags ([`args`]), then validated [`settings`].

pub(crate) mod args;
pub(crate) mod crawl;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod generate;
mod quantity;
pub(crate) mod settings;
