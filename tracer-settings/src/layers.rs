//! The layers above the defaults, the lowest first: file, environment, flags.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use toml::Value as Toml;

use crate::{
    error::ConfigError,
    file::{self, Entry},
    key::{Given, Key, Table},
    origin::Origin,
    suggest::unknown,
};

/// Sources of the layers. They are kept so that the layers can be read again while the program runs.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// Path of the configuration file.
    pub file: Option<PathBuf>,
    /// Environment variables; those with another prefix are ignored.
    pub environment: Vec<(String, String)>,
    /// Keys given by flags and arguments, with their words.
    pub flags: Vec<(&'static str, Vec<String>)>,
    /// Keys changed while the program runs.
    pub control: BTreeMap<&'static str, Vec<String>>,
}

/// Value that one layer gives to one key.
#[derive(Debug, Clone)]
pub enum Word {
    /// Words of a flag or of an environment variable.
    Text(Vec<String>),
    /// Value of a TOML file.
    Toml(Toml),
}

impl Word {
    /// The value, borrowed.
    pub fn given(&self) -> Given<'_> {
        match self {
            Self::Text(words) => Given::Text(words),
            Self::Toml(value) => Given::Toml(value),
        }
    }
}

/// Key that a layer sets.
#[derive(Debug, Clone)]
pub struct Layered {
    /// The key.
    pub key: &'static Key,
    /// Value of the key.
    pub word: Word,
    /// Origin of the value.
    pub origin: Origin,
}

impl Layers {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or has a key that does not exist.
    pub fn read<T: Table>(&self) -> Result<Vec<Entry>, ConfigError> {
        let file = self.file.as_deref().map(file::read::<T>).transpose()?;
        Ok(file.unwrap_or_default())
    }

    /// Entries of all layers above the defaults, the lowest layer first; `file` are those of the file.
    ///
    /// # Errors
    /// A layer has a key that does not exist, or a list that is none.
    pub fn entries<T: Table>(&self, file: &[Entry]) -> Result<Vec<Layered>, ConfigError> {
        let read = file.iter().map(|entry| Layered {
            key: entry.key,
            word: Word::Toml(entry.value.clone()),
            origin: entry.origin.clone(),
        });
        let mut entries: Vec<Layered> = read.collect();
        for (variable, text) in &self.environment {
            entries.extend(environment::<T>(variable, text)?);
        }
        let flags = self.flags.iter().map(|(name, words)| (name, words, false));
        let control = self.control.iter().map(|(name, words)| (name, words, true));
        for (name, words, control) in flags.chain(control) {
            let key = T::find(name).ok_or_else(|| {
                let names = T::all().map(|key| key.name);
                unknown(Origin::Flag(name), name, names, T::HINT)
            })?;
            let origin = match control {
                true => Origin::Control,
                false => Origin::Flag(key.flag),
            };
            let word = Word::Text(words.clone());
            entries.push(Layered { key, word, origin });
        }
        Ok(entries)
    }
}

/// Environment variables with a prefix. The error is the name of one that is not valid UTF-8.
///
/// # Errors
/// A variable is not valid UTF-8.
pub fn variables(
    prefix: &str,
    all: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, String> {
    let ours = all.filter(|(name, _)| name.to_string_lossy().starts_with(prefix));
    ours.map(|(name, value)| {
        let name = name.to_string_lossy().into_owned();
        match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(name),
        }
    })
    .collect()
}

/// Entry of an environment variable; `None` when the variable is no setting.
fn environment<T: Table>(variable: &str, text: &str) -> Result<Option<Layered>, ConfigError> {
    if !variable.starts_with(T::PREFIX) || T::is_other(variable) {
        return Ok(None);
    }
    let origin = Origin::Environment(variable.to_owned());
    let known: Vec<(String, &'static Key)> = T::all().map(|key| (key.environment(), key)).collect();
    let Some((_, key)) = known.iter().find(|(name, _)| name == variable) else {
        let names = known.iter().map(|(name, _)| name.as_str());
        return Err(unknown(origin, variable, names, T::HINT));
    };
    let word = if key.list {
        list(key, text, &origin)?
    } else {
        Word::Text(vec![text.to_owned()])
    };
    Ok(Some(Layered { key, word, origin }))
}

/// Reads a list: `a,b`, or a TOML array if a value contains a comma.
fn list(key: &'static Key, text: &str, origin: &Origin) -> Result<Word, ConfigError> {
    if !text.starts_with('[') {
        let words = text.split(',').map(|word| word.trim().to_owned());
        return Ok(Word::Text(words.collect()));
    }
    let mut table: toml::Table = toml::from_str(&format!("list = {text}")).map_err(|e| {
        let problem = format!("not a TOML array: {}", e.message().escape_debug());
        ConfigError::WrongValue {
            origin: origin.clone(),
            key: key.name,
            problem,
        }
    })?;
    Ok(Word::Toml(
        table.remove("list").unwrap_or(Toml::Array(Vec::new())),
    ))
}
