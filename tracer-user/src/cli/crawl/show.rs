//! `tracer config show`: the settings that a crawl would have, as a configuration file.

use super::sources::{load, sources};
use crate::{cli::args::ConfigShow, failure::Failure, say};

/// Prints every key; with `--origin` also where its value comes from.
pub(crate) fn show(arguments: &ConfigShow) -> Result<u8, Failure> {
    let effective = load(&sources(&arguments.settings)?)?;
    say::print(&effective.to_toml(arguments.origin))?;
    Ok(0)
}
