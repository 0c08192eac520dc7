//! Events of the kernel's `uprobe` kind, by perf_event_open(2). aya can place uprobes too, but each of its programs is
//! either for entries or for returns, belongs to the object, and cannot be used by another thread.

use std::{
    ffi::CString,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

/// Number of the kind of event.
const KIND: &str = "/sys/bus/event_source/devices/uprobe/type";
/// Bit of `config` for the return of a function (`format/retprobe` beside [`KIND`]).
const AT_RETURN: u64 = 1;
/// `PERF_FLAG_FD_CLOEXEC`
const CLOSE_ON_EXEC: libc::c_ulong = 8;
/// `PERF_EVENT_IOC_SET_BPF`
const SET_BPF: libc::c_ulong = 0x4004_2408;

/// Place of a probe: an offset in its file.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    /// An instruction.
    Instruction(u64),
    /// The return of the function whose first instruction this is, by the address on the stack.
    ReturnOf(u64),
}

/// Processes that a probe is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    /// All that run code from the file.
    AllProcesses,
    /// tracer itself.
    Own,
}

/// First version of `struct perf_event_attr` with what uprobes need (`PERF_ATTR_SIZE_VER1`).
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup: u32,
    breakpoint: u32,
    /// Path of the file.
    config1: u64,
    /// Offset in the file.
    config2: u64,
}

/// Places a probe; it goes when the descriptor is closed.
pub(super) fn open(path: &str, at: At, scope: Scope) -> io::Result<OwnedFd> {
    let kind = std::fs::read_to_string(KIND)?;
    let path = CString::new(path)?;
    let (config, offset) = match at {
        At::Instruction(offset) => (0, offset),
        At::ReturnOf(offset) => (AT_RETURN, offset),
    };
    let attributes = Attributes {
        kind: kind.trim().parse().map_err(io::Error::other)?,
        size: size_of::<Attributes>() as u32,
        config,
        config1: path.as_ptr() as u64,
        config2: offset,
        ..Attributes::default()
    };
    // An event of all processes belongs to one processor; its program runs on all of them.
    let (pid, cpu) = match scope {
        Scope::AllProcesses => (-1, 0),
        Scope::Own => (0, -1),
    };
    // SAFETY: the kernel reads the attributes, which are as long as they say, and the path, and keeps neither.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            pid,
            cpu,
            -1,
            CLOSE_ON_EXEC,
        )
    };
    owned(fd)
}

/// Makes a program run at each hit of the probe.
pub(super) fn run(event: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both descriptors are open, and the argument is a number.
    let done = unsafe { libc::ioctl(event.as_raw_fd(), SET_BPF, program.as_raw_fd()) };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Descriptor that a system call has returned.
pub(super) fn owned(returned: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(returned) {
        // SAFETY: the kernel has just made the descriptor for this caller.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

const _: () = assert!(size_of::<Attributes>() == 72);
