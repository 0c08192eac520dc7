//! Turns the filter flags into the filters of the kernel programs and of the tracker.

use std::{
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use tracer_common::config::{ALTERNATIVES, Cgroup, Cidr, Executable, Filter, GLOBS};
use tracer_core::{glob, host_filter::HostFilter};

use crate::{
    cli::args::FilterArguments,
    failure::Failure,
    source::kernel::cgroup::{self, Hierarchy},
};

/// A validated filter.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Filter for the kernel programs.
    pub(crate) kernel: Box<Filter>,
    /// Processes to begin with; their descendants are traced too.
    pub(crate) pids: Vec<u32>,
    /// Hosts whose connections count, for the tracker.
    pub(crate) hosts: HostFilter,
    /// Directory of the cgroup, if exactly one was given: packets are watched only there.
    pub(crate) only_cgroup: Option<PathBuf>,
    /// The flags that were given, for the export.
    pub(crate) described: tracer_export::Filter,
}

impl Selection {
    /// True if every process is traced that starts another program and is in the set of traced processes, where there is
    /// such a set.
    pub(crate) fn traces_all(&self) -> bool {
        let Filter {
            comm_count,
            cgroup_count,
            executable_count,
            ..
        } = *self.kernel;
        comm_count + cgroup_count + executable_count == 0
    }

    /// Checks every flag. Processes and cgroups must exist now.
    pub(crate) fn validate(
        arguments: &FilterArguments,
        pids: &[u32],
        hierarchy: &Hierarchy,
    ) -> Result<Self, Failure> {
        let mut kernel = Box::new(Filter::all());
        kernel.own_tgid = std::process::id();
        kernel.exclude_loopback = u32::from(!arguments.include_loopback);
        kernel.by_process = u32::from(!pids.is_empty());
        for &pid in pids {
            check_process(pid)?;
        }
        kernel.comm_count = fill("--comm", &arguments.comm, &mut kernel.comms, |pattern| {
            glob::compile(pattern).map_err(|e| Failure::Usage(format!("--comm: {e}")))
        })?;
        kernel.port_count = fill("--port", &arguments.port, &mut kernel.ports, |&port| {
            Ok(u32::from(port))
        })?;
        kernel.cidr_count = fill("--cidr", &arguments.cidr, &mut kernel.cidrs, |range| {
            Ok(mapped_range(range.address, range.prefix))
        })?;
        kernel.executable_count = fill("--exe", &arguments.exe, &mut kernel.executables, |path| {
            executable(path)
        })?;
        let mut groups = Vec::new();
        for wanted in &arguments.cgroup {
            groups.push(hierarchy.resolve(wanted)?);
        }
        kernel.cgroup_count = fill("--cgroup", &groups, &mut kernel.cgroups, |group| {
            Ok(Cgroup {
                id: group.id,
                level: group.level,
                pad: 0,
            })
        })?;
        Ok(Self {
            kernel,
            pids: pids.to_vec(),
            hosts: HostFilter::parse(&arguments.host)
                .map_err(|e| Failure::Usage(format!("--host: {e}")))?,
            only_cgroup: only_directory(&groups, hierarchy)?,
            described: describe(arguments, pids),
        })
    }
}

fn only_directory(
    groups: &[cgroup::Cgroup],
    hierarchy: &Hierarchy,
) -> Result<Option<PathBuf>, Failure> {
    match groups {
        [only] => Ok(Some(hierarchy.dir(&only.path)?)),
        _ => Ok(None),
    }
}

/// Puts each value of a repeatable flag into its slot; returns the number of values.
fn fill<V, S>(
    flag: &str,
    values: &[V],
    slots: &mut [S],
    convert: impl Fn(&V) -> Result<S, Failure>,
) -> Result<u32, Failure> {
    const { assert!(GLOBS <= ALTERNATIVES) };
    if values.len() > slots.len() {
        let text = format!(
            "{flag} can be given {} times, got {}",
            slots.len(),
            values.len()
        );
        return Err(Failure::Usage(text));
    }
    for (slot, value) in slots.iter_mut().zip(values) {
        *slot = convert(value)?;
    }
    Ok(values.len() as u32)
}

fn check_process(pid: u32) -> Result<(), Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|_| Failure::Usage(format!("--pid {pid}: no such process")))?;
    let tgid = status
        .lines()
        .find_map(|line| line.strip_prefix("Tgid:"))
        .map(str::trim);
    if tgid.is_some_and(|tgid| tgid != pid.to_string()) {
        let text = format!(
            "--pid {pid} is a thread of process {}; give that",
            tgid.unwrap_or_default()
        );
        return Err(Failure::Usage(text));
    }
    Ok(())
}

/// Device and inode of an executable, the device as `super_block.s_dev` holds it.
fn executable(path: &Path) -> Result<Executable, Failure> {
    let meta = std::fs::metadata(path)
        .map_err(|e| Failure::Usage(format!("--exe {}: {e}", path.display())))?;
    let device = meta.dev();
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    Ok(Executable {
        inode: meta.ino(),
        device: ((major << 20) | minor) as u32,
        pad: 0,
    })
}

fn mapped_range(address: IpAddr, prefix: u8) -> Cidr {
    let (bits, prefix) = match address {
        IpAddr::V4(v4) => (u128::from(v4.to_ipv6_mapped()), u32::from(prefix) + 96),
        IpAddr::V6(v6) => (u128::from(v6), u32::from(prefix)),
    };
    let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
    Cidr {
        address: words(bits & mask),
        mask: words(mask),
    }
}

/// Network-order bytes as native words.
fn words(bits: u128) -> [u32; 4] {
    let bytes = bits.to_be_bytes();
    std::array::from_fn(|i| {
        u32::from_ne_bytes([
            bytes[4 * i],
            bytes[4 * i + 1],
            bytes[4 * i + 2],
            bytes[4 * i + 3],
        ])
    })
}

/// Flags that were given, for the export.
fn describe(arguments: &FilterArguments, pids: &[u32]) -> tracer_export::Filter {
    let paths = arguments.exe.iter();
    let ranges = arguments.cidr.iter();
    tracer_export::Filter {
        pid: pids.to_vec(),
        comm: arguments.comm.clone(),
        exe: paths
            .map(|path| path.to_string_lossy().into_owned())
            .collect(),
        cgroup: arguments.cgroup.clone(),
        port: arguments.port.clone(),
        cidr: ranges.map(ToString::to_string).collect(),
        host: arguments.host.clone(),
        include_loopback: Some(arguments.include_loopback),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_mapped() {
        let range = mapped_range(IpAddr::from([10, 1, 2, 3]), 8);
        assert_eq!(
            range.mask,
            [u32::MAX, u32::MAX, u32::MAX, 0xff00_0000_u32.to_be()]
        );
        assert_eq!(
            range.address,
            [0, 0, 0xffff_u32.to_be(), 0x0a00_0000_u32.to_be()]
        );
        let all = mapped_range("::".parse().unwrap(), 0);
        assert_eq!((all.mask, all.address), ([0; 4], [0; 4]));
    }

    #[test]
    fn too_many_values_are_refused() {
        let mut slots = [0u32; 2];
        let error = fill("--port", &[1u16, 2, 3], &mut slots, |&v| Ok(u32::from(v))).unwrap_err();
        assert_eq!(error.to_string(), "--port can be given 2 times, got 3");
    }
}
