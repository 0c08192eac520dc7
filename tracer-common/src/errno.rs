//! Error numbers that the kernel gives for a connection (`sk_err`), by name: include/uapi/asm-generic/errno.h.

/// The process has written behind the end of the connection.
pub const EPIPE: u32 = 32;
/// The network is down.
pub const ENETDOWN: u32 = 100;
/// No route leads to the network.
pub const ENETUNREACH: u32 = 101;
/// The peer has sent a RST.
pub const ECONNRESET: u32 = 104;
/// The peer has not answered in time.
pub const ETIMEDOUT: u32 = 110;
/// The peer has answered a SYN with a RST.
pub const ECONNREFUSED: u32 = 111;
/// The host is down.
pub const EHOSTDOWN: u32 = 112;
/// No route leads to the host.
pub const EHOSTUNREACH: u32 = 113;
