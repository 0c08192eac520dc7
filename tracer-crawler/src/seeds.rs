//! URLs to begin with, as people give them: arguments, a file, standard input.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use crate::settings::Settings;

/// Longer lines are refused: nothing that long is a URL.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// More seeds than this are a list to be crawled in parts (`--shard`).
const MAX_SEEDS: usize = 10_000_000;

/// Why seeds could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SeedsError {
    /// The file.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// As given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line without end.
    #[error("{path}:{line}: longer than {MAX_LINE_BYTES} bytes; expected one URL a line")]
    Line {
        /// As given.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A list without end.
    #[error("{path}: more than {MAX_SEEDS} URLs; split the file")]
    TooMany {
        /// As given.
        path: PathBuf,
    },
}

/// Seeds of the settings, the file's or standard input's after them.
pub fn read(settings: &Settings) -> Result<Vec<String>, SeedsError> {
    let mut seeds: Vec<String> = settings
        .crawl
        .seeds
        .iter()
        .map(|text| complete(text))
        .collect();
    match settings.crawl.seeds_file.as_deref() {
        None => {}
        Some(path) if path == Path::new("-") => append(&mut seeds, path, io::stdin().lock())?,
        Some(path) => {
            let file = File::open(path).map_err(|source| SeedsError::Read {
                path: path.into(),
                source,
            })?;
            append(&mut seeds, path, BufReader::new(file))?;
        }
    }
    Ok(seeds)
}

fn append(
    seeds: &mut Vec<String>,
    path: &Path,
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
            seeds.push(complete(seed));
        }
        if seeds.len() > MAX_SEEDS {
            return Err(SeedsError::TooMany { path: path.into() });
        }
    }
    Ok(())
}

/// `example.org/a` means `https://example.org/a`.
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
        append(&mut seeds, Path::new("list"), text).map(|()| seeds)
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
