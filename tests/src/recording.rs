//! Recordings: made by `tracer run --record`, replayed, and kept for the tests that need no rights.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tracer_common::record::{ExecRecord, PATH_LEN, kind};
use tracer_recording::entry::Start;
use tracer_recording::{Encoder, Entry, Input, RawBlock, Reader, preamble};
use zerocopy::{FromBytes as _, IntoBytes as _};

use crate::client::Client;
use crate::machine::{require_root, tracer_binary, workspace};
use crate::process::{Finished, PATIENCE, Process};

/// A trace with its recording and its export.
pub struct Recorded {
    /// Directory of both; it goes away with this value.
    pub directory: TempDir,
    /// Status and output of tracer.
    pub finished: Finished,
}

impl Recorded {
    /// A file beside the recording.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The recording.
    pub fn trace(&self) -> PathBuf {
        self.file("run.trace")
    }

    /// The export that was written at the end of the trace.
    pub fn live(&self) -> Result<String> {
        let file = self.file("live.json");
        std::fs::read_to_string(&file).with_context(|| format!("{:?}", self.finished))
    }
}

/// Runs `tracer run --record … FLAGS -- CLIENT`.
pub fn record(flags: &[&str], client: &Client) -> Result<Recorded> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let mut tracer = Command::new(tracer_binary()?);
    tracer
        .args(["run", "--no-tui", "--json"])
        .arg(directory.path().join("live.json"))
        .arg("--record")
        .arg(directory.path().join("run.trace"))
        .args(flags)
        .arg("--")
        .args(&client.command)
        .envs(client.environment.iter().cloned());
    let finished = Process::start(&mut tracer)?.finish_within(2 * PATIENCE)?;
    ensure!(finished.status.success(), "{finished:?}");
    Ok(Recorded {
        directory,
        finished,
    })
}

/// Runs `tracer replay --json - --quiet` on a recording.
pub fn replay(trace: &Path) -> Result<Finished> {
    let mut tracer = Command::new(tracer_binary()?);
    tracer.args(["replay", "--quiet", "--json", "-"]).arg(trace);
    Process::start(&mut tracer)?.finish()
}

/// Fails where the export of a replay is not the export of the trace.
#[track_caller]
pub fn check_same(live: &str, replayed: &Finished) -> Result<()> {
    ensure!(replayed.status.success(), "{replayed:?}");
    ensure!(replayed.stderr.is_empty(), "{}", replayed.stderr);
    let differs = live
        .lines()
        .zip(replayed.stdout.lines())
        .find(|(a, b)| a != b);
    ensure!(
        live == replayed.stdout,
        "the replay differs, first in {differs:?}"
    );
    Ok(())
}

/// Function that decides about each entry of a recording that is kept: it pushes the entry, or others, or none.
pub type Edit<'a> = &'a mut dyn FnMut(Entry<'_>, &mut dyn FnMut(&Entry<'_>));

/// Keeps a recording for the pure tests, without the names of this machine, when UPDATE_GENERATED is set.
pub fn keep(trace: &Path, name: &str, edit: Edit<'_>) -> Result<()> {
    keep_in("recordings", trace, name, edit)
}

/// Keeps a recording in a folder of the pure tests. For the rest see [`keep`].
pub fn keep_in(folder: &str, trace: &Path, name: &str, edit: Edit<'_>) -> Result<()> {
    if std::env::var_os("UPDATE_GENERATED").is_none() {
        return Ok(());
    }
    let (mut reader, start) = Reader::open(std::fs::File::open(trace)?)?;
    let (mut bytes, mut number) = (preamble::write().to_vec(), 0);
    let mut write = |block: RawBlock| {
        bytes.extend(block.seal(number));
        number += 1;
    };
    let mut encoder = Encoder::default();
    encoder.push(&Entry::Start(Box::new(renamed(start))), &mut write);
    while let Some(entry) = reader.next() {
        let started = started(&entry);
        let entry = match &started {
            Some(record) => Entry::Input(Input::Record(record.as_bytes())),
            None => anonymous(entry),
        };
        edit(entry, &mut |entry| {
            encoder.push(entry, &mut write);
        });
    }
    write(encoder.take());
    let directory = workspace().join("tracer-user/tests").join(folder);
    std::fs::create_dir_all(&directory)?;
    let file = directory.join(name).with_extension("trace");
    Ok(std::fs::write(file, bytes)?)
}

/// The edit that keeps every entry as it is.
pub fn unchanged(entry: Entry<'_>, push: &mut dyn FnMut(&Entry<'_>)) {
    push(&entry);
}

/// The beginning of a recording without the names of this machine.
fn renamed(mut start: Start) -> Start {
    (start.hostname, start.commit) = ("crawler-1".into(), String::new());
    start.command = start.command.map(|_| vec!["./crawl".into()]);
    start
}

/// Path for an executable that is not the system's: its own says where somebody works.
fn elsewhere(exe: &str) -> Option<String> {
    let name = exe.rsplit('/').next().unwrap_or_default();
    let is_ours = exe.contains('/') && !exe.starts_with("/usr/");
    is_ours.then(|| format!("/opt/crawl/{name}"))
}

/// Record of a program that was started, if its path has to be another one.
fn started(entry: &Entry<'_>) -> Option<ExecRecord> {
    let Entry::Input(Input::Record(bytes)) = entry else {
        return None;
    };
    let record = ExecRecord::read_from_bytes(bytes).ok();
    let mut record = record.filter(|record| record.header.kind == kind::EXEC)?;
    let end = record.filename.iter().position(|byte| *byte == 0)?;
    let path = String::from_utf8_lossy(&record.filename[..end]);
    let other = elsewhere(&path)?;
    record.filename = [0; PATH_LEN];
    for (to, from) in record.filename.iter_mut().zip(other.bytes()) {
        *to = from;
    }
    Some(record)
}

/// Entry without paths of this machine.
fn anonymous(entry: Entry<'_>) -> Entry<'_> {
    match entry {
        Entry::Input(Input::Resolved {
            entry,
            exe: Some(exe),
            container,
        }) => Entry::Input(Input::Resolved {
            entry,
            exe: Some(elsewhere(&exe).map_or(exe, Into::into)),
            container,
        }),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_system_keeps_its_paths() {
        assert_eq!(elsewhere("/usr/bin/python3"), None);
        assert_eq!(elsewhere("python3"), None);
        let other = elsewhere("/home/somebody/client");
        assert_eq!(other.as_deref(), Some("/opt/crawl/client"));
    }
}
