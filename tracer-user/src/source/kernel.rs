//! The live source: loads the kernel programs, attaches them, reads their records. The only part of
//! tracer that names aya.

pub(crate) mod btf;
pub(crate) mod cgroup;
pub(crate) mod diag;
mod load;
mod log;
mod offsets;
mod programs;

pub(crate) use load::{KernelError, Options, check_rights};
pub(crate) use programs::Kernel;
