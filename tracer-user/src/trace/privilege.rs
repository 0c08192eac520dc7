//! Giving up root's rights once the kernel programs are attached.
//!
//! Attached programs need no rights to go on: ring buffers are mapped, maps are read by file descriptor (since 5.19
//! `unprivileged_bpf_disabled` guards only loading and creating), programs are detached by closing, and running an
//! iterator again loads nothing (tried on 6.18 without any capability). So tracer keeps only the capabilities of its
//! remaining [`Duties`].
//!
//! Capabilities and `no_new_privs` belong to threads, and a thread cannot change those of another. Threads made later
//! inherit them. Therefore [`drop_to`] must be called before the tokio runtime or any other thread is started, and
//! refuses otherwise. One thread is started before, because it has to keep more: the one that places uprobes, which reduces
//! its own rights by [`keep_for_probes`]. The command of `tracer run` is started before it and keeps all rights: under `no_new_privs` a
//! traced `sudo`, `su` or `ping` would not work.

use std::time::{Duration, Instant};

use caps::{CapSet, Capability, CapsHashSet};

/// Time that a thread which was joined may take to leave /proc/self/task.
const THREAD_EXIT: Duration = Duration::from_millis(200);

/// Reasons why rights could not be given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrivilegeError {
    /// Other threads are running, which would keep their rights.
    #[error(
        "cannot drop rights: {got} threads are running, expected {expected}; this is a fault of tracer, please report it"
    )]
    Threads {
        /// Threads of this process.
        got: usize,
        /// Threads that there may be.
        expected: usize,
    },
    /// A capability set cannot be read or written.
    #[error("cannot {what} capabilities: {source}")]
    Caps {
        /// The step that failed.
        what: &'static str,
        /// Error of the library.
        source: caps::errors::CapsError,
    },
    /// The kernel refused PR_SET_NO_NEW_PRIVS.
    #[error("cannot set no_new_privs: {0}")]
    NoNewPrivs(nix::Error),
    /// The kernel kept more than was asked for.
    #[error(
        "rights were dropped, but {held:?} are still held, expected at most {expected:?}; please report this kernel's release"
    )]
    StillHeld {
        /// Capabilities that are held.
        held: Vec<Capability>,
        /// Capabilities that were to stay.
        expected: Vec<Capability>,
    },
}

/// Duties that tracer has after attaching; each keeps the capabilities it needs and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Duties {
    /// Read /proc/PID/exe and /proc/PID/ns/net of other users' processes: to name the processes, and to see whether a
    /// network namespace is still in use.
    pub(crate) name_processes: bool,
    /// Enter network namespaces that appear while tracing, to list their sockets. Keeps CAP_SYS_ADMIN, which allows
    /// nearly everything: leave it off when the namespaces are known at the start.
    pub(crate) follow_namespaces: bool,
    /// Pass signals on to the traced command, which may run as another user by then.
    pub(crate) signal_command: bool,
    /// Remove the command's cgroup: the root of the hierarchy is not writable (mode 0555) even for its owner, and a
    /// delegated cgroup belongs to another user.
    pub(crate) remove_cgroup: bool,
    /// Replace output files in directories that do not belong to root.
    pub(crate) write_files: bool,
    /// Make output files with the rights of the user behind sudo. This adds no power to `write_files`, which can write
    /// everywhere.
    pub(crate) act_as_invoker: bool,
}

impl Duties {
    /// The capabilities these duties need.
    pub(crate) fn capabilities(self) -> Vec<Capability> {
        use Capability::{
            CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_KILL, CAP_SETGID, CAP_SETUID,
            CAP_SYS_ADMIN, CAP_SYS_PTRACE,
        };
        let needs: [(bool, &[Capability]); 6] = [
            // proc(5): these links are guarded by a ptrace access check.
            (self.name_processes, &[CAP_SYS_PTRACE]),
            // setns(2) asks for CAP_SYS_ADMIN; opening the namespace's file is the ptrace check again.
            (self.follow_namespaces, &[CAP_SYS_ADMIN, CAP_SYS_PTRACE]),
            (self.signal_command, &[CAP_KILL]),
            (self.remove_cgroup, &[CAP_DAC_OVERRIDE]),
            // Create and rename in a directory of mode 0700 (DAC_OVERRIDE), replace another user's file in a sticky
            // directory (FOWNER), give the new file to the owner of the old one (CHOWN).
            (self.write_files, &[CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE]),
            // setfsuid(2), setfsgid(2) and setgroups(2).
            (self.act_as_invoker, &[CAP_SETUID, CAP_SETGID]),
        ];
        let mut all: Vec<_> = needs
            .iter()
            .filter(|(due, _)| *due)
            .flat_map(|(_, caps)| caps.iter().copied())
            .collect();
        all.sort_unstable_by_key(Capability::index);
        all.dedup();
        all
    }
}

/// Niceness of tracer, as nice(1) counts: below zero, so that tracer gets a processor before most others.
const NICE: nix::libc::c_int = -10;
/// Niceness of threads whose work is not urgent.
const NICE_BEHIND: nix::libc::c_int = 5;

/// Lowers the niceness of this thread and of those it will start: a busy crawler with many threads must not keep tracer
/// from reading the ring buffer. Without the right to do so, nothing changes. Call it after the command of `tracer run`
/// was started, which must not inherit the niceness.
pub(crate) fn come_first() {
    // SAFETY: setpriority(2) takes three numbers; zero is the calling thread.
    let _ = unsafe { nix::libc::setpriority(nix::libc::PRIO_PROCESS, 0, NICE) };
}

/// Raises the niceness of this thread above the usual: what it does can wait for tracing and for the traced.
pub(crate) fn step_back() {
    // SAFETY: setpriority(2) takes three numbers; zero is the calling thread.
    let _ = unsafe { nix::libc::setpriority(nix::libc::PRIO_PROCESS, 0, NICE_BEHIND) };
}

/// Capabilities of the thread that places uprobes: the kernel asks for CAP_SYS_ADMIN at each (`perf_uprobe_event_init` in
/// kernel/events/core.c) and for following `/proc/PID/map_files`; processes and files may be those of other users.
const FOR_PROBES: [Capability; 4] = [
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_PERFMON,
    Capability::CAP_SYS_PTRACE,
    Capability::CAP_DAC_READ_SEARCH,
];

/// Drops every capability that placing uprobes does not need, for the calling thread alone.
pub(crate) fn keep_for_probes() -> Result<(), PrivilegeError> {
    reduce(&FOR_PROBES.into_iter().collect())
}

/// Drops every capability but `keep` from all five sets and sets `no_new_privs`, for this thread and those it will
/// start. Call it before starting any but the `others`, which have reduced their rights themselves. A capability in `keep`
/// that is not held is no error.
pub(crate) fn drop_to(keep: &[Capability], others: usize) -> Result<(), PrivilegeError> {
    expect_threads(1 + others)?;
    reduce(&keep.iter().copied().collect())
}

fn reduce(keep: &CapsHashSet) -> Result<(), PrivilegeError> {
    nix::sys::prctl::set_no_new_privs().map_err(PrivilegeError::NoNewPrivs)?;
    drop_bounding(keep)?;
    let held = read(CapSet::Permitted)?;
    let stay: CapsHashSet = held.intersection(keep).copied().collect();
    caps::clear(None, CapSet::Ambient).map_err(failed("clear ambient"))?;
    caps::clear(None, CapSet::Inheritable).map_err(failed("clear inheritable"))?;
    caps::set(None, CapSet::Effective, &stay).map_err(failed("set effective"))?;
    caps::set(None, CapSet::Permitted, &stay).map_err(failed("set permitted"))?;
    verify(keep)
}

/// Drops from the bounding set, as long as CAP_SETPCAP allows it. Without CAP_SETPCAP the set stays: under
/// `no_new_privs` an exec gains nothing from it.
fn drop_bounding(keep: &CapsHashSet) -> Result<(), PrivilegeError> {
    if !read(CapSet::Effective)?.contains(&Capability::CAP_SETPCAP) {
        return Ok(());
    }
    for cap in read(CapSet::Bounding)?.difference(keep) {
        caps::drop(None, CapSet::Bounding, *cap).map_err(failed("drop bounding"))?;
    }
    Ok(())
}

/// Checks which capabilities the kernel reports as held.
fn verify(keep: &CapsHashSet) -> Result<(), PrivilegeError> {
    for set in [
        CapSet::Permitted,
        CapSet::Effective,
        CapSet::Inheritable,
        CapSet::Ambient,
    ] {
        let held: Vec<Capability> = read(set)?.difference(keep).copied().collect();
        if !held.is_empty() {
            return Err(PrivilegeError::StillHeld {
                held,
                expected: keep.iter().copied().collect(),
            });
        }
    }
    Ok(())
}

/// Refuses when more threads exist. A thread that was just joined may be listed for a moment longer.
fn expect_threads(expected: usize) -> Result<(), PrivilegeError> {
    let start = Instant::now();
    loop {
        // Without /proc the number of threads is unknown; this check only guards against tracer's own mistakes.
        let got = std::fs::read_dir("/proc/self/task").map_or(1, |tasks| tasks.count());
        if got <= expected {
            return Ok(());
        }
        if start.elapsed() > THREAD_EXIT {
            return Err(PrivilegeError::Threads { got, expected });
        }
        std::thread::yield_now();
    }
}

fn read(set: CapSet) -> Result<CapsHashSet, PrivilegeError> {
    caps::read(None, set).map_err(failed("read"))
}

fn failed(what: &'static str) -> impl Fn(caps::errors::CapsError) -> PrivilegeError {
    move |source| PrivilegeError::Caps { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    /// Runs `work` in a forked process, which has a single thread, and passes its failure on.
    #[track_caller]
    fn in_child(work: fn() -> Result<(), String>) {
        let (reader, writer) = std::io::pipe().unwrap();
        // SAFETY: the child only allocates, which glibc keeps usable after a fork, makes system calls, and leaves by _exit.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                let result =
                    std::panic::catch_unwind(work).unwrap_or_else(|_| Err("panicked".into()));
                let _ = std::io::Write::write_all(
                    &mut &writer,
                    result.err().unwrap_or_default().as_bytes(),
                );
                // SAFETY: ends the process at once, without the test harness's exit handlers.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { child } => {
                drop(writer);
                assert_eq!(std::io::read_to_string(reader).unwrap(), "");
                assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
            }
        }
    }

    fn ensure(condition: bool, what: &str) -> Result<(), String> {
        condition.then_some(()).ok_or_else(|| what.into())
    }

    #[test]
    fn only_what_is_kept_stays() {
        in_child(|| {
            let keep = [Capability::CAP_KILL, Capability::CAP_CHOWN];
            let before = caps::read(None, CapSet::Permitted).map_err(|e| e.to_string())?;
            drop_to(&keep, 0).map_err(|e| e.to_string())?;
            let expected: CapsHashSet = keep.into_iter().filter(|c| before.contains(c)).collect();
            for set in [CapSet::Permitted, CapSet::Effective] {
                ensure(
                    caps::read(None, set).is_ok_and(|held| held == expected),
                    "kept caps differ",
                )?;
            }
            let bounding = caps::read(None, CapSet::Bounding).map_err(|e| e.to_string())?;
            let could = before.contains(&Capability::CAP_SETPCAP);
            ensure(
                !could || bounding == keep.into_iter().collect(),
                "bounding set not dropped",
            )?;
            drop_to(&[Capability::CAP_KILL], 0).map_err(|e| e.to_string())?;
            ensure(
                !caps::has_cap(None, CapSet::Permitted, Capability::CAP_CHOWN).unwrap_or(true),
                "second drop",
            )
        });
    }

    #[test]
    fn a_program_started_later_gains_nothing() {
        in_child(|| {
            drop_to(&[], 0).map_err(|e| e.to_string())?;
            let status = std::process::Command::new("cat")
                .arg("/proc/self/status")
                .output()
                .map_err(|e| e.to_string())?;
            let status = String::from_utf8_lossy(&status.stdout).into_owned();
            for line in [
                "CapPrm:\t0000000000000000",
                "CapEff:\t0000000000000000",
                "CapInh:\t0000000000000000",
                "NoNewPrivs:\t1",
            ] {
                ensure(status.contains(line), &format!("no {line:?} in {status}"))?;
            }
            Ok(())
        });
    }

    #[test]
    fn threads_started_later_inherit_and_earlier_ones_refuse() {
        in_child(|| {
            let (hold, held) = std::sync::mpsc::channel::<()>();
            let early = std::thread::spawn(move || held.recv());
            ensure(
                matches!(drop_to(&[], 0), Err(PrivilegeError::Threads { got: 2, .. })),
                "did not refuse",
            )?;
            drop_to(&[Capability::CAP_KILL], 1).map_err(|e| e.to_string())?;
            drop(hold);
            let _ = early.join();
            drop_to(&[], 0).map_err(|e| e.to_string())?;
            let late = std::thread::spawn(|| caps::read(None, CapSet::Permitted))
                .join()
                .map_err(|_| "thread")?;
            ensure(
                late.is_ok_and(|held| held.is_empty()),
                "a later thread has rights",
            )
        });
    }

    #[test]
    fn duties_keep_what_they_need() {
        assert_eq!(Duties::default().capabilities(), []);
        let one = Duties {
            signal_command: true,
            ..Duties::default()
        };
        assert_eq!(one.capabilities(), [Capability::CAP_KILL]);
        let both = Duties {
            name_processes: true,
            follow_namespaces: true,
            ..Duties::default()
        };
        assert_eq!(both.capabilities().len(), 2);
        assert!(!both.capabilities().contains(&Capability::CAP_NET_ADMIN));
    }
}
