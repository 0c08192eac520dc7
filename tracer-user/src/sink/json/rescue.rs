//! Rescue of an export whose file cannot be written at the end of a trace: the export goes to another directory.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    files::output::{OutputError, OutputPath},
    invoker::Invoker,
    trace::clock,
};

/// Names tried in a directory before giving up.
const MAX_NAMES: u32 = 100;

/// Result of a rescue.
#[derive(Debug)]
pub(crate) enum Rescued {
    /// Written to this file instead.
    In(PathBuf),
    /// Lost, with the error of each directory tried.
    Lost(Vec<OutputError>),
}

impl fmt::Display for Rescued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(path) => write!(f, "the export is in {} instead", path.display()),
            Self::Lost(reasons) => {
                write!(f, "the export is lost")?;
                let mut reasons = reasons.iter();
                reasons.try_for_each(|reason| write!(f, "; {reason}"))
            }
        }
    }
}

/// Writes `content` to a new file in the working directory or, if that fails, in the directory for temporary files.
pub(crate) fn rescue(content: &[u8], invoker: Option<&Invoker>) -> Rescued {
    let mut reasons = Vec::new();
    let working = std::env::current_dir().ok();
    for dir in working.into_iter().chain([std::env::temp_dir()]) {
        match put(&dir, content, invoker) {
            Ok(path) => return Rescued::In(path),
            Err(reason) => reasons.push(reason),
        }
    }
    Rescued::Lost(reasons)
}

/// Writes a new file, named by the time of day.
fn put(dir: &Path, content: &[u8], invoker: Option<&Invoker>) -> Result<PathBuf, OutputError> {
    let time = clock::file_name(SystemTime::now());
    let mut number = 0;
    loop {
        let path = dir.join(match number {
            0 => format!("tracer-{time}.json"),
            _ => format!("tracer-{time}-{number}.json"),
        });
        let written = OutputPath::open(&path, invoker).and_then(|place| place.create(content));
        match written {
            Err(error) if error.is_taken() && number < MAX_NAMES => number += 1,
            written => return written.map(|()| path),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt};

    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..3)
            .map(|number| put(dir.path(), format!("{number}").as_bytes(), None).unwrap())
            .collect();
        for (number, path) in paths.iter().enumerate() {
            assert_eq!(fs::read_to_string(path).unwrap(), number.to_string());
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_place_that_is_gone_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        let reason = put(&gone, b"x", None).unwrap_err();
        let lost = Rescued::Lost(vec![reason]).to_string();
        assert!(
            lost.contains("is lost; cannot write") && lost.contains("gone/tracer-"),
            "{lost}"
        );
    }
}
