//! Keys of settings, and the table that a program has of them.

use toml::Value as Toml;

/// Time at which a change while the program runs takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// At once.
    Live,
    /// At the next start.
    Restart,
}

/// Description of a setting, without its value.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.field`, as in a configuration file.
    pub name: &'static str,
    /// Prefix of environment variables.
    pub prefix: &'static str,
    /// Heading of the setting's group.
    pub title: &'static str,
    /// Flag without dashes; empty for the positional argument.
    pub flag: &'static str,
    /// Description in one or more sentences.
    pub doc: &'static str,
    /// Placeholder for the value in help texts.
    pub form: &'static str,
    /// Allowed words; empty when the value is not one of a list of words.
    pub choices: &'static [&'static str],
    /// True if the setting takes several values.
    pub list: bool,
    /// True if the flag without a value means true.
    pub switch: bool,
    /// Time at which a change while the program runs takes effect.
    pub change: Change,
}

impl Key {
    /// Name of the environment variable: the prefix and the key in capitals, with an underscore for the dot.
    pub fn environment(&self) -> String {
        format!(
            "{}{}",
            self.prefix,
            self.name.replace('.', "_").to_uppercase()
        )
    }

    /// Table of the file that the key is in, and its name there.
    pub fn split(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }
}

/// Value as a layer gives it.
#[derive(Debug, Clone, Copy)]
pub enum Given<'a> {
    /// Words of a flag or of an environment variable; more than one only for lists.
    Text(&'a [String]),
    /// Value of a TOML file.
    Toml(&'a Toml),
}

/// All keys of a program.
pub trait Table {
    /// Prefix of environment variables.
    const PREFIX: &'static str;
    /// Hint for an unknown key that resembles none, as in "`tracer config show` lists all".
    const HINT: &'static str;

    /// The keys.
    fn all() -> impl Iterator<Item = &'static Key>;

    /// Key of a name.
    fn find(name: &str) -> Option<&'static Key> {
        Self::all().find(|key| key.name == name)
    }

    /// True if a value of a file is a path, which is below the directory of the file.
    fn is_path(key: &Key, _value: &Toml) -> bool {
        key.form == "PATH"
    }

    /// True if a variable with the prefix is no setting.
    fn is_other(_variable: &str) -> bool {
        false
    }
}
