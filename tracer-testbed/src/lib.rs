//! Servers, a client and a link to try tracer on: an origin and a DNS server that count everything, a client with
//! bad habits, and a link with a round trip. Each has switches for faults.
//!
//! `tracer demo` and the tests use this crate, which uses no other crate of tracer.

pub mod client;
#[cfg(feature = "collector")]
pub mod collector;
pub mod dns;
pub mod link;
pub mod origin;
