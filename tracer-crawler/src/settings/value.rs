//! Types of settings: how each is read from text (flags, environment) and TOML, and written back.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use toml::Value as Toml;
use tracer_settings::Given;

/// True if a word can be the value of a switch: `true`, `no`, `off`, `1` and the like.
pub fn is_switch_value(word: &str) -> bool {
    bool::parse(word).is_ok()
}

/// Type that a setting can have.
pub trait Value: Sized + Clone + PartialEq {
    /// Placeholder for the value in help texts: `TIME`, `N`, …
    const FORM: &'static str;
    /// Allowed words, for completions; empty when the value is not one of a list of words.
    const CHOICES: &'static [&'static str] = &[];
    /// True if several values make a list.
    const LIST: bool = false;
    /// True for a switch: the flag without a value means true.
    const SWITCH: bool = false;

    /// Parses one word. The error names the expected form.
    fn parse(text: &str) -> Result<Self, String>;

    /// TOML form of the value, which gives the same value when read.
    fn to_toml(&self) -> Toml;

    /// Reads a value of a TOML file; strings are read like [`Value::parse`].
    fn from_toml(value: &Toml) -> Result<Self, String> {
        match value {
            Toml::String(text) => Self::parse(text),
            other => Err(mismatch(Self::FORM, other)),
        }
    }

    /// Reads the value that a layer gives.
    fn from_given(given: Given<'_>) -> Result<Self, String> {
        match given {
            Given::Toml(value) => Self::from_toml(value),
            Given::Text([text]) => Self::parse(text),
            Given::Text(words) => Err(format!("expected one value, got {}", words.len())),
        }
    }

    /// Text of the value for people, on one line.
    fn to_text(&self) -> String {
        match self.to_toml() {
            Toml::String(text) => text,
            other => other.to_string(),
        }
    }
}

pub(super) fn mismatch(form: &str, found: &Toml) -> String {
    let expected = match form {
        "BOOL" => "true or false",
        "N" => "a whole number",
        "TIME" => "seconds, or a time in quotes, as in \"250ms\"",
        "SIZE" => "a size in quotes, as in \"10MiB\"",
        "RATE" => "a number a second, as in 10 or \"30/m\"",
        _ => "a string",
    };
    format!(
        "expected {expected}, found a value of type {}",
        found.type_str()
    )
}

impl Value for bool {
    const FORM: &'static str = "BOOL";
    const SWITCH: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(format!(
                "expected true or false (or yes, no, on, off, 1, 0), got `{text}`"
            )),
        }
    }

    fn to_toml(&self) -> Toml {
        Toml::Boolean(*self)
    }

    fn from_toml(value: &Toml) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| mismatch(Self::FORM, value))
    }
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            const FORM: &'static str = "N";

            fn parse(text: &str) -> Result<Self, String> {
                let digits = text.replace('_', "");
                digits.parse().map_err(|_| {
                    format!("expected a whole number from {} to {}, got `{text}`", Self::MIN, Self::MAX)
                })
            }

            fn to_toml(&self) -> Toml {
                i64::try_from(*self).map_or_else(|_| Toml::String(self.to_string()), Toml::Integer)
            }

            fn from_toml(value: &Toml) -> Result<Self, String> {
                match value {
                    Toml::Integer(number) => Self::parse(&number.to_string()),
                    other => Err(mismatch(Self::FORM, other)),
                }
            }
        }
    )*};
}

whole_numbers!(u16, u32, u64);

impl Value for String {
    const FORM: &'static str = "TEXT";

    fn parse(text: &str) -> Result<Self, String> {
        match text.chars().find(|c| c.is_control()) {
            None => Ok(text.to_owned()),
            Some(c) => Err(format!("control character {:?} is not allowed", c)),
        }
    }

    fn to_toml(&self) -> Toml {
        Toml::String(self.clone())
    }
}

impl Value for PathBuf {
    const FORM: &'static str = "PATH";

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a path, got nothing".to_owned());
        }
        Ok(Self::from(text))
    }

    fn to_toml(&self) -> Toml {
        Toml::String(self.to_string_lossy().into_owned())
    }
}

impl Value for SocketAddr {
    const FORM: &'static str = "ADDR:PORT";

    /// Parses an address. Without a port, port 53 is meant: only name servers are given in this form.
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .or_else(|_| text.parse::<IpAddr>().map(|ip| Self::new(ip, 53)))
            .map_err(|_| format!("expected an address, as in 9.9.9.9 or [::1]:5353, got `{text}`"))
    }

    fn to_toml(&self) -> Toml {
        Toml::String(self.to_string())
    }
}

impl Value for IpAddr {
    const FORM: &'static str = "ADDR";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| format!("expected an IP address, as in 192.0.2.1 or ::1, got `{text}`"))
    }

    fn to_toml(&self) -> Toml {
        Toml::String(self.to_string())
    }
}

/// Word for a setting without a value.
pub const NONE: &str = "none";

impl<T: Value> Value for Option<T> {
    const FORM: &'static str = T::FORM;
    const CHOICES: &'static [&'static str] = T::CHOICES;

    fn parse(text: &str) -> Result<Self, String> {
        if text == NONE {
            return Ok(None);
        }
        T::parse(text)
            .map(Some)
            .map_err(|e| format!("{e} (or `{NONE}`)"))
    }

    fn to_toml(&self) -> Toml {
        self.as_ref()
            .map_or_else(|| Toml::String(NONE.to_owned()), T::to_toml)
    }

    fn from_toml(value: &Toml) -> Result<Self, String> {
        if value.as_str() == Some(NONE) {
            return Ok(None);
        }
        T::from_toml(value)
            .map(Some)
            .map_err(|e| format!("{e} (or \"{NONE}\")"))
    }
}

impl<T: Value> Value for Vec<T> {
    const FORM: &'static str = T::FORM;
    const CHOICES: &'static [&'static str] = T::CHOICES;
    const LIST: bool = true;

    /// Reads one word as a list of one, and an empty text as the empty list.
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::new());
        }
        Ok(vec![T::parse(text)?])
    }

    fn to_toml(&self) -> Toml {
        Toml::Array(self.iter().map(T::to_toml).collect())
    }

    fn from_toml(value: &Toml) -> Result<Self, String> {
        match value {
            Toml::Array(items) => items.iter().map(T::from_toml).collect(),
            other => Err(format!(
                "expected a list in brackets, found a value of type {}",
                other.type_str()
            )),
        }
    }

    fn from_given(given: Given<'_>) -> Result<Self, String> {
        match given {
            Given::Toml(value) => Self::from_toml(value),
            Given::Text(words) => words
                .iter()
                .filter(|word| !word.is_empty())
                .map(|word| T::parse(word))
                .collect(),
        }
    }
}

/// Defines an enum of words that is a [`Value`].
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant),* }

        impl $name {
            /// Word of the variant.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl $crate::settings::value::Value for $name {
            const FORM: &'static str = "WORD";
            const CHOICES: &'static [&'static str] = &[$($word),*];

            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("expected one of {}, got `{text}`", Self::CHOICES.join(", "))),
                }
            }

            fn to_toml(&self) -> toml::Value {
                toml::Value::String(self.word().to_owned())
            }
        }
    };
}
pub(crate) use choice;
