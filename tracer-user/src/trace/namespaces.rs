//! Socket listings of the network namespaces that traced processes live in.
//!
//! A listing holds a netlink socket, and that keeps its namespace alive. So tracer closes a listing when no one else
//! uses the namespace: then the kernel removes the namespace, as it would without tracer.

mod presence;
mod watch;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
};

use tracer_core::time_wait::Seen;

use self::{presence::Sign, watch::Watch};
use crate::source::kernel::diag::{
    Detail, Diag, DiagError, StateMask, netns_inum, of_process, port_range, reserved_ports,
};

/// Number of namespaces that tracer follows at most.
const LIMIT: usize = 256;

/// Listing of a network namespace.
struct Namespace {
    diag: Diag,
    range: (u16, u16),
    reserved: u32,
    time_wait: u64,
    traced: bool,
}

/// Network namespaces that existed when tracing began and are still in use by others. Entering a later one would need
/// rights that tracer has given up.
pub(crate) struct Namespaces {
    known: HashMap<u32, Namespace>,
    /// Sign that each namespace is in use, until the watch begins. tracer's own namespace has no entry: it stays.
    signs: BTreeMap<u32, Sign>,
    watch: Option<Watch>,
}

/// A namespace that a traced connection was made in, seen for the first time.
pub(crate) struct Joined {
    /// Inode number of the namespace.
    pub(crate) netns: u32,
    /// The namespace's ip_local_port_range.
    pub(crate) range: (u16, u16),
    /// Number of ports in that range that are in ip_local_reserved_ports.
    pub(crate) reserved: u32,
    /// Sockets that were in TIME_WAIT in the namespace when tracing began.
    pub(crate) time_wait: u64,
}

impl Namespaces {
    /// Opens a listing in every namespace that has a process or a name.
    pub(crate) fn open() -> Result<Self, DiagError> {
        let own = of_process(std::process::id());
        let mut known = HashMap::new();
        let mut signs = BTreeMap::new();
        known.insert(netns_inum(&own)? as u32, Namespace::open(&own)?);
        for (netns, path) in presence::by_process_or_name().into_iter().take(LIMIT) {
            if !known.contains_key(&netns)
                && let Ok(namespace) = Namespace::open(&path)
            {
                known.insert(netns, namespace);
                signs.insert(netns, Sign::File(path));
            }
        }
        Ok(Self {
            known,
            signs,
            watch: None,
        })
    }

    /// Starts the thread that looks for namespaces which only tracer uses.
    pub(crate) fn watch(&mut self) -> io::Result<()> {
        let signs = std::mem::take(&mut self.signs);
        if !signs.is_empty() {
            self.watch = Some(Watch::start(signs)?);
        }
        Ok(())
    }

    /// Listening ports of each namespace.
    pub(crate) fn listening(&mut self) -> Vec<(u32, Vec<u16>)> {
        let ports = |(&netns, namespace): (&u32, &mut Namespace)| {
            Some((netns, namespace.diag.listening_ports().ok()?))
        };
        self.known.iter_mut().filter_map(ports).collect()
    }

    /// Adds the namespace to each snapshot from now on; None when its sockets cannot be listed.
    pub(crate) fn join(&mut self, netns: u32) -> Option<Joined> {
        let namespace = self.known.get_mut(&netns)?;
        namespace.traced = true;
        let Namespace {
            range,
            reserved,
            time_wait,
            ..
        } = *namespace;
        Some(Joined {
            netns,
            range,
            reserved,
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

    /// Namespaces that only tracer uses. A namespace with sockets of some process is not among them: that process has
    /// moved to another namespace, and its sockets keep this one alive.
    pub(crate) fn abandoned(&mut self) -> Result<Vec<u32>, DiagError> {
        let found = self.watch.as_ref().map(Watch::abandoned);
        let mut abandoned = Vec::new();
        for netns in found.unwrap_or_default() {
            if let Some(namespace) = self.known.get_mut(&netns)
                && !namespace.has_owned_sockets()?
            {
                abandoned.push(netns);
            }
        }
        Ok(abandoned)
    }

    /// Closes the listing, after which the kernel removes the namespace. True when the namespace had joined.
    pub(crate) fn close(&mut self, netns: u32) -> bool {
        if let Some(watch) = &self.watch {
            watch.forget(netns);
        }
        let closed = self.known.remove(&netns);
        closed.is_some_and(|namespace| namespace.traced)
    }
}

impl Namespace {
    fn open(path: &Path) -> Result<Self, DiagError> {
        let mut diag = Diag::open_in(path)?;
        let mut time_wait = 0;
        // An interrupted listing may miss a few sockets; this figure is only about the time before the trace.
        let _ = diag.for_each(StateMask::TIME_WAIT, Detail::Plain, |_| time_wait += 1)?;
        let range = port_range(path)?;
        Ok(Self {
            diag,
            range,
            reserved: reserved_ports(path, range),
            time_wait,
            traced: false,
        })
    }

    fn has_owned_sockets(&mut self) -> Result<bool, DiagError> {
        let states = StateMask::CONNECTION | StateMask::LISTEN;
        let sockets = self.diag.snapshot(states, Detail::Plain)?;
        Ok(sockets.iter().any(|socket| socket.inode != 0))
    }
}
