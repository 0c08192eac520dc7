//! Writes settings as a TOML file that gives the same settings when read, except for secrets, which are left out.

use std::fmt::Write;

use super::Effective;
use crate::settings::{PROFILE, Settings};

impl Effective {
    /// Configuration file with every key; with `origins` each line ends with a comment that names the value's origin.
    pub fn to_toml(&self, origins: bool) -> String {
        let mut text = String::new();
        let mut section = "";
        self.line(&mut text, PROFILE.name, PROFILE.name, origins);
        for key in Settings::keys() {
            let (table, field) = key.split();
            if table != section {
                section = table;
                let _ = write!(text, "\n[{section}]\n");
            }
            self.line(&mut text, key.name, field, origins);
        }
        text
    }

    fn line(&self, text: &mut String, name: &str, field: &str, origins: bool) {
        let Some(value) = self.settings.shown(name) else {
            return;
        };
        let _ = if origins {
            writeln!(text, "{field} = {value}  # {}", self.origin(name))
        } else {
            writeln!(text, "{field} = {value}")
        };
    }
}
