//! The layers of settings of this process: file, environment, flags.

use std::{ffi::OsString, path::PathBuf};

use tracer_crawler::{
    config::{CONFIG_VARIABLE, Effective, Sources},
    settings::PREFIX,
};

use super::flags::SettingsArguments;
use crate::failure::Failure;

/// Collects the layers; nothing is read yet.
pub(crate) fn sources(arguments: &SettingsArguments) -> Result<Sources, Failure> {
    let environment = environment(std::env::vars_os())?;
    let file = arguments.config.clone().or_else(|| {
        let named = environment.iter().find(|(name, _)| name == CONFIG_VARIABLE);
        named.map(|(_, path)| PathBuf::from(path))
    });
    Ok(Sources {
        file,
        environment,
        flags: arguments.given.clone(),
        ..Sources::default()
    })
}

/// Reads all layers.
pub(crate) fn load(sources: &Sources) -> Result<Effective, Failure> {
    sources.load().map_err(Failure::from)
}

/// Environment variables of the crawler.
fn environment(
    all: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, Failure> {
    let ours = all.filter(|(name, _)| name.to_string_lossy().starts_with(PREFIX));
    ours.map(|(name, value)| {
        let name = name.to_string_lossy().into_owned();
        match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(Failure::Usage(format!("{name}: not valid UTF-8"))),
        }
    })
    .collect()
}
