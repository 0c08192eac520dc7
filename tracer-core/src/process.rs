//! Traced processes: who they are and their figures.

use std::{collections::HashMap, sync::Arc};

use tracer_common::record::{COMM_LEN, Endpoint};

use crate::{endpoint::comm, group::Group};

/// Paths are remembered for at most this many processes.
const MAX_PATHS: usize = 200_000;

/// A process that opened a connection.
#[derive(Debug, Clone)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Its name when it connected.
    pub comm: String,
    /// Path of its executable, when known.
    pub exe: Option<String>,
    /// Id of the container it ran in.
    pub container: Option<String>,
    /// cgroup-v2 id.
    pub cgroup: u64,
    /// Its figures.
    pub group: Arc<Group>,
}

/// All of them, in order of appearance.
#[derive(Debug, Default)]
pub struct Processes {
    entries: Vec<Process>,
    index: HashMap<(u32, [u8; COMM_LEN]), u32>,
    paths: HashMap<u32, String>,
    unresolved: Vec<u32>,
}

impl Processes {
    /// Index of the owner of a connection, new when not seen before.
    pub fn of(&mut self, endpoint: &Endpoint) -> u32 {
        let key = (endpoint.tgid, endpoint.comm);
        if let Some(&known) = self.index.get(&key) {
            return known;
        }
        let at = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(Process {
            pid: endpoint.tgid,
            comm: comm(&endpoint.comm),
            exe: self.paths.get(&endpoint.tgid).cloned(),
            container: None,
            cgroup: endpoint.cgroup,
            group: Arc::default(),
        });
        self.index.insert(key, at);
        self.unresolved.push(at);
        at
    }

    /// A process executed the program at `path`.
    pub fn executed(&mut self, pid: u32, path: String) {
        if self.paths.len() >= MAX_PATHS {
            self.paths.clear();
        }
        self.paths.insert(pid, path);
    }

    /// A child runs its parent's program until it executes another.
    pub fn forked(&mut self, parent: u32, child: u32) {
        if let Some(path) = self.paths.get(&parent).cloned() {
            self.executed(child, path);
        }
    }

    /// Entries that nobody has looked up in /proc yet; each is given once.
    pub fn take_unresolved(&mut self) -> Vec<(u32, Process)> {
        let taken = std::mem::take(&mut self.unresolved);
        taken
            .into_iter()
            .map(|at| (at, self.entries[at as usize].clone()))
            .collect()
    }

    /// Adds what a look-up has found; None leaves what is known.
    pub fn resolve(&mut self, at: u32, exe: Option<String>, container: Option<String>) {
        let entry = &mut self.entries[at as usize];
        entry.exe = exe.or_else(|| entry.exe.take());
        entry.container = container;
    }

    /// Figures of one.
    pub fn group_mut(&mut self, at: u32) -> &mut Group {
        Arc::make_mut(&mut self.entries[at as usize].group)
    }

    /// Those with figures.
    pub fn views(&self) -> Vec<Process> {
        self.entries
            .iter()
            .filter(|entry| !entry.group.is_empty())
            .cloned()
            .collect()
    }

    /// Clears what is recomputed at each sweep.
    pub fn clear_connecting(&mut self) {
        for entry in self
            .entries
            .iter_mut()
            .filter(|e| e.group.connections.connecting_now != 0)
        {
            Arc::make_mut(&mut entry.group).connections.connecting_now = 0;
        }
    }
}
