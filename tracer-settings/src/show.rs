//! Writes settings as a TOML file that gives the same settings when read.

use std::fmt::Write as _;

use toml::Value as Toml;

use crate::{key::Key, origin::Origin};

/// Configuration file with a line for each key that has a value; with an origin the line ends with a comment that names
/// it. Keys without a table come first.
pub fn show(
    keys: impl Iterator<Item = &'static Key>,
    value: impl Fn(&Key) -> Option<Toml>,
    origin: impl Fn(&Key) -> Option<Origin>,
) -> String {
    let mut text = String::new();
    let mut section = "";
    for key in keys {
        let Some(value) = value(key) else {
            continue;
        };
        let (table, field) = key.split();
        if table != section {
            section = table;
            let _ = write!(text, "\n[{section}]\n");
        }
        let _ = match origin(key) {
            Some(origin) => writeln!(text, "{field} = {value}  # {origin}"),
            None => writeln!(text, "{field} = {value}"),
        };
    }
    text
}
