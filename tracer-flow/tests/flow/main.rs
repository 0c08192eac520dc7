//! Connections whose truth is known, fed segment by segment through the code that the kernel programs run.

mod frames;
mod gaps;
mod handshakes;
mod http2;
mod late;
mod properties;
mod script;
mod tunnels;
mod turns;
mod unknown;
