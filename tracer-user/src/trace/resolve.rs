//! Looks up in /proc what no record carries about a process: its executable and its container.

use tracer_core::{input::Input, process::Process};

use crate::{
    source::kernel::cgroup::{CgroupPaths, container_of},
    trace::intake::Intake,
};

/// Looks up every process that has appeared since the last call.
pub(crate) fn resolve(intake: &mut Intake, cgroups: &mut CgroupPaths) {
    for (entry, process) in intake.take_unresolved() {
        let container = cgroups.path_of_id(process.cgroup).and_then(container_of);
        let exe = executable(&process).or_else(|| process.exe.as_deref().and_then(canonical));
        intake.input(&Input::Resolved {
            entry,
            exe: exe.map(Into::into),
            container: container.map(Into::into),
        });
    }
}

/// Path of the executable, if the process still has the name that it had when it connected.
fn executable(process: &Process) -> Option<String> {
    let comm = std::fs::read(format!("/proc/{}/comm", process.pid)).ok()?;
    let comm = comm.strip_suffix(b"\n").unwrap_or(&comm);
    if String::from_utf8_lossy(comm) != process.comm {
        return None;
    }
    let path = std::fs::read_link(format!("/proc/{}/exe", process.pid)).ok()?;
    Some(path.to_string_lossy().into_owned())
}

/// Path by which a process was started, with links resolved: used for a process that has ended.
fn canonical(path: &str) -> Option<String> {
    let path = std::fs::canonicalize(path).ok()?;
    Some(path.to_string_lossy().into_owned())
}

/// A process and all its descendants that are alive now.
pub(crate) fn with_descendants(roots: &[u32]) -> Vec<u32> {
    let parents = parents();
    let mut all = roots.to_vec();
    let mut at = 0;
    while let Some(&pid) = all.get(at) {
        at += 1;
        for &(child, parent) in &parents {
            if parent == pid && !all.contains(&child) {
                all.push(child);
            }
        }
    }
    all
}

/// True if there is no such process, or it is a zombie.
pub(crate) fn has_ended(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    let state = stat.rsplit_once(')').map(|(_, fields)| fields.trim_start());
    let leader_has_ended = state.is_some_and(|state| state.starts_with(['Z', 'X']));
    // A process whose first thread has ended may have other threads.
    let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    leader_has_ended && threads() <= 1
}

/// Pairs of process and parent, for every process.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let parent_of = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may contain any character, so the fields are counted from its end: the parent is the
        // second.
        let (_, fields) = stat.rsplit_once(')')?;
        Some((pid, fields.split_whitespace().nth(1)?.parse().ok()?))
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(parent_of).collect()
}
