//! Socket listings of the network namespaces that traced processes live in.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use tracer_core::time_wait::Seen;

use crate::source::kernel::diag::{
    Detail, Diag, DiagError, StateMask, netns_inum, of_process, port_range,
};

/// Namespaces looked at.
const LIMIT: usize = 256;

/// One namespace.
struct Namespace {
    diag: Diag,
    range: (u16, u16),
    time_wait: u64,
    traced: bool,
}

/// All namespaces that existed when tracing began; entering one later would need rights that tracer
/// has given up by then.
pub(crate) struct Namespaces {
    known: HashMap<u32, Namespace>,
}

/// A namespace that a traced connection was made in, seen for the first time.
pub(crate) struct Joined {
    /// Its inode number.
    pub(crate) netns: u32,
    /// Its ip_local_port_range.
    pub(crate) range: (u16, u16),
    /// Sockets it had in TIME_WAIT when tracing began.
    pub(crate) time_wait: u64,
}

impl Namespaces {
    /// Opens a listing in every namespace that has a process or a name.
    pub(crate) fn open() -> Result<Self, DiagError> {
        let own = of_process(std::process::id());
        let mut known = HashMap::new();
        known.insert(netns_inum(&own)? as u32, Namespace::open(&own)?);
        for (netns, path) in files_by_namespace().into_iter().take(LIMIT) {
            if !known.contains_key(&netns)
                && let Ok(namespace) = Namespace::open(&path)
            {
                known.insert(netns, namespace);
            }
        }
        Ok(Self { known })
    }

    /// Ports that something listens on, by namespace.
    pub(crate) fn listening(&mut self) -> Vec<(u32, Vec<u16>)> {
        let ports = |(&netns, namespace): (&u32, &mut Namespace)| {
            Some((netns, namespace.diag.listening_ports().ok()?))
        };
        self.known.iter_mut().filter_map(ports).collect()
    }

    /// From now on the namespace is part of each snapshot. None when it cannot be listed.
    pub(crate) fn join(&mut self, netns: u32) -> Option<Joined> {
        let namespace = self.known.get_mut(&netns)?;
        namespace.traced = true;
        let Namespace {
            range, time_wait, ..
        } = *namespace;
        Some(Joined {
            netns,
            range,
            time_wait,
        })
    }

    /// Connections and TIME_WAIT sockets of the joined namespaces.
    pub(crate) fn snapshot(&mut self, detail: Detail) -> Result<Vec<Seen>, DiagError> {
        let mut all = Vec::new();
        for (&netns, namespace) in self
            .known
            .iter_mut()
            .filter(|(_, namespace)| namespace.traced)
        {
            let sockets = namespace
                .diag
                .snapshot(StateMask::CONNECTION | StateMask::TIME_WAIT, detail)?;
            all.extend(sockets.iter().map(|socket| Seen {
                cookie: socket.cookie,
                state: socket.state,
                netns,
                local: socket.local,
                remote: socket.remote,
                activity: socket.activity,
            }));
        }
        Ok(all)
    }
}

impl Namespace {
    fn open(path: &Path) -> Result<Self, DiagError> {
        let mut diag = Diag::open_in(path)?;
        let mut time_wait = 0;
        // An interrupted listing is off by a few; it is a figure about the past only.
        let _ = diag.for_each(StateMask::TIME_WAIT, Detail::Plain, |_| time_wait += 1)?;
        Ok(Self {
            diag,
            range: port_range(path)?,
            time_wait,
            traced: false,
        })
    }
}

/// A file of each network namespace: of one process in it, or its name (`ip netns add`).
fn files_by_namespace() -> BTreeMap<u32, PathBuf> {
    let mut found = BTreeMap::new();
    for path in process_files().chain(named_files()) {
        if let Ok(netns) = netns_inum(&path) {
            found.entry(netns as u32).or_insert(path);
        }
    }
    found
}

fn process_files() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(of_process(entry.file_name().to_str()?.parse().ok()?)))
}

fn named_files() -> impl Iterator<Item = PathBuf> {
    fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
}
