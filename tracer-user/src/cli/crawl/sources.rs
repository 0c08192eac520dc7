//! The layers of settings of this process: file, environment, flags.

use std::path::PathBuf;

use tracer_crawler::{
    config::{CONFIG_VARIABLE, Effective, Load as _, Sources},
    settings::PREFIX,
};
use tracer_settings::variables;

use super::flags::SettingsArguments;
use crate::failure::Failure;

/// Collects the layers; nothing is read yet.
pub(crate) fn sources(arguments: &SettingsArguments) -> Result<Sources, Failure> {
    let environment = variables(PREFIX, std::env::vars_os())
        .map_err(|name| Failure::Usage(format!("{name}: not valid UTF-8")))?;
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
