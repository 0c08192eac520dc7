//! Error for an unknown name, with the known name that it most likely means.

use tracer_text::nearest::nearest;

use super::{ConfigError, Origin};

/// Error for an unknown name, with a suggestion.
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
