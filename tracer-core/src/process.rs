//! Traced processes: who they are and their figures.

use std::{collections::HashMap, sync::Arc};

use tracer_common::record::{COMM_LEN, Endpoint};

use crate::{
    endpoint::comm,
    entries::{Entries, Entry},
    group::Group,
};

/// Processes with figures of their own; further ones take the place of those that did least.
const MAX_PROCESSES: usize = 20_000;
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

impl Entry for Process {
    fn group(&self) -> &Arc<Group> {
        &self.group
    }

    fn group_mut(&mut self) -> &mut Arc<Group> {
        &mut self.group
    }
}

type Key = (u32, [u8; COMM_LEN]);

/// All of them, in order of appearance.
#[derive(Debug)]
pub struct Processes {
    entries: Entries<Process>,
    index: HashMap<Key, u32>,
    /// The one asked for last: most often it is asked for again.
    last: Option<(Key, u32)>,
    paths: HashMap<u32, String>,
    unresolved: Vec<u32>,
}

impl Default for Processes {
    fn default() -> Self {
        Self {
            entries: Entries::with_limit(MAX_PROCESSES),
            index: HashMap::new(),
            last: None,
            paths: HashMap::new(),
            unresolved: Vec::new(),
        }
    }
}

impl Processes {
    /// Index of the owner of a connection, new when not seen before.
    pub fn of(&mut self, endpoint: &Endpoint) -> u32 {
        let key = (endpoint.tgid, endpoint.comm);
        if let Some((last, at)) = self.last
            && last == key
        {
            return at;
        }
        let at = match self.index.get(&key) {
            Some(&known) => known,
            None => self.add(key, endpoint.cgroup),
        };
        self.last = Some((key, at));
        at
    }

    fn add(&mut self, key: Key, cgroup: u64) -> u32 {
        if self.entries.is_full() && !self.entries.fold().is_empty() {
            let entries = &self.entries;
            self.index.retain(|_, at| entries.get(*at).is_some());
        }
        let (pid, name) = key;
        let at = self.entries.add(Process {
            pid,
            comm: comm(&name),
            exe: self.paths.get(&pid).cloned(),
            container: None,
            cgroup,
            group: Arc::new(Group::roomy()),
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
        let taken = std::mem::take(&mut self.unresolved).into_iter();
        taken
            .filter_map(|at| Some((at, self.entries.get(at)?.clone())))
            .collect()
    }

    /// Adds what a look-up has found; None leaves what is known.
    pub fn resolve(&mut self, at: u32, exe: Option<String>, container: Option<String>) {
        if let Some(entry) = self.entries.get_mut(at) {
            entry.exe = exe.or_else(|| entry.exe.take());
            entry.container = container;
        }
    }

    /// Processes that had figures and gave way to others.
    pub fn folded(&self) -> u64 {
        self.entries.folded()
    }

    /// Figures of one.
    pub fn group_mut(&mut self, at: u32) -> &mut Group {
        self.entries.group_mut(at)
    }

    /// Those with figures.
    pub fn views(&self) -> Vec<Process> {
        self.entries.shown().into_iter().cloned().collect()
    }

    /// Forgets all figures; indices stay.
    pub fn reset(&mut self) {
        self.entries.reset(Group::roomy);
    }
}
