//! Merges the layers of settings.

use std::collections::BTreeMap;

use tracer_settings::{Entry, Key, Layered, Layers, Table};

use super::{ConfigError, Origin, secret};
use crate::settings::{DnsMode, Fault, Given, PREFIX, PROFILE, Profile, Settings, value::Value};

/// Environment variable with the path of the configuration file.
pub const CONFIG_VARIABLE: &str = "TRACER_CRAWL_CONFIG";

/// Sources of the layers. They are kept so that the layers can be read again during the crawl.
pub type Sources = Layers;

impl Table for Settings {
    const PREFIX: &'static str = PREFIX;
    const HINT: &'static str = "`tracer config show` lists all";

    fn all() -> impl Iterator<Item = &'static Key> {
        Self::keys().chain([&PROFILE])
    }

    /// True for paths, but for a program without a directory, which is searched for in PATH.
    fn is_path(key: &Key, value: &toml::Value) -> bool {
        let is_program =
            key.name == "render.program" && !value.as_str().is_some_and(|text| text.contains('/'));
        key.form == "PATH" && !is_program
    }

    fn is_other(variable: &str) -> bool {
        variable == CONFIG_VARIABLE || secret::is_variable(variable)
    }
}

/// Settings with the origin of each.
#[derive(Debug, Clone)]
pub struct Effective {
    /// Settings, valid as a whole.
    pub settings: Settings,
    origins: BTreeMap<&'static str, Origin>,
    /// Entries of the file.
    pub(super) file: Vec<Entry>,
}

/// Reading of the crawler's layers.
pub trait Load {
    /// Reads all layers and checks the result.
    fn load(&self) -> Result<Effective, ConfigError>;
}

impl Load for Sources {
    fn load(&self) -> Result<Effective, ConfigError> {
        load_over(self, self.read::<Settings>()?)
    }
}

/// Merges all layers over entries of a file that was read before.
pub(super) fn load_over(sources: &Sources, file: Vec<Entry>) -> Result<Effective, ConfigError> {
    let entries = sources.entries::<Settings>(&file)?;
    let mut effective = Effective::begin(profile(&entries)?);
    effective.file = file;
    for Layered { key, word, origin } in entries {
        effective.apply(key, word.given(), origin)?;
    }
    effective.finish()
}

/// Profile named by the highest layer that names one.
fn profile(entries: &[Layered]) -> Result<Profile, ConfigError> {
    let named = entries.iter().rfind(|entry| entry.key.name == PROFILE.name);
    let Some(Layered { key, word, origin }) = named else {
        return Ok(Profile::Default);
    };
    Profile::from_given(word.given()).map_err(|problem| ConfigError::WrongValue {
        origin: origin.clone(),
        key: key.name,
        problem,
    })
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
            .unwrap_or(Origin::Profile(self.settings.profile.word()))
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
