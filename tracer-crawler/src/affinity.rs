//! Pins threads to physical cores, one thread per core. Siblings that share a core (SMT) are left out. Only CPUs that
//! this process may use are taken, so a cgroup's cpuset or taskset is respected.

use std::{collections::BTreeSet, fs, io, path::Path};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// Directory in which the kernel describes the topology.
const TOPOLOGY: &str = "/sys/devices/system/cpu";

/// Reasons why threads cannot be pinned.
#[derive(Debug, thiserror::Error)]
pub enum AffinityError {
    /// The set of allowed CPUs could not be read.
    #[error("cannot read which CPUs this process may use: {0}")]
    Allowed(io::Error),
    /// The kernel refused to let a thread run on all allowed CPUs.
    #[error("cannot give a thread the CPUs of this process: {0}")]
    Free(io::Error),
    /// The kernel refused to pin a thread.
    #[error("cannot pin a thread to CPU {cpu}: {source}; leave --pin out")]
    Pin {
        /// Number of the CPU.
        cpu: usize,
        /// The system's error.
        source: io::Error,
    },
}

/// CPUs for threads: one for each physical core that this process may use, in ascending order.
pub fn cores() -> Result<Vec<usize>, AffinityError> {
    Ok(one_per_core(Path::new(TOPOLOGY), &allowed()?))
}

/// CPUs that this process may use, including siblings.
pub fn allowed() -> Result<BTreeSet<usize>, AffinityError> {
    let set = sched_getaffinity(Pid::from_raw(0)).map_err(|e| AffinityError::Allowed(e.into()))?;
    Ok((0..CpuSet::count())
        .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
        .collect())
}

/// Pins the calling thread to one CPU.
pub fn pin_this_thread(cpu: usize) -> Result<(), AffinityError> {
    bind([cpu]).map_err(|e| AffinityError::Pin {
        cpu,
        source: e.into(),
    })
}

/// Lets the calling thread run on all of these CPUs, whatever binding it inherited.
pub fn free_this_thread(allowed: &BTreeSet<usize>) -> Result<(), AffinityError> {
    bind(allowed.iter().copied()).map_err(|e| AffinityError::Free(e.into()))
}

fn bind(cpus: impl IntoIterator<Item = usize>) -> nix::Result<()> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(cpu)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set)
}

/// First allowed CPU of each core. A CPU with unreadable topology counts as a core of its own.
fn one_per_core(topology: &Path, allowed: &BTreeSet<usize>) -> Vec<usize> {
    let mut taken = BTreeSet::new();
    let mut chosen = Vec::new();
    for &cpu in allowed {
        if taken.contains(&cpu) {
            continue;
        }
        taken.extend(siblings(topology, cpu));
        chosen.push(cpu);
    }
    chosen
}

/// CPUs that share a core with this one, itself included. The file is named `core_cpus_list` since Linux 5.3.
fn siblings(topology: &Path, cpu: usize) -> BTreeSet<usize> {
    let directory = topology.join(format!("cpu{cpu}/topology"));
    ["core_cpus_list", "thread_siblings_list"]
        .iter()
        .find_map(|name| fs::read_to_string(directory.join(name)).ok())
        .and_then(|text| cpu_list(text.trim()))
        .filter(|list| list.contains(&cpu))
        .unwrap_or_else(|| BTreeSet::from([cpu]))
}

/// Parses a list in the kernel's format, such as `0-3,8,10-11`; `None` for anything else.
fn cpu_list(text: &str) -> Option<BTreeSet<usize>> {
    let mut cpus = BTreeSet::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if last < first || last >= 1 << 16 {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a directory tree in which each of these groups of CPUs shares a core, with lists under the given file
    /// name.
    fn tree(cores: &[&[usize]], name: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for core in cores {
            let list: Vec<String> = core.iter().map(usize::to_string).collect();
            for cpu in *core {
                let directory = root.path().join(format!("cpu{cpu}/topology"));
                fs::create_dir_all(&directory).unwrap();
                fs::write(directory.join(name), format!("{}\n", list.join(","))).unwrap();
            }
        }
        root
    }

    #[track_caller]
    fn check(root: &tempfile::TempDir, allowed: &[usize], expected: &[usize]) {
        assert_eq!(
            one_per_core(root.path(), &allowed.iter().copied().collect()),
            expected
        );
    }

    #[test]
    fn siblings_are_left_out() {
        // Intel's numbering: the second threads of the cores follow all first ones.
        let root = tree(&[&[0, 4], &[1, 5], &[2, 6], &[3, 7]], "core_cpus_list");
        check(&root, &[0, 1, 2, 3, 4, 5, 6, 7], &[0, 1, 2, 3]);
        // Siblings with adjacent numbers.
        let root = tree(&[&[0, 1], &[2, 3]], "core_cpus_list");
        check(&root, &[0, 1, 2, 3], &[0, 2]);
    }

    #[test]
    fn a_cpuset_is_respected() {
        let root = tree(&[&[0, 4], &[1, 5], &[2, 6], &[3, 7]], "core_cpus_list");
        check(&root, &[4, 5], &[4, 5]);
        check(&root, &[1, 5, 6], &[1, 6]);
        check(&root, &[7], &[7]);
    }

    #[test]
    fn names_of_older_kernels() {
        let root = tree(&[&[0, 2], &[1, 3]], "thread_siblings_list");
        check(&root, &[0, 1, 2, 3], &[0, 1]);
    }

    #[test]
    fn cores_of_unlike_width() {
        // Performance cores with two threads, efficiency cores with one.
        let root = tree(&[&[0, 1], &[2, 3], &[4], &[5]], "core_cpus_list");
        check(&root, &[0, 1, 2, 3, 4, 5], &[0, 2, 4, 5]);
    }

    #[test]
    fn what_cannot_be_read_is_a_core_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        check(&root, &[0, 1], &[0, 1]);
        let root = tree(&[&[0, 1]], "core_cpus_list");
        for nonsense in ["", "x", "3-1", "7", "0-99999999", "-"] {
            fs::write(root.path().join("cpu0/topology/core_cpus_list"), nonsense).unwrap();
            check(&root, &[0], &[0]);
        }
    }

    #[test]
    fn lists() {
        assert_eq!(cpu_list("0-2,5"), Some(BTreeSet::from([0, 1, 2, 5])));
        assert_eq!(cpu_list("0-"), None);
        assert_eq!(cpu_list("1,,2"), None);
    }

    #[test]
    fn this_thread_stays_where_it_is_put() {
        let cores = cores().unwrap();
        let cpu = *cores.last().unwrap();
        std::thread::spawn(move || {
            pin_this_thread(cpu).unwrap();
            assert_eq!(allowed().unwrap(), BTreeSet::from([cpu]));
        })
        .join()
        .unwrap();
        assert!(pin_this_thread(CpuSet::count()).is_err());
    }
}
