//! Recordings of many kinds of traces, replayed: exports, summaries, comparisons and reports are byte for byte what an
//! earlier build wrote. `tests/tests/recordings.rs` makes the recordings; UPDATE_GENERATED writes the rest anew.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};

/// Every recording beside this file.
const RECORDINGS: [&str; 7] = [
    "crawl", "failures", "folded", "hosts", "lookups", "lost", "open",
];
/// Words of standard error about the one recording that lacks something.
const LOST: &str = "lacks 17 entries that could not be written fast enough";

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// Standard output of tracer, which says nothing on standard error but what a recording lacks.
fn tracer(arguments: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args(arguments)
        .output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(said.is_empty() || said.contains(LOST), "{said}");
    ensure!(output.status.success(), "{}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

fn replay(name: &str, arguments: &[&str]) -> Result<String> {
    let recording = directory("recordings").join(name).with_extension("trace");
    let recording = recording.to_str().context("a path that is no text")?;
    tracer(&[&["replay"], arguments, &[recording]].concat())
}

/// The export of a replay, but for who replays: version and commit of this build.
fn export(name: &str) -> Result<String> {
    let text = replay(name, &["--quiet", "--json", "-"])?;
    let (head, rest) = text.split_once("  \"tracer\": {\n").context("no tracer")?;
    let (_, rest) = rest.split_once("  },\n").context("no end")?;
    let nobody = "  \"tracer\": {\n    \"version\": \"0\",\n    \"commit\": \"0\"\n  },\n";
    Ok(format!("{head}{nobody}{rest}"))
}

/// Compares with the file of that name, or writes it.
#[track_caller]
fn check(file: &str, got: &str) -> Result<()> {
    let path = directory("golden").join(file);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::create_dir_all(directory("golden"))?;
        return Ok(std::fs::write(path, packed(file, got)?)?);
    }
    let expected = unpacked(file, &std::fs::read(path)?)?;
    let mut lines = expected.lines().zip(got.lines()).enumerate();
    let differs = lines.find(|(_, (expected, got))| expected != got);
    ensure!(expected == got, "{file} differs, first in {differs:?}");
    Ok(())
}

/// Exports are compressed: most of them is figures that are 0.
fn packed(file: &str, text: &str) -> Result<Vec<u8>> {
    if !file.ends_with(".gz") {
        return Ok(text.into());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?)
}

fn unpacked(file: &str, bytes: &[u8]) -> Result<String> {
    if !file.ends_with(".gz") {
        return Ok(String::from_utf8(bytes.into())?);
    }
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn every_recording_has_its_place_here() {
    let files = std::fs::read_dir(directory("recordings")).unwrap();
    let mut names: Vec<String> = files
        .map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            name.trim_end_matches(".trace").to_owned()
        })
        .collect();
    names.sort();
    assert_eq!(names, RECORDINGS);
}

#[test]
fn exports_are_what_they_were() -> Result<()> {
    for name in RECORDINGS {
        check(&format!("{name}.json.gz"), &export(name)?)?;
    }
    Ok(())
}

/// Exports lose nothing by being read, and each keeps the published schema.
#[test]
fn exports_are_read_whole() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema");
    let schema = std::fs::read(schema.join("tracer.export.1.schema.json")).unwrap();
    let schema = serde_json::from_slice(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for name in RECORDINGS {
        let text = export(name).unwrap();
        let read = tracer_export::read(text.as_bytes()).unwrap();
        assert!(read.to_text().unwrap() == text, "{name}");
        let value = serde_json::from_str(&text).unwrap();
        let broken: Vec<_> = validator.iter_errors(&value).collect();
        assert!(broken.is_empty(), "{name}: {broken:?}");
    }
}

#[test]
fn summaries_are_what_they_were() -> Result<()> {
    for name in RECORDINGS {
        let text = replay(name, &["--no-tui", "--color", "never"])?;
        check(&format!("{name}.txt"), &text)?;
    }
    Ok(())
}

/// Writes the export of a replay into a directory; returns its path.
fn write_export(directory: &Path, name: &str) -> Result<String> {
    let file = directory.join(name).with_extension("json");
    std::fs::write(&file, export(name)?)?;
    let path = file.to_str().context("a path that is no text")?;
    Ok(path.to_owned())
}

#[test]
fn comparisons_are_what_they_were() -> Result<()> {
    let exports = tempfile::tempdir()?;
    let file = |name: &str| write_export(exports.path(), name);
    for (a, b) in [("hosts", "lost"), ("lookups", "failures")] {
        let (first, second) = (file(a)?, file(b)?);
        let text = tracer(&["diff", "--color", "never", &first, &second])?;
        check(&format!("diff-{a}-{b}.txt"), &text)?;
        let json = tracer(&["diff", "--json", &first, &second])?;
        check(&format!("diff-{a}-{b}.json"), &json)?;
    }
    Ok(())
}

/// Pages of reports. They are compared without their style, which is a file of its own.
#[test]
fn reports_are_what_they_were() -> Result<()> {
    let exports = tempfile::tempdir()?;
    let file = |name: &str| write_export(exports.path(), name);
    let (crawl, lookups) = (file("crawl")?, file("lookups")?);
    let (crawl, lookups) = (crawl.as_str(), lookups.as_str());
    for (name, files) in [
        ("report-crawl", vec![crawl]),
        ("report-lookups", vec![lookups]),
        ("report-lookups-crawl", vec![lookups, crawl]),
    ] {
        let page = tracer(&[&["report", "-o", "-"], &files[..]].concat())?;
        let (head, rest) = page.split_once("<style>").context("no style")?;
        let (_, body) = rest.split_once("</style>").context("no end")?;
        // A line for each element that is not inside of a line of text, so that a difference can be found.
        let lines = format!("{head}{body}").replace("><", ">\n<");
        check(&format!("{name}.html"), &lines)?;
    }
    Ok(())
}
