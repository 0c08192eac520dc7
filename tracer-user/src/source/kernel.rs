//! The kernel as source: loads the kernel programs, attaches them, reads their records. Only this part of tracer uses
//! aya.

pub(crate) mod btf;
pub(crate) mod cgroup;
pub(crate) mod diag;
mod load;
mod log;
mod offsets;
mod programs;
pub(crate) mod uprobe;

pub(crate) use load::{KernelError, Options, check_rights};
pub(crate) use programs::Kernel;
