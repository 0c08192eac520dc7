//! Seeds of a crawl as people give them: arguments, a file, standard input.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use url::Url;

use crate::{
    credentials,
    settings::{Settings, is_switch_value},
};

/// Limit of a line's length, which no real URL reaches.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// Limit of seeds. A longer list should be crawled in parts (`--shard`).
const MAX_SEEDS: usize = 10_000_000;

/// Reasons why seeds could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SeedsError {
    /// The file could not be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// Path as given.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A line is too long.
    #[error("{path}:{line}: longer than {MAX_LINE_BYTES} bytes; expected one URL a line")]
    Line {
        /// Path as given.
        path: PathBuf,
        /// Number of the line, counted from 1.
        line: usize,
    },
    /// A line that is no URL.
    #[error("{path}:{line}: {got:?}: {reason}")]
    Url {
        /// Path of the file, as given.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// The line, without credentials.
        got: String,
        /// Expected form.
        reason: String,
    },
    /// The value of a switch, where a URL is expected.
    #[error(
        "`{0}` is no URL; the value of a switch goes with its flag, as in --robots={0}, and a host of that name is https://{0}/"
    )]
    SwitchValue(String),
    /// The file has too many seeds.
    #[error("{path}: more than {MAX_SEEDS} URLs; split the file")]
    TooMany {
        /// Path as given.
        path: PathBuf,
    },
}

/// Seeds of the settings, followed by those of the file or standard input.
pub fn read(settings: &Settings) -> Result<Vec<String>, SeedsError> {
    if let Some(word) = settings
        .crawl
        .seeds
        .iter()
        .find(|word| is_switch_value(word))
    {
        return Err(SeedsError::SwitchValue(word.clone()));
    }
    let given = settings.crawl.seeds.iter();
    let mut seeds: Vec<String> = given.map(|text| complete(text)).collect();
    let limit = settings.scope.max_url_bytes.as_usize();
    match settings.crawl.seeds_file.as_deref() {
        None => {}
        Some(path) if path == Path::new("-") => {
            append(&mut seeds, path, limit, io::stdin().lock())?;
        }
        Some(path) => {
            let file = File::open(path).map_err(|source| SeedsError::Read {
                path: path.into(),
                source,
            })?;
            append(&mut seeds, path, limit, BufReader::new(file))?;
        }
    }
    Ok(seeds)
}

fn append(
    seeds: &mut Vec<String>,
    path: &Path,
    limit: usize,
    mut reader: impl BufRead,
) -> Result<(), SeedsError> {
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = reader
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut text)
            .map_err(|source| SeedsError::Read {
                path: path.into(),
                source,
            })?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE_BYTES && !text.ends_with(b"\n") {
            return Err(SeedsError::Line {
                path: path.into(),
                line,
            });
        }
        let seed = String::from_utf8_lossy(&text);
        let seed = seed.trim_start_matches('\u{feff}').trim();
        if !seed.is_empty() && !seed.starts_with('#') {
            let complete = line_of_file(seed, limit).map_err(|reason| SeedsError::Url {
                path: path.into(),
                line,
                got: credentials::shown(seed).chars().take(200).collect(),
                reason,
            })?;
            seeds.push(complete);
        }
        if seeds.len() > MAX_SEEDS {
            return Err(SeedsError::TooMany { path: path.into() });
        }
    }
    Ok(())
}

fn line_of_file(text: &str, limit: usize) -> Result<String, String> {
    if is_switch_value(text) {
        return Err("expected a URL".to_owned());
    }
    let complete = complete(text);
    parse(&complete, limit)?;
    Ok(complete)
}

/// A URL that a crawl can begin with, of `limit` bytes at most; or what is wrong with it.
pub(crate) fn parse(text: &str, limit: usize) -> Result<Url, String> {
    if text.len() > limit {
        let length = text.len();
        return Err(format!("{length} bytes, more than the {limit} allowed"));
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("expected http://HOST/ or https://HOST/".to_owned());
    }
    Ok(url)
}

/// Completes a URL without a scheme: `example.org/a` means `https://example.org/a`.
fn complete(text: &str) -> String {
    if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Result<Vec<String>, SeedsError> {
        let mut seeds = Vec::new();
        append(&mut seeds, Path::new("list"), 2048, text).map(|()| seeds)
    }

    #[test]
    fn lines_are_urls() {
        let text = b"\xef\xbb\xbfhttp://a/\r\n\n# no\n  b.example/x  \nhttps://c/";
        assert_eq!(
            lines(text).unwrap(),
            ["http://a/", "https://b.example/x", "https://c/"]
        );
        assert!(lines(b"").unwrap().is_empty());
    }

    #[test]
    fn lines_without_end_are_refused() {
        let mut text = b"http://a/\n".to_vec();
        text.extend(vec![b'x'; 1 << 17]);
        let error = lines(&text).unwrap_err().to_string();
        assert!(error.starts_with("list:2: longer than"), "{error}");
    }

    #[test]
    fn lines_that_are_no_urls_are_named() {
        for (line, says) in [
            ("not a url", "international domain name"),
            ("ftp://me:pw@h/", "\"ftp://h/\": expected http://HOST/"),
            ("false", "expected a URL"),
            ("http://", "empty host"),
            (&"x".repeat(3000), "more than the 2048 allowed"),
        ] {
            let error = lines(format!("# a\nhttp://a/\n{line}\n").as_bytes()).unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with("list:3: "), "{error}");
            assert!(error.contains(says) && !error.contains("pw"), "{error}");
        }
    }

    #[test]
    fn the_value_of_a_switch_is_no_seed() {
        for word in ["false", "No", "1"] {
            let mut settings = Settings::default();
            settings.crawl.seeds = vec!["http://a/".to_owned(), word.to_owned()];
            let error = read(&settings).unwrap_err().to_string();
            assert!(error.contains(&format!("--robots={word}")), "{error}");
        }
        let mut settings = Settings::default();
        settings.crawl.seeds = vec!["no.example".to_owned(), "https://false/".to_owned()];
        assert_eq!(
            read(&settings).unwrap(),
            ["https://no.example", "https://false/"]
        );
    }

    #[test]
    fn arguments_come_before_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("list");
        std::fs::write(&file, "http://b/\n").unwrap();
        let mut settings = Settings::default();
        settings.crawl.seeds = vec!["a".to_owned()];
        settings.crawl.seeds_file = Some(file);
        assert_eq!(read(&settings).unwrap(), ["https://a", "http://b/"]);
        settings.crawl.seeds_file = Some("/no/such/list".into());
        assert!(
            read(&settings)
                .unwrap_err()
                .to_string()
                .contains("/no/such/list")
        );
    }
}
