//! Network namespaces, given by their files.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};

use super::DiagError;

/// File of the network namespace that a process is in now.
pub(crate) fn of_process(pid: u32) -> PathBuf {
    format!("/proc/{pid}/ns/net").into()
}

/// Inode number of a network namespace: equal for processes that share one.
pub(crate) fn netns_inum(netns: &Path) -> Result<u64, DiagError> {
    let meta = std::fs::metadata(netns);
    Ok(meta
        .map_err(|source| DiagError::Namespace {
            what: "see",
            path: netns.into(),
            source,
        })?
        .ino())
}

/// First and last port of the range that the kernel takes local ports from (net.ipv4.ip_local_port_range), in a network
/// namespace.
pub(crate) fn port_range(netns: &Path) -> Result<(u16, u16), DiagError> {
    in_netns(netns, || {
        // The file shows the values of the reading thread's namespace.
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let text = text.map_err(|source| DiagError::Netlink {
            what: "reading the port range",
            source,
        })?;
        parse_port_range(&text).ok_or(DiagError::PortRange { got: text })
    })
}

fn parse_port_range(text: &str) -> Option<(u16, u16)> {
    let mut ports = text.split_whitespace().map(str::parse);
    Some((ports.next()?.ok()?, ports.next()?.ok()?))
}

/// Runs `work` in a network namespace: in this thread if it is the current one, else in a new thread that enters it and
/// ends, so that no thread of tracer stays in a foreign namespace.
pub(super) fn in_netns<T: Send>(
    netns: &Path,
    work: impl FnOnce() -> Result<T, DiagError> + Send,
) -> Result<T, DiagError> {
    let failed = |what| {
        move |source| DiagError::Namespace {
            what,
            path: netns.into(),
            source,
        }
    };
    let namespace = File::open(netns).map_err(failed("open"))?;
    let own = std::fs::metadata("/proc/thread-self/ns/net").map_err(failed("compare"))?;
    if namespace.metadata().map_err(failed("compare"))?.ino() == own.ino() {
        return work();
    }
    let enter = || {
        setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(|e| failed("enter")(e.into()))?;
        work()
    };
    let ended = |_| failed("work in")(io::Error::other("the thread for it ended early"));
    std::thread::scope(|scope| scope.spawn(enter).join()).unwrap_or_else(|e| Err(ended(e)))
}
