//! Uprobes: programs that run when a process of this machine comes to a place in an executable or a library.
//!
//! A probe is at a place of a file, for every process that runs code from it: so children that start later are seen from
//! their first instruction. The programs themselves leave out processes that are not traced. A probe of the kernel that
//! belongs to one process (the pid of perf_event_open) would miss its children, whose copy of the memory has the
//! breakpoints but not the event (`uprobe_perf_filter` in kernel/trace/trace_uprobe.c).
//!
//! A probe lives as long as its file descriptor, which only tracer has: however tracer ends, none is left behind.

pub(crate) mod cost;
mod event;

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::PathBuf,
};

use aya::{Ebpf, programs::UProbe};
use nix::unistd::{ForkResult, fork};
use tracer_common::name;
use tracer_probe::{Function, Place, Returns};

use self::event::{At, Scope};
use super::load::{KernelError, program};

/// Programs by their names in the object.
const PROGRAMS: [&str; 9] = [
    name::SSL_WRITE,
    name::SSL_WRITE_EX,
    name::SSL_READ,
    name::SSL_READ_EX,
    name::SSL_RETURN,
    name::SSL_FREE,
    name::GO_TLS_WRITE,
    name::GO_TLS_READ,
    name::GO_TLS_RETURN,
];

/// The programs for uprobes, loaded.
#[derive(Debug)]
pub(crate) struct Uprobes {
    programs: HashMap<&'static str, OwnedFd>,
}

/// Probes of one file. Dropping them removes them from all processes, and takes the kernel some 75 ms for each: it waits until
/// no processor can be inside of it (`perf_trace_event_unreg` in kernel/trace/trace_event_perf.c).
#[derive(Debug)]
pub(crate) struct Placed(Vec<OwnedFd>);

impl Placed {
    /// Number of probes.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Removes the probes in a thread of their own.
    pub(crate) fn remove(self) {
        let thread = std::thread::Builder::new().name("tracer-unprobe".into());
        // Without a thread they are removed here.
        let _ = thread.spawn(move || drop(self));
    }
}

/// Removes probes in a process of its own, so that neither the results nor the end of tracer have to wait. The process has
/// nothing else open and ends when the last probe is gone.
pub(crate) fn remove_in_background(placed: Vec<Placed>) {
    let probes = placed.iter().flat_map(|it| &it.0);
    let mut kept: Vec<u32> = probes.map(|fd| fd.as_raw_fd().cast_unsigned()).collect();
    if kept.is_empty() {
        return;
    }
    kept.sort_unstable();
    // SAFETY: the child makes system calls on what was made before the fork, and ends by _exit, which is safe after a fork
    // in a process with threads.
    if let Ok(ForkResult::Child) = unsafe { fork() } {
        close_all_but(&kept);
        // SAFETY: ends the process without running anything of the parent's; the kernel closes what is open.
        unsafe { libc::_exit(0) }
    }
    // The child has them open, so that this takes no time. Without a child it does.
    drop(placed);
}

/// Closes all descriptors but these, which are in ascending order.
fn close_all_but(kept: &[u32]) {
    let mut from = 0;
    for fd in kept.iter().copied().chain([u32::MAX]) {
        if from < fd {
            // SAFETY: close_range(2) takes numbers; nothing in this process uses the descriptors any more.
            let _ = unsafe { libc::syscall(libc::SYS_close_range, from, fd - 1, 0) };
        }
        from = fd.saturating_add(1);
    }
}

impl Uprobes {
    /// Loads the programs. They stay loaded without the object, whose maps they use.
    pub(super) fn load(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let mut programs = HashMap::new();
        for name in PROGRAMS {
            let program: &mut UProbe = program(ebpf, name)?;
            program.load().map_err(KernelError::program(name))?;
            let fd = program.fd().map_err(KernelError::program(name))?;
            let fd = fd.as_fd().try_clone_to_owned();
            let failed = |source| KernelError::File {
                path: PathBuf::from(name),
                source,
            };
            programs.insert(name, fd.map_err(failed)?);
        }
        Ok(Self { programs })
    }

    /// Puts probes at these places of an open file. Probes at returns come first: a call whose entry was seen is then
    /// seen to return.
    pub(crate) fn place(&self, file: &File, places: &[Place]) -> io::Result<Placed> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mut placed = Vec::new();
        for place in places {
            let (_, at_return) = programs_at(place.function);
            for at in returns(place) {
                placed.push(self.probe(at_return, &path, at)?);
            }
        }
        for place in places {
            let (at_entry, _) = programs_at(place.function);
            placed.push(self.probe(at_entry, &path, At::Instruction(place.entry))?);
        }
        Ok(Placed(placed))
    }

    fn probe(&self, program: &str, path: &str, at: At) -> io::Result<OwnedFd> {
        let program = self.programs.get(program);
        let program = program.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let event = event::open(path, at, Scope::AllProcesses)?;
        event::run(event.as_fd(), program.as_fd())?;
        Ok(event)
    }
}

/// Programs for the entry and the return of a function.
fn programs_at(function: Function) -> (&'static str, &'static str) {
    match function {
        Function::SslWrite => (name::SSL_WRITE, name::SSL_RETURN),
        Function::SslWriteEx => (name::SSL_WRITE_EX, name::SSL_RETURN),
        Function::SslRead => (name::SSL_READ, name::SSL_RETURN),
        Function::SslReadEx => (name::SSL_READ_EX, name::SSL_RETURN),
        Function::SslFree => (name::SSL_FREE, name::SSL_RETURN),
        Function::GoWrite => (name::GO_TLS_WRITE, name::GO_TLS_RETURN),
        Function::GoRead => (name::GO_TLS_READ, name::GO_TLS_RETURN),
    }
}

/// Places at which the function's return is seen.
fn returns(place: &Place) -> Vec<At> {
    match &place.returns {
        Returns::Unneeded => Vec::new(),
        Returns::At(offsets) => offsets.iter().copied().map(At::Instruction).collect(),
        Returns::ByAddress => vec![At::ReturnOf(place.entry)],
    }
}
