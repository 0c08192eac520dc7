//! Follows a connection: order of segments, TLS records, end of the handshake, requests and responses.
//!
//! The payload comes from a [`source::Source`], and all state is in [`crate::state::conn::Conn`]. Three files call the
//! kernel's helpers for this module: `count` for losses, `repeat` for loops, and `emit` for records.

pub mod batch;
pub mod evidence;
pub mod hello;
pub mod lengths;
pub mod order;
pub mod segment;
pub mod source;
pub mod tls;
pub mod turn;
