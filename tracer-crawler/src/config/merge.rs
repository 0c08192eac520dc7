//! The layers, one over the other.

use std::{collections::BTreeMap, path::PathBuf};

use super::{ConfigError, Origin, file, secret, suggest::nearest};
use crate::settings::{
    DnsMode, Fault, Given, Key, PREFIX, PROFILE, Profile, Settings, value::Value,
};

/// Variable with the path of the configuration file.
pub const CONFIG_VARIABLE: &str = "TRACER_CRAWL_CONFIG";

/// What the layers are read from. Kept, so that they can be read again while running.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Configuration file.
    pub file: Option<PathBuf>,
    /// Environment variables; those with another prefix are left out of account.
    pub environment: Vec<(String, String)>,
    /// Keys given by flags and arguments, with their words.
    pub flags: Vec<(&'static str, Vec<String>)>,
    /// Keys changed while running.
    pub control: BTreeMap<&'static str, Vec<String>>,
}

/// Settings, and where each comes from.
#[derive(Debug, Clone)]
pub struct Effective {
    /// Valid as a whole.
    pub settings: Settings,
    origins: BTreeMap<&'static str, Origin>,
    /// What the file said.
    pub(super) file: Vec<file::Entry>,
}

/// What one layer says of one key.
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

    /// The same with what a file said when it was read.
    pub(super) fn load_over(&self, file: Vec<file::Entry>) -> Result<Effective, ConfigError> {
        let entries = self.entries(&file)?;
        let mut effective = Effective::begin(profile(&entries)?);
        effective.file = file;
        for (key, word, origin) in entries {
            effective.apply(key, word.given(), origin)?;
        }
        effective.finish()
    }

    /// All layers above the defaults, lowest first.
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

/// The profile of the highest layer that names one.
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

/// What a variable says; `None` when it is no setting.
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

/// `a,b`, or a TOML array where a comma is part of a value.
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

/// The error for a name nobody knows.
pub(super) fn unknown<'a>(
    origin: Origin,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> ConfigError {
    let suggestion = nearest(name, known).map_or_else(
        || "; `tracer config show` lists all".to_owned(),
        |near| format!("; did you mean `{near}`?"),
    );
    ConfigError::UnknownKey {
        origin,
        name: name.escape_debug().to_string(),
        suggestion,
    }
}

impl Effective {
    /// Nothing but the defaults of a profile.
    pub fn begin(profile: Profile) -> Self {
        Self {
            settings: Settings::of(profile),
            origins: BTreeMap::new(),
            file: Vec::new(),
        }
    }

    /// Where the value of a key comes from.
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

    /// What follows from other settings, then the check of the whole.
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

    /// Takes the value of one key, and where it is from, out of `other`.
    pub(super) fn take(&mut self, key: &'static Key, other: &Self) {
        if let Some(value) = other.settings.get(key.name) {
            // A value that a valid configuration gave is valid.
            let _ = self.settings.set(key.name, Given::Toml(&value));
        }
        self.origins.insert(key.name, other.origin(key.name));
    }
}
