//! Interface between tracer's kernel programs and user space: wire records, load-time globals, names of maps and
//! programs, counter slots; the kernel's numbers of TCP states and of errors.
//!
//! Every type here is `repr(C)`, built from fixed-width integers and byte arrays, with explicit
//! padding, so that both sides agree on each byte. Sizes are asserted at compile time.
#![no_std]

pub mod config;
pub mod counter;
pub mod dns;
pub mod errno;
pub mod http2;
pub mod name;
pub mod overflow;
pub mod record;
pub mod tcp_state;
