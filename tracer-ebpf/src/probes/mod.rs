//! One file per hook.

mod packet;
mod pickup;
mod process;
mod retransmit;
mod socket_state;
mod sockets;
