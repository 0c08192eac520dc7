//! Traced processes and their figures.

use std::{collections::HashMap, sync::Arc};

use tracer_common::record::{COMM_LEN, Endpoint};

use crate::{
    client::Sign,
    endpoint::comm,
    entries::{Entries, Entry},
    group::Group,
};

/// Limit of processes with figures of their own; further ones replace those with the least activity.
const MAX_PROCESSES: usize = 20_000;
/// Limit of processes for which a path is remembered.
const MAX_PATHS: usize = 200_000;

/// Process that opened a connection.
#[derive(Debug, Clone)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Name of the process when it connected.
    pub comm: String,
    /// Path of the executable, if known.
    pub exe: Option<String>,
    /// Id of the container that the process ran in.
    pub container: Option<String>,
    /// Id of the process's cgroup (version 2).
    pub cgroup: u64,
    /// Sign of the HTTP client in what the process sends, if there was one.
    pub client_sign: Option<Sign>,
    /// Figures of the process.
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

/// Table of all processes, in order of appearance.
#[derive(Debug)]
pub struct Processes {
    entries: Entries<Process>,
    index: HashMap<Key, u32>,
    /// Process looked up last, which most often is looked up again.
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
    /// Index of the owner of a connection, which is added when it is new.
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
            client_sign: None,
            group: Arc::new(Group::roomy()),
        });
        self.index.insert(key, at);
        self.unresolved.push(at);
        at
    }

    /// Notes that a process executed the program at `path`.
    pub fn executed(&mut self, pid: u32, path: String) {
        if self.paths.len() >= MAX_PATHS {
            self.paths.clear();
        }
        self.paths.insert(pid, path);
    }

    /// Notes that a child runs its parent's program, until it executes another one.
    pub fn forked(&mut self, parent: u32, child: u32) {
        if let Some(path) = self.paths.get(&parent).cloned() {
            self.executed(child, path);
        }
    }

    /// Entries that have not been looked up in /proc yet; each is returned once.
    pub fn take_unresolved(&mut self) -> Vec<(u32, Process)> {
        let taken = std::mem::take(&mut self.unresolved).into_iter();
        taken
            .filter_map(|at| Some((at, self.entries.get(at)?.clone())))
            .collect()
    }

    /// Adds the results of a look-up; None for `exe` leaves the known path.
    pub fn resolve(&mut self, at: u32, exe: Option<String>, container: Option<String>) {
        if let Some(entry) = self.entries.get_mut(at) {
            entry.exe = exe.or_else(|| entry.exe.take());
            entry.container = container;
        }
    }

    /// Notes a sign of the HTTP client that a process uses. A name weighs more than the form of a ClientHello.
    pub fn note_client(&mut self, at: u32, sign: Sign) {
        if let Some(entry) = self.entries.get_mut(at)
            && !matches!(entry.client_sign, Some(Sign::Named(_)))
        {
            entry.client_sign = Some(sign);
        }
    }

    /// Number of processes that had figures and were removed from the table.
    pub fn folded(&self) -> u64 {
        self.entries.folded()
    }

    /// Id of a process; None when it was removed from the table.
    pub fn pid(&self, at: u32) -> Option<u32> {
        self.entries.get(at).map(|process| process.pid)
    }

    /// Name of a process; None when it was removed from the table.
    pub fn comm(&self, at: u32) -> Option<&str> {
        self.entries.get(at).map(|process| process.comm.as_str())
    }

    /// Figures of a process.
    pub fn group_mut(&mut self, at: u32) -> &mut Group {
        self.entries.group_mut(at)
    }

    /// Processes with figures.
    pub fn views(&self) -> Vec<Process> {
        self.entries.shown().into_iter().cloned().collect()
    }

    /// Clears all figures; indices stay valid.
    pub fn reset(&mut self) {
        self.entries.reset(Group::roomy);
    }
}
