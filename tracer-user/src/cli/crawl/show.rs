//! `tracer config show`: the settings a crawl would have, as a configuration file.

use std::io::Write;

use super::sources::{load, sources};
use crate::{cli::args::ConfigShow, failure::Failure, sink::closed_pipe_is_fine};

/// Prints every key; with `--origin` also where its value comes from.
pub(crate) fn show(arguments: &ConfigShow) -> Result<u8, Failure> {
    let effective = load(&sources(&arguments.settings)?)?;
    let text = effective.to_toml(arguments.origin);
    closed_pipe_is_fine(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(0)
}
