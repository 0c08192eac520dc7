//! Errors of settings.

use std::path::PathBuf;

use crate::origin::Origin;

/// Reasons why the settings are not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// Path as given.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is too large for a configuration.
    #[error("{path}: {bytes} bytes are too many for a configuration; {most} at most")]
    TooLarge {
        /// Path as given.
        path: PathBuf,
        /// Size of the file.
        bytes: u64,
        /// Largest size allowed.
        most: u64,
    },
    /// The file is not valid TOML.
    #[error("{path}:{line}: not valid TOML: {problem}")]
    Syntax {
        /// Path as given.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Error of the parser.
        problem: String,
    },
    /// The key does not exist.
    #[error("{origin}: unknown key `{name}`{suggestion}")]
    UnknownKey {
        /// Origin of the key.
        origin: Origin,
        /// Key as given, escaped.
        name: String,
        /// `; did you mean …?`, or a hint how to list all keys.
        suggestion: String,
    },
    /// The value has a wrong type or form.
    #[error("{origin}: {key}: {problem}")]
    WrongValue {
        /// Origin of the value.
        origin: Origin,
        /// Key of the value.
        key: &'static str,
        /// Expected and actual value.
        problem: String,
    },
    /// A change to a key that needs a restart.
    #[error(
        "{0}: takes effect at the next start only; change it in the configuration and start again"
    )]
    NeedsRestart(&'static str),
}

impl ConfigError {
    /// True if the fault is in a file, not in the command line or the environment.
    pub fn is_in_file(&self) -> bool {
        match self {
            Self::Read { .. } | Self::TooLarge { .. } | Self::Syntax { .. } => true,
            Self::UnknownKey { origin, .. } | Self::WrongValue { origin, .. } => {
                matches!(origin, Origin::File { .. })
            }
            Self::NeedsRestart(_) => false,
        }
    }
}
