//! What tracer is tried on: an origin whose every count is known, and a link with a round trip.
//!
//! Used by `tracer demo` and by the tests; knows nothing of the tracer.

pub mod link;
pub mod origin;
