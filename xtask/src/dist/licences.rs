//! Licences of the crates in the binary, which have to go with it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::crates::Crate;

const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT"];

/// Text of all licences of crates from registries, each once, below the names of its crates.
pub(crate) fn text(crates: &[Crate]) -> Result<String> {
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for it in crates.iter().filter(|it| it.foreign) {
        for file in files(it)? {
            let text =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let text = String::from_utf8_lossy(&text).trim().to_owned();
            let names = by_text.entry(text).or_default();
            let name = format!("{} {}", it.name, it.version);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let mut sorted: Vec<(Vec<String>, String)> = by_text
        .into_iter()
        .map(|(text, names)| (names, text))
        .collect();
    sorted.sort();
    let mut out = "tracer contains the following software of others.\n\n".to_owned();
    for it in crates.iter().filter(|it| it.foreign) {
        let license = it.license.as_deref().unwrap_or("see below");
        writeln!(out, "{} {}: {license}", it.name, it.version)?;
    }
    for (names, text) in sorted {
        write!(
            out,
            "\n{}\n{}\n\n{text}\n",
            "-".repeat(78),
            names.join(", ")
        )?;
    }
    Ok(out)
}

fn files(it: &Crate) -> Result<Vec<PathBuf>> {
    let home = Path::new(&it.manifest)
        .parent()
        .context("a crate without a folder")?;
    let entries = fs::read_dir(home).with_context(|| format!("cannot read {}", home.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_uppercase();
        if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
