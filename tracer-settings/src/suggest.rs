//! Error for an unknown name, with the known name that it most likely means.

use tracer_text::nearest::nearest;

use crate::{error::ConfigError, origin::Origin};

/// Error for an unknown name, with a suggestion; `hint` is for a name that resembles none.
pub fn unknown<'a>(
    origin: Origin,
    name: &str,
    known: impl Iterator<Item = &'a str>,
    hint: &str,
) -> ConfigError {
    let suggestion = nearest(name, known).map_or_else(
        || format!("; {hint}"),
        |near| format!("; did you mean `{near}`?"),
    );
    ConfigError::UnknownKey {
        origin,
        name: name.escape_debug().to_string(),
        suggestion,
    }
}
