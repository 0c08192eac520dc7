//! Merges the layers of settings.

use std::{collections::BTreeMap, path::PathBuf};

use super::{ConfigError, Origin, file, secret, suggest::unknown};
use crate::settings::{
    DnsMode, Fault, Given, Key, PREFIX, PROFILE, Profile, Settings, value::Value,
};

/// Environment variable with the path of the configuration file.
pub const CONFIG_VARIABLE: &str = "TRACER_CRAWL_CONFIG";

/// Sources of the layers. They are kept so that the layers can be read again during the crawl.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Path of the configuration file.
    pub file: Option<PathBuf>,
    /// Environment variables; those with another prefix are ignored.
    pub environment: Vec<(String, String)>,
    /// Keys given by flags and arguments, with their words.
    pub flags: Vec<(&'static str, Vec<String>)>,
    /// Keys changed during the crawl.
    pub control: BTreeMap<&'static str, Vec<String>>,
}

/// Settings with the origin of each.
#[derive(Debug, Clone)]
pub struct Effective {
    /// Settings, valid as a whole.
    pub settings: Settings,
    origins: BTreeMap<&'static str, Origin>,
    /// Entries of the file.
    pub(super) file: Vec<file::Entry>,
}

/// Value that one layer gives to one key.
enum Word {
    Text(Vec<String>),
    Toml(toml::Value),
}

impl Word {
    fn given(&self) -> Given<'_> {
        match self {
            Self::Text(words) => Given::Text(words),
            Self::Toml(value) => Given::Toml(value),
        }
    }
}

type Entry = (&'static Key, Word, Origin);

impl Sources {
    /// Reads all layers and checks the result.
    pub fn load(&self) -> Result<Effective, ConfigError> {
        let file = self.file.as_deref().map(file::read).transpose()?;
        self.load_over(file.unwrap_or_default())
    }

    /// Merges all layers over entries of a file that was read before.
    pub(super) fn load_over(&self, file: Vec<file::Entry>) -> Result<Effective, ConfigError> {
        let entries = self.entries(&file)?;
        let mut effective = Effective::begin(profile(&entries)?);
        effective.file = file;
        for (key, word, origin) in entries {
            effective.apply(key, word.given(), origin)?;
        }
        effective.finish()
    }

    /// Entries of all layers above the defaults, the lowest layer first.
    fn entries(&self, file: &[file::Entry]) -> Result<Vec<Entry>, ConfigError> {
        let read = file
            .iter()
            .map(|e| (e.key, Word::Toml(e.value.clone()), e.origin.clone()));
        let mut entries: Vec<Entry> = read.collect();
        for (variable, text) in &self.environment {
            entries.extend(environment(variable, text)?);
        }
        let flags = self.flags.iter().map(|(name, words)| (name, words, false));
        let control = self.control.iter().map(|(name, words)| (name, words, true));
        for (name, words, control) in flags.chain(control) {
            let key = Settings::key(name).ok_or_else(|| {
                unknown(
                    Origin::Flag(name),
                    name,
                    Settings::keys().map(|key| key.name),
                )
            })?;
            let origin = if control {
                Origin::Control
            } else {
                Origin::Flag(key.flag)
            };
            entries.push((key, Word::Text(words.clone()), origin));
        }
        Ok(entries)
    }
}

/// Profile named by the highest layer that names one.
fn profile(entries: &[Entry]) -> Result<Profile, ConfigError> {
    let Some((key, word, origin)) = entries.iter().rfind(|entry| entry.0.name == PROFILE.name)
    else {
        return Ok(Profile::Default);
    };
    Profile::from_given(word.given()).map_err(|problem| ConfigError::WrongValue {
        origin: origin.clone(),
        key: key.name,
        problem,
    })
}

/// Entry of an environment variable; `None` when the variable is no setting.
fn environment(variable: &str, text: &str) -> Result<Option<Entry>, ConfigError> {
    if !variable.starts_with(PREFIX) || variable == CONFIG_VARIABLE || secret::is_variable(variable)
    {
        return Ok(None);
    }
    let origin = Origin::Environment(variable.to_owned());
    let known: Vec<(String, &'static Key)> = Settings::keys()
        .chain([&PROFILE])
        .map(|key| (key.environment(), key))
        .collect();
    let Some((_, key)) = known.iter().find(|(name, _)| name == variable) else {
        return Err(unknown(
            origin,
            variable,
            known.iter().map(|(name, _)| name.as_str()),
        ));
    };
    let word = if key.list {
        list(key, text, &origin)?
    } else {
        Word::Text(vec![text.to_owned()])
    };
    Ok(Some((key, word, origin)))
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
        table
            .remove("list")
            .unwrap_or(toml::Value::Array(Vec::new())),
    ))
}

impl Effective {
    /// Starts with the defaults of a profile.
    pub fn begin(profile: Profile) -> Self {
        Self {
            settings: Settings::of(profile),
            origins: BTreeMap::new(),
            file: Vec::new(),
        }
    }

    /// Origin of a key's value.
    pub fn origin(&self, name: &str) -> Origin {
        self.origins
            .get(name)
            .cloned()
            .unwrap_or(Origin::Default(self.settings.profile))
    }

    fn apply(
        &mut self,
        key: &'static Key,
        given: Given<'_>,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        if let Some(Err(problem)) = self.settings.set(key.name, given) {
            return Err(ConfigError::WrongValue {
                origin,
                key: key.name,
                problem,
            });
        }
        self.origins.insert(key.name, origin);
        Ok(())
    }

    /// Sets values that follow from other settings, then checks the whole.
    fn finish(mut self) -> Result<Self, ConfigError> {
        if !self.settings.dns.servers.is_empty() && !self.origins.contains_key("dns.mode") {
            self.settings.dns.mode = DnsMode::Cached;
            self.origins.insert("dns.mode", self.origin("dns.servers"));
        }
        match self.settings.check() {
            Ok(()) => Ok(self),
            Err(Fault { key, problem }) => Err(ConfigError::WrongValue {
                origin: self.origin(key),
                key,
                problem,
            }),
        }
    }

    /// Takes one key's value and origin from `other`.
    pub(super) fn take(&mut self, key: &'static Key, other: &Self) {
        if let Some(value) = other.settings.get(key.name) {
            // The value comes from a valid configuration, so setting it cannot fail.
            let _ = self.settings.set(key.name, Given::Toml(&value));
        }
        self.origins.insert(key.name, other.origin(key.name));
    }
}
