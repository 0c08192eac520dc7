//! Settings of `tracer attach` in layers: defaults, configuration file, environment, flags. Each flag is a key of the file
//! and a variable; the parser of the flags reads the values of all layers.

mod keys;
mod secret;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, FromArgMatches as _, parser::ValueSource};
use toml::Value as Toml;
use tracer_settings::{
    ConfigError, Key, Layered, Layers, Origin, Table as _, Word, show, variables,
};

pub(crate) use self::keys::AttachKeys;
use super::{
    args::{self, Attach},
    mistake,
};
use crate::failure::Failure;

/// Variable with the path of the configuration file.
pub(crate) const CONFIG_VARIABLE: &str = "TRACER_ATTACH_CONFIG";

/// Settings of all layers, with the origin of each.
#[derive(Debug)]
pub(crate) struct Effective {
    /// The settings as flags.
    pub(crate) attach: Attach,
    /// Values that a layer gives.
    given: BTreeMap<&'static str, (Toml, Origin)>,
}

/// Layers of this process; nothing is read yet. `words` is the command line, the program's name included.
pub(crate) fn layers(words: &[OsString]) -> Result<Layers, Failure> {
    let environment = variables(AttachKeys::PREFIX, std::env::vars_os())
        .map_err(|name| Failure::Usage(format!("{name}: not valid UTF-8")))?;
    let matches = matches_of(words).map_err(|text| Failure::Usage(text.clone()))?;
    let named = environment.iter().find(|(name, _)| name == CONFIG_VARIABLE);
    let file = matches.get_one::<PathBuf>("config").cloned();
    Ok(Layers {
        file: file.or_else(|| named.map(|(_, path)| PathBuf::from(path))),
        flags: flags(&matches)?,
        environment,
        ..Layers::default()
    })
}

/// True if the settings may come from more than flags.
pub(crate) fn has_others(layers: &Layers) -> bool {
    layers.file.is_some() || !layers.environment.is_empty()
}

/// Reads all layers and checks the result.
pub(crate) fn load(layers: &Layers) -> Result<Effective, Failure> {
    let file = layers.read::<AttachKeys>()?;
    let mut given = BTreeMap::new();
    for Layered { key, word, origin } in layers.entries::<AttachKeys>(&file)? {
        let wrong = |problem| ConfigError::WrongValue {
            origin: origin.clone(),
            key: key.name,
            problem,
        };
        let value = value(key, word).map_err(wrong)?;
        alone(key, &value).map_err(wrong)?;
        given.insert(key.name, (value, origin));
    }
    let settings = given
        .iter()
        .filter_map(|(name, (value, _))| Some((AttachKeys::find(name)?, value)));
    let words = command_line(settings.flat_map(|(key, value)| words(key, value)));
    let mut matches = matches_of(&words).map_err(|text| together(text, layers.file.as_deref()))?;
    let attach =
        Attach::from_arg_matches_mut(&mut matches).map_err(|e| Failure::Usage(e.to_string()))?;
    Ok(Effective { attach, given })
}

/// Error of settings that are right one by one, and not together.
fn together(text: String, file: Option<&Path>) -> Failure {
    Failure::Usage(match file {
        Some(file) => format!("{}: {text}", file.display()),
        None => text,
    })
}

impl Effective {
    /// Value of a key, of whatever layer.
    pub(crate) fn value(&self, key: &Key) -> Option<Toml> {
        match self.given.get(key.name) {
            Some((value, _)) => Some(value.clone()),
            None => keys::default(key),
        }
    }

    /// Origin of a key's value.
    pub(crate) fn origin(&self, key: &Key) -> Origin {
        let given = self.given.get(key.name);
        given.map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// Configuration file with every key and the origin of its value; secrets are hidden.
    pub(crate) fn to_toml(&self) -> String {
        let value = |key: &Key| self.value(key).map(|value| secret::hidden(key, value));
        show(AttachKeys::all(), value, |key| Some(self.origin(key)))
    }

    /// Keys whose values differ.
    pub(crate) fn changes(&self, other: &Self) -> Vec<&'static Key> {
        let all = AttachKeys::all();
        all.filter(|key| self.value(key) != other.value(key))
            .collect()
    }

    /// The settings with the values of some keys as `before` has them.
    pub(crate) fn keep(&self, keys: &[&'static Key], before: &Self) -> Result<Self, Failure> {
        let mut given = self.given.clone();
        for key in keys {
            match before.given.get(key.name) {
                Some(value) => given.insert(key.name, value.clone()),
                None => given.remove(key.name),
            };
        }
        let settings = given
            .iter()
            .filter_map(|(name, (value, _))| Some((AttachKeys::find(name)?, value)));
        let words = command_line(settings.flat_map(|(key, value)| words(key, value)));
        let mut matches = matches_of(&words).map_err(Failure::Usage)?;
        let attach = Attach::from_arg_matches_mut(&mut matches)
            .map_err(|e| Failure::Usage(e.to_string()))?;
        Ok(Self { attach, given })
    }
}

/// Keys that the command line gives, with their words.
fn flags(matches: &ArgMatches) -> Result<Vec<(&'static str, Vec<String>)>, Failure> {
    let mut flags = Vec::new();
    for key in AttachKeys::all() {
        let id = keys::id(key);
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let words = matches.get_raw(id).into_iter().flatten();
        let mut words: Vec<String> = words
            .map(|word| word.to_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| Failure::Usage(format!("--{}: not valid UTF-8", key.flag)))?;
        if key.switch && words.is_empty() {
            words = vec!["true".to_owned()];
        }
        flags.push((key.name, words));
    }
    Ok(flags)
}

/// Value of a layer in its TOML form, of the type that the key has.
fn value(key: &Key, word: Word) -> Result<Toml, String> {
    let value = match word {
        Word::Toml(value) => value,
        Word::Text(mut words) if !key.list && words.len() == 1 => {
            match (key.switch, words.remove(0)) {
                (true, word) => Toml::Boolean(switch(&word)?),
                (false, word) => Toml::String(word),
            }
        }
        Word::Text(words) => Toml::Array(
            words
                .into_iter()
                .filter(|word| !word.is_empty())
                .map(Toml::String)
                .collect(),
        ),
    };
    let expected = match (&value, key.list, key.switch) {
        (Toml::Array(_), true, _) | (Toml::Boolean(_), false, true) => return Ok(value),
        (Toml::String(_) | Toml::Integer(_) | Toml::Float(_), false, false) => return Ok(value),
        (_, true, _) => "a list in brackets",
        (_, _, true) => "true or false",
        _ => "one value",
    };
    Err(format!(
        "expected {expected}, found a value of type {}",
        value.type_str()
    ))
}

/// Value of a switch as people write it.
fn switch(word: &str) -> Result<bool, String> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!(
            "expected true or false (or yes, no, on, off, 1, 0), got `{word}`"
        )),
    }
}

/// Words of the command line that mean a value: none for a switch that is off, and for the word `none`.
fn words(key: &Key, value: &Toml) -> Vec<String> {
    let flag = |word: &str| format!("--{}={word}", key.flag);
    match value {
        Toml::Array(items) => items.iter().map(|item| flag(&plain(item))).collect(),
        Toml::Boolean(on) if keys::takes_value(key) => vec![flag(&on.to_string())],
        Toml::Boolean(true) => vec![format!("--{}", key.flag)],
        Toml::Boolean(false) => Vec::new(),
        Toml::String(none) if none == "none" => Vec::new(),
        other => vec![flag(&plain(other))],
    }
}

fn plain(value: &Toml) -> String {
    match value {
        Toml::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn command_line(words: impl Iterator<Item = String>) -> Vec<OsString> {
    let begin = ["tracer", "attach"].map(str::to_owned);
    begin.into_iter().chain(words).map(OsString::from).collect()
}

/// Parses a command line of `tracer attach`. The error is one line.
fn matches_of(words: &[OsString]) -> Result<ArgMatches, String> {
    let parsed = args::command().try_get_matches_from(words);
    let text = |error: clap::Error| {
        let words: Vec<String> = words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let line = mistake::one_line(&error, &words);
        line.unwrap_or_else(|| {
            error
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        })
    };
    let mut matches = parsed.map_err(text)?;
    Ok(matches
        .remove_subcommand()
        .map(|(_, matches)| matches)
        .unwrap_or_default())
}

/// Parses the value of one key. A key that needs others is not judged here.
fn alone(key: &Key, value: &Toml) -> Result<(), String> {
    use clap::error::ErrorKind::{InvalidValue, ValueValidation};
    let line = command_line(words(key, value).into_iter());
    let Err(error) = args::command().try_get_matches_from(&line) else {
        return Ok(());
    };
    if !matches!(error.kind(), InvalidValue | ValueValidation) {
        return Ok(());
    }
    let words: Vec<String> = line
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let text = mistake::one_line(&error, &words).unwrap_or_else(|| error.to_string());
    let flag = format!("--{}", key.flag);
    let text = text.strip_prefix(&flag).unwrap_or(&text);
    Err(text.trim_start_matches([':', ' ']).to_owned())
}

#[cfg(test)]
mod tests;
