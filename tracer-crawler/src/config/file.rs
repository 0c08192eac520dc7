//! Reads a configuration file into entries, each with its line.

use std::{fs, io::Read, path::Path};

use toml::{Table, Value as Toml, de::DeTable};

use super::{ConfigError, Origin, suggest::unknown};
use crate::settings::{Key, PROFILE, Settings};

/// Limit of a file's size in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Key set in a file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Key that the file sets.
    pub(super) key: &'static Key,
    /// Value; relative paths are resolved below the file's directory.
    pub(super) value: Toml,
    /// File and line of the entry.
    pub(super) origin: Origin,
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.into(),
        source,
    };
    let file = fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        let bytes = fs::metadata(path).map_or(MAX_BYTES + 1, |meta| meta.len());
        return Err(ConfigError::TooLarge {
            path: path.into(),
            bytes,
            most: MAX_BYTES,
        });
    }
    parse(path, &text)
}

/// Entries of a text; `path` is the name used in errors.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, ConfigError> {
    let syntax = |e: toml::de::Error| ConfigError::Syntax {
        path: path.into(),
        line: line(text, e.span().map_or(0, |span| span.start)),
        problem: e.message().escape_debug().to_string(),
    };
    let places = DeTable::parse(text).map_err(syntax)?;
    let values: Table = toml::from_str(text).map_err(syntax)?;
    let mut entries = Vec::new();
    for (name, value) in places.get_ref() {
        let at = Place {
            path,
            line: line(text, name.span().start),
        };
        let name = name.get_ref().as_ref();
        let plain = &values[name];
        match (plain, value.get_ref().as_table()) {
            (Toml::Table(fields), Some(spans)) => {
                section(path, text, name, fields, spans, &mut entries)?;
            }
            _ => entries.push(at.entry(name, plain)?),
        }
    }
    Ok(entries)
}

fn section(
    path: &Path,
    text: &str,
    name: &str,
    fields: &Table,
    spans: &DeTable<'_>,
    entries: &mut Vec<Entry>,
) -> Result<(), ConfigError> {
    for field in spans.keys() {
        let at = Place {
            path,
            line: line(text, field.span().start),
        };
        let field = field.get_ref().as_ref();
        entries.push(at.entry(&format!("{name}.{field}"), &fields[field])?);
    }
    Ok(())
}

/// Line of a file.
struct Place<'a> {
    path: &'a Path,
    line: usize,
}

impl Place<'_> {
    fn entry(&self, name: &str, value: &Toml) -> Result<Entry, ConfigError> {
        let origin = Origin::File {
            path: self.path.into(),
            line: self.line,
        };
        let names = Settings::keys().chain([&PROFILE]).map(|key| key.name);
        let key = Settings::key(name).ok_or_else(|| unknown(origin.clone(), name, names))?;
        // A program without a directory is searched for in PATH.
        let is_program =
            key.name == "render.program" && !value.as_str().is_some_and(|text| text.contains('/'));
        let value = if key.form == "PATH" && !is_program {
            self.below_file(value)
        } else {
            value.clone()
        };
        Ok(Entry { key, value, origin })
    }

    fn below_file(&self, value: &Toml) -> Toml {
        match (value.as_str(), self.path.parent()) {
            (Some(text), Some(parent)) if !matches!(text, "" | "-" | "none") => {
                Toml::String(parent.join(text).to_string_lossy().into_owned())
            }
            _ => value.clone(),
        }
    }
}

/// Line of a byte, counted from 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
