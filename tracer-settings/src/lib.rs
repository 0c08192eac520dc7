//! Settings in layers: defaults, then a file (TOML), then the environment, then flags. A later layer overrides an
//! earlier one, and the origin of each value is known. Each program has a [`Table`] of its keys.

mod error;
mod file;
mod key;
mod layers;
mod origin;
mod show;
mod suggest;
mod watch;

pub use self::{
    error::ConfigError,
    file::{Entry, parse},
    key::{Change, Given, Key, Table},
    layers::{Layered, Layers, Word, variables},
    origin::Origin,
    show::show,
    suggest::unknown,
    watch::{Watch, watch},
};
