//! Reads a configuration file into entries, each with its line.

use std::{fs, io::Read, path::Path};

use toml::{Table, Value as Toml, de::DeTable};

use crate::{
    error::ConfigError,
    key::{Key, Table as Keys},
    origin::Origin,
    suggest::unknown,
};

/// Limit of a file's size in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Key set in a file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Key that the file sets.
    pub key: &'static Key,
    /// Value; relative paths are resolved below the file's directory.
    pub value: Toml,
    /// File and line of the entry.
    pub origin: Origin,
}

/// Reads a file.
///
/// # Errors
/// The file cannot be read, is no TOML, or has a key that does not exist.
pub(crate) fn read<K: Keys>(path: &Path) -> Result<Vec<Entry>, ConfigError> {
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
    parse::<K>(path, &text)
}

/// Entries of a text; `path` is the name used in errors.
///
/// # Errors
/// The text is no TOML, or has a key that does not exist.
pub fn parse<K: Keys>(path: &Path, text: &str) -> Result<Vec<Entry>, ConfigError> {
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
                section::<K>(path, text, name, fields, spans, &mut entries)?;
            }
            _ => entries.push(at.entry::<K>(name, plain)?),
        }
    }
    Ok(entries)
}

fn section<K: Keys>(
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
        entries.push(at.entry::<K>(&format!("{name}.{field}"), &fields[field])?);
    }
    Ok(())
}

/// Line of a file.
struct Place<'a> {
    path: &'a Path,
    line: usize,
}

impl Place<'_> {
    fn entry<K: Keys>(&self, name: &str, value: &Toml) -> Result<Entry, ConfigError> {
        let origin = Origin::File {
            path: self.path.into(),
            line: self.line,
        };
        let key = K::find(name).ok_or_else(|| {
            let names = K::all().map(|key| key.name);
            unknown(origin.clone(), name, names, K::HINT)
        })?;
        let value = if K::is_path(key, value) {
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
