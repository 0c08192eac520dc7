//! Secrets. They come only from files and the environment, never from configuration keys or flags, which others can
//! see.

use std::{fs, io::Read, path::Path};

use super::{ConfigError, Origin};
use crate::settings::{Secret, Settings, check_header};

const PROXY_CREDENTIALS: &str = "TRACER_CRAWL_PROXY_CREDENTIALS";
const CONTROL_TOKEN: &str = "TRACER_CRAWL_CONTROL_TOKEN";
const HEADER_SECRETS: &str = "TRACER_CRAWL_HEADER_SECRETS";

/// Limit of a file's size in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// Secrets of a crawl.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// `USER:PASSWORD` for the proxy.
    pub proxy_credentials: Option<Secret>,
    /// Token that requests to the control interface over TCP have to carry.
    pub control_token: Option<Secret>,
    /// Names and values of headers for scheme, host and port of seeds.
    pub headers: Vec<(String, Secret)>,
}

/// Environment variables that hold a secret; programs that the crawler starts do not get them.
pub(crate) const VARIABLES: [&str; 3] = [PROXY_CREDENTIALS, CONTROL_TOKEN, HEADER_SECRETS];

/// True if a variable holds a secret, not a setting.
pub(super) fn is_variable(name: &str) -> bool {
    VARIABLES.contains(&name)
}

impl Secrets {
    /// Reads the secrets. A file named in the settings takes precedence over the environment.
    pub fn load(
        settings: &Settings,
        environment: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let source = |path: &Option<_>, variable| read(path.as_deref(), variable, environment);
        let proxy_credentials =
            source(&settings.proxy.credentials_file, PROXY_CREDENTIALS)?.map(Secret::new);
        if proxy_credentials
            .as_ref()
            .is_some_and(|secret| !secret.expose().contains(':'))
        {
            return Err(wrong(
                "proxy.credentials_file",
                "expected USER:PASSWORD".to_owned(),
            ));
        }
        let control_token = source(&settings.control.token_file, CONTROL_TOKEN)?.map(Secret::new);
        let lines = source(&settings.headers.secrets_file, HEADER_SECRETS)?.unwrap_or_default();
        let headers = lines
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(header)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            proxy_credentials,
            control_token,
            headers,
        })
    }
}

fn header(line: &str) -> Result<(String, Secret), ConfigError> {
    const KEY: &str = "headers.secrets_file";
    // The message does not contain the line, which is a secret.
    let valid = check_header(KEY, line).is_ok();
    match line.split_once(':').filter(|_| valid) {
        Some((name, value)) => Ok((name.trim().to_owned(), Secret::new(value.trim()))),
        None => Err(wrong(
            KEY,
            "a line is not of the form `Name: value`".to_owned(),
        )),
    }
}

fn wrong(key: &'static str, problem: String) -> ConfigError {
    ConfigError::WrongValue {
        origin: Origin::Environment("secret".to_owned()),
        key,
        problem,
    }
}

/// Text without its line end; an empty text counts as missing.
fn read(
    path: Option<&Path>,
    variable: &str,
    environment: &[(String, String)],
) -> Result<Option<String>, ConfigError> {
    let text = match path {
        Some(path) => Some(read_file(path)?),
        None => environment
            .iter()
            .find(|(name, _)| name == variable)
            .map(|(_, text)| text.clone()),
    };
    let text = text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
    Ok(text.filter(|text| !text.is_empty()))
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.into(),
        source,
    };
    let file = fs::File::open(path).map_err(failed)?;
    if file.metadata().is_ok_and(|meta| readable_by_others(&meta)) {
        tracing::warn!(path = %path.display(), "secret can be read by every user of this machine; chmod 600 mends it");
    }
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge {
            path: path.into(),
            bytes: text.len() as u64,
            most: MAX_BYTES,
        });
    }
    Ok(text)
}

fn readable_by_others(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    meta.is_file() && meta.mode() & 0o004 != 0
}
