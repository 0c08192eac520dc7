//! One file per hook.

mod packet;
mod process;
mod retransmit;
mod socket_state;
mod sockets;
