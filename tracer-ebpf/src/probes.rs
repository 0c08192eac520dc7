//! Probes, a file for each hook.

mod datagram_owner;
mod go_tls;
mod packet;
mod pickup;
mod process;
mod retransmit;
mod socket_state;
mod sockets;
mod switch;
mod tls_library;
