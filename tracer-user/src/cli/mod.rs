//! The command line: typed flags ([`args`]), then validated [`settings`].

pub(crate) mod args;
pub(crate) mod doctor;
mod quantity;
pub(crate) mod settings;
