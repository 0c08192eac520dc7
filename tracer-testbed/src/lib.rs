//! What tracer is tried on: an origin and a DNS server whose every count is known, a client with bad
//! habits, and a link with a round trip. Each has switches for faults.
//!
//! Used by `tracer demo` and by the tests; knows nothing of the tracer.

pub mod client;
pub mod dns;
pub mod link;
pub mod origin;
