//! The URLs a crawl began with: they say what belongs to it, so a state directory keeps them.

use std::io::{self, Read as _};
use std::path::Path;

use url::Url;

use super::CrawlError;
use crate::files::{Files, Mode};
use crate::settings::Settings;

/// One URL a line.
const FILE: &str = "seeds";

/// Those given, and those of the state directory. The file gets what is new.
pub(super) fn load(
    given: &[String],
    settings: &Settings,
    files: &Files,
) -> Result<Vec<Url>, CrawlError> {
    let mut seeds = given
        .iter()
        .map(|seed| parse(seed, settings))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(directory) = &settings.state.dir else {
        return Ok(seeds);
    };
    let failed = |source| CrawlError::SeedsFile {
        path: directory.join(FILE),
        source,
    };
    for line in read(directory, files).map_err(failed)?.lines() {
        let seed = parse(line, settings)?;
        if !seeds.contains(&seed) {
            seeds.push(seed);
        }
    }
    write(directory, &seeds, files).map_err(failed)?;
    Ok(seeds)
}

fn read(directory: &Path, files: &Files) -> io::Result<String> {
    let mut text = String::new();
    match files.open(&directory.join(FILE), Mode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => drop(opened?.read_to_string(&mut text)?),
    }
    Ok(text)
}

/// Beside it, then in its place: a kill leaves the old file or the new one.
fn write(directory: &Path, seeds: &[Url], files: &Files) -> io::Result<()> {
    let text: String = seeds.iter().map(|seed| format!("{seed}\n")).collect();
    let (new, file) = (directory.join("seeds.new"), directory.join(FILE));
    files.write(&new, text.as_bytes())?;
    files.rename(&new, &file)
}

fn parse(text: &str, settings: &Settings) -> Result<Url, CrawlError> {
    let limit = settings.scope.max_url_bytes.as_usize();
    let wrong = |reason: String| CrawlError::Seed {
        got: text.chars().take(200).collect(),
        reason,
    };
    if text.len() > limit {
        return Err(wrong(format!(
            "{} bytes, more than the {limit} allowed",
            text.len()
        )));
    }
    let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("expected http://HOST/ or https://HOST/".to_owned()));
    }
    Ok(url)
}
