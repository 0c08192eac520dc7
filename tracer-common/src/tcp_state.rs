//! TCP states by their numbers in the kernel, include/net/tcp_states.h.

/// The handshake is done, and data flows both ways.
pub const ESTABLISHED: u8 = 1;
/// The client has sent its SYN.
pub const SYN_SENT: u8 = 2;
/// A SYN has come, and its answer is not acknowledged yet.
pub const SYN_RECV: u8 = 3;
/// Close of this side, whose FIN is not acknowledged yet.
pub const FIN_WAIT1: u8 = 4;
/// Close of this side, whose FIN is acknowledged.
pub const FIN_WAIT2: u8 = 5;
/// Wait for late segments, after both sides have closed.
pub const TIME_WAIT: u8 = 6;
/// The socket has no connection.
pub const CLOSE: u8 = 7;
/// The peer has closed, this side has not.
pub const CLOSE_WAIT: u8 = 8;
/// The peer has closed, then this side, whose FIN is not acknowledged yet.
pub const LAST_ACK: u8 = 9;
/// The socket accepts connections.
pub const LISTEN: u8 = 10;
/// Simultaneous close: the FIN of this side is not acknowledged yet.
pub const CLOSING: u8 = 11;
