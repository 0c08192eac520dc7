//! Origins of values.

use std::{fmt, path::PathBuf};

/// Origin of a key's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Default, because no layer sets the key.
    Default,
    /// Default of a profile, because no layer sets the key.
    Profile(&'static str),
    /// Entry of a configuration file.
    File {
        /// Path of the file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
    },
    /// Environment variable.
    Environment(String),
    /// Flag, or an argument without one.
    Flag(&'static str),
    /// Change made through the control interface while the program runs.
    Control,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile(profile) => write!(f, "default of profile {profile}"),
            Self::File { path, line } => {
                write!(f, "{}:{line}", path.display().to_string().escape_debug())
            }
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag("") => f.write_str("argument"),
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Control => f.write_str("control interface"),
        }
    }
}
