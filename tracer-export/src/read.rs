//! Turns text into an export, and back.

use serde::{Deserialize, de::IgnoredAny};

use crate::Export;

/// The major version that is understood.
const MAJOR: u64 = 1;
/// Beginning of the names of all major versions.
const NAME: &str = "tracer.export/";

/// Reasons why a text is no export that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The text is not JSON.
    #[error("not JSON ({0})")]
    NotJson(serde_json::Error),
    /// The text is JSON of another kind.
    #[error("schema {got:?}, expected \"tracer.export/1\"")]
    NotAnExport {
        /// The `schema` it has, if any.
        got: Option<String>,
    },
    /// A later tracer wrote it.
    #[error("schema {got:?}, this tracer reads up to \"tracer.export/1\"")]
    Newer {
        /// Schema that the text names.
        got: String,
    },
    /// A value is not of the type that the schema demands.
    #[error("it breaks its schema, tracer.export/1 ({0})")]
    Broken(serde_json::Error),
}

/// Reads an export of a major version that is understood.
///
/// # Errors
/// The text is not JSON, no export, one of a later major version, or lacks what every export has.
pub fn read(text: &[u8]) -> Result<Export, ReadError> {
    // One pass is enough for a good one; a bad one is looked at again for its fault.
    if let Ok(export) = serde_json::from_slice::<Export>(text)
        && is_object(text)
        && check_schema(Some(export.schema.clone())).is_ok()
    {
        return Ok(export);
    }
    serde_json::from_slice::<IgnoredAny>(text).map_err(ReadError::NotJson)?;
    check_schema(schema_of(text))?;
    serde_json::from_slice(text).map_err(ReadError::Broken)
}

/// Name of the schema of a JSON text.
fn schema_of(text: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let head = serde_json::from_slice::<Head>(text).ok();
    head.filter(|_| is_object(text)).map(|head| head.schema)
}

/// Tells whether a JSON text is an object: a list would be taken for a struct without names.
fn is_object(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

fn check_schema(schema: Option<String>) -> Result<(), ReadError> {
    let major = schema
        .as_deref()
        .and_then(|schema| schema.strip_prefix(NAME))
        .and_then(|major| major.parse::<u64>().ok());
    match (schema, major) {
        (_, Some(MAJOR)) => Ok(()),
        (Some(got), Some(major)) if major > MAJOR => Err(ReadError::Newer { got }),
        (got, _) => Err(ReadError::NotAnExport { got }),
    }
}

impl Export {
    /// The text of an export, for people and programs, with a line end behind it.
    ///
    /// # Errors
    /// No error is known: names and numbers can always be written.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}
