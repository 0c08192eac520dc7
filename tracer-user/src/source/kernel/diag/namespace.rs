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

/// Number of ports in a range that the kernel does not take by itself (net.ipv4.ip_local_reserved_ports), in a network
/// namespace. Where that cannot be read, none counts as reserved: few machines have any.
pub(crate) fn reserved_ports(netns: &Path, range: (u16, u16)) -> u32 {
    let read = || {
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_reserved_ports");
        Ok(text.map_or(0, |text| count_reserved(&text, range)))
    };
    in_netns(netns, read).unwrap_or(0)
}

/// Number of ports of a list such as `8080,40000-40099` that are in a range. The kernel prints ranges that neither overlap
/// nor touch.
fn count_reserved(list: &str, (low, high): (u16, u16)) -> u32 {
    let counts = list.trim().split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
        let (first, last) = (u32::from(first.max(low)), u32::from(last.min(high)));
        Some((last + 1).saturating_sub(first))
    });
    counts.sum()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_ports_are_counted_within_the_range() {
        let count = |list| count_reserved(list, (40_000, 40_099));
        assert_eq!(count("\n"), 0);
        assert_eq!(count("8080,40000-40009,40050\n"), 11);
        assert_eq!(count("39990-40000,40099-50000"), 2);
        assert_eq!(count("1-39999,40100-65535"), 0);
        assert_eq!(count("1-65535"), 100);
        assert_eq!(count("x,40001-y"), 0);
    }
}
