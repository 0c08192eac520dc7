//! Seeds of a crawl. They decide which URLs belong to it, so the state directory keeps them.

use std::io::{self, Read as _};
use std::path::Path;

use url::Url;

use super::CrawlError;
use crate::files::{Files, Mode};
use crate::settings::Settings;
use crate::{credentials, seeds};

/// Name of the file of seeds, which has one URL per line.
const FILE: &str = "seeds";

/// Merges the given seeds with those of the state directory, and writes new ones to its file.
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
        if !seeds.iter().any(|given| kept(given) == line) {
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

/// Text of a seed for the file: without its password, which is to be given again.
fn kept(seed: &Url) -> String {
    let mut seed = seed.clone();
    credentials::drop_from(&mut seed);
    seed.into()
}

/// Writes the seeds to a new file and renames it over the old one, so that a kill leaves either the old file or the new
/// one.
fn write(directory: &Path, seeds: &[Url], files: &Files) -> io::Result<()> {
    let text: String = seeds.iter().map(|seed| kept(seed) + "\n").collect();
    let (new, file) = (directory.join("seeds.new"), directory.join(FILE));
    files.write(&new, text.as_bytes())?;
    files.rename(&new, &file)
}

fn parse(text: &str, settings: &Settings) -> Result<Url, CrawlError> {
    let limit = settings.scope.max_url_bytes.as_usize();
    seeds::parse(text, limit).map_err(|reason| CrawlError::Seed {
        got: credentials::shown(text).chars().take(200).collect(),
        reason,
    })
}
