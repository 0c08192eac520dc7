//! Writes settings as a TOML file that gives the same settings when read, except for secrets, which are left out.

use tracer_settings::show;

use super::Effective;
use crate::settings::{PROFILE, Settings};

impl Effective {
    /// Configuration file with every key; with `origins` each line ends with a comment that names the value's origin.
    pub fn to_toml(&self, origins: bool) -> String {
        show(
            [&PROFILE].into_iter().chain(Settings::keys()),
            |key| self.settings.shown(key.name),
            |key| origins.then(|| self.origin(key.name)),
        )
    }
}
