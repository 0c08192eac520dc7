//! A running trace and its parts: setup, engine, filter, namespaces, privileges, the traced command.

pub(crate) mod account;
pub(crate) mod capture;
pub(crate) mod child;
pub(crate) mod clock;
pub(crate) mod description;
mod engine;
mod filter;
pub(crate) mod intake;
pub(crate) mod live;
pub(crate) mod namespaces;
pub(crate) mod notify;
pub(crate) mod playback;
pub(crate) mod privilege;
pub(crate) mod resolve;
pub(crate) mod session;
