//! Loads the embedded object with the kernel programs.

use std::{os::unix::fs::MetadataExt, path::PathBuf};

use aya::{
    Ebpf, EbpfLoader,
    programs::{Program, ProgramError},
};
use caps::{CapSet, Capability};
use thiserror::Error;
use tracer_common::{
    config::{Filter, Http2},
    name,
};
use zerocopy::IntoBytes;

use super::{
    btf::{Btf, BtfError, VMLINUX},
    cgroup::CgroupError,
    diag::DiagError,
    offsets::offsets,
};

/// The kernel programs, empty in a build without them.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer.bpf.o"));
/// The kernel programs with log lines.
static OBJECT_LOG: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer-log.bpf.o"));

/// Reasons why tracing cannot begin.
#[derive(Debug, Error)]
pub(crate) enum KernelError {
    /// The binary was built by plain cargo, without kernel programs.
    #[error("this binary holds no kernel programs; build it with `cargo xtask build`")]
    NoObject,
    /// Rights are missing.
    #[error(
        "no right to load kernel programs (needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN); run it with sudo"
    )]
    NoRight,
    /// tracer is not in the initial pid namespace.
    #[error(
        "tracer runs in a pid namespace of its own, where process ids differ from the kernel's; start the container with --pid=host"
    )]
    PidNamespace,
    /// Type information is missing or cannot be used.
    #[error(
        "{0}; a kernel built with CONFIG_DEBUG_INFO_BTF (5.8 or newer) is needed; see `tracer doctor`"
    )]
    Btf(#[from] BtfError),
    /// cgroup v2.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// inet_diag.
    #[error(transparent)]
    Diag(#[from] DiagError),
    /// The kernel refused the object's maps.
    #[error("the kernel refused tracer's maps: {0}; see `tracer doctor`")]
    Object(#[from] aya::EbpfError),
    /// The kernel refused a program.
    #[error("the kernel refused the program {name}: {reason}; see `tracer doctor`")]
    Program {
        /// Name in the object.
        name: &'static str,
        /// Answer of the kernel.
        reason: String,
    },
    /// The object lacks a program or map.
    #[error("the object has no {0}")]
    Missing(&'static str),
    /// A map operation.
    #[error("map {map}: {source}")]
    Map {
        /// Name of the map.
        map: &'static str,
        /// Error of the operation.
        source: aya::maps::MapError,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
}

impl KernelError {
    /// Wraps the error of a program that cannot be loaded or attached.
    pub(super) fn program(name: &'static str) -> impl Fn(ProgramError) -> Self {
        move |error| Self::Program {
            name,
            reason: one_line(&error),
        }
    }

    /// Wraps the error of a map operation.
    pub(super) fn map(map: &'static str) -> impl Fn(aya::maps::MapError) -> Self {
        move |source| Self::Map { map, source }
    }
}

/// An error and its causes without the verifier's log, on one line.
fn one_line(error: &ProgramError) -> String {
    let text = match error {
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => {
            let log = verifier_log.to_string();
            let log = log.trim_end();
            let last: Vec<&str> = log.lines().rev().take(3).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            format!("{io_error} ({})", last.join(" | "))
        }
        ProgramError::SyscallError(call) => format!("{call}: {}", call.io_error),
        other => other.to_string(),
    };
    text.replace('\n', " | ")
}

/// Options of loading.
pub(crate) struct Options {
    /// Filter of what to trace.
    pub(crate) filter: Box<Filter>,
    /// Way in which HTTP/2 is read, one of [`tracer_common::config::http2`].
    pub(crate) http2: u32,
    /// True if the programs write log lines.
    pub(crate) kernel_log: bool,
}

/// Capabilities for loading and attaching (capabilities(7)): programs, tracing programs, cgroup programs. CAP_SYS_ADMIN
/// and CAP_SYS_PTRACE only add other network namespaces and paths.
const NEEDED: [Capability; 3] = [
    Capability::CAP_BPF,
    Capability::CAP_PERFMON,
    Capability::CAP_NET_ADMIN,
];
/// Inode number of the initial pid namespace (`PROC_PID_INIT_INO`).
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Checks rights and pid namespace before anything is loaded, so that a failure is one clear line.
pub(crate) fn check_rights() -> Result<(), KernelError> {
    if OBJECT.is_empty() {
        return Err(KernelError::NoObject);
    }
    let held = caps::read(None, CapSet::Effective).unwrap_or_default();
    if NEEDED.iter().any(|capability| !held.contains(capability)) {
        return Err(KernelError::NoRight);
    }
    let namespace = std::fs::metadata("/proc/self/ns/pid").map(|meta| meta.ino());
    if namespace.is_ok_and(|inode| inode != INITIAL_PID_NAMESPACE) {
        return Err(KernelError::PidNamespace);
    }
    Ok(())
}

/// Creates the maps and sets the globals; programs are not loaded yet.
pub(super) fn load_object(options: &Options) -> Result<Ebpf, KernelError> {
    let object = if options.kernel_log {
        OBJECT_LOG
    } else {
        OBJECT
    };
    if object.is_empty() {
        return Err(KernelError::NoObject);
    }
    let http2 = Http2 {
        mode: options.http2,
    };
    let offsets = offsets(&Btf::from_file(VMLINUX)?)?;
    EbpfLoader::new()
        // aya creates the task storage but has no type to read it with; only the kernel programs read it.
        .allow_unsupported_maps()
        .override_global(name::OFFSETS, offsets.as_bytes(), true)
        .override_global(name::FILTER, options.filter.as_bytes(), true)
        .override_global(name::HTTP2, http2.as_bytes(), true)
        .load(object)
        .map_err(map_error)
}

fn map_error(error: aya::EbpfError) -> KernelError {
    if let aya::EbpfError::MapError(aya::maps::MapError::CreateError { io_error, .. }) = &error
        && io_error.raw_os_error() == Some(libc::EPERM)
    {
        return KernelError::NoRight;
    }
    KernelError::Object(error)
}

/// A program of the object, converted to its type.
pub(super) fn program<'a, P>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<P, KernelError>
where
    P: TryFrom<&'a mut Program>,
{
    let program = ebpf.program_mut(name).ok_or(KernelError::Missing(name))?;
    P::try_from(program).map_err(|_| KernelError::Missing(name))
}
