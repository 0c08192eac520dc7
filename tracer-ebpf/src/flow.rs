//! Logic of following a connection: segments in order, TLS records, the end of the handshake, requests and responses.
//!
//! What it reads of a segment comes from a [`source::Source`], and all it keeps is in [`crate::state::conn::Conn`]. The
//! kernel's helpers are called for it by three files: `count` for losses, `repeat` for loops, and `emit` for records.

pub mod batch;
pub mod evidence;
pub mod hello;
pub mod lengths;
pub mod order;
pub mod segment;
pub mod source;
pub mod tls;
pub mod turn;
