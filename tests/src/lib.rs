//! Base of the end-to-end tests: servers and clients to trace, and three
//! witnesses that do not share a line of code with tracer: the packets on the
//! wire, the server's own count and the kernel's socket list.

pub mod build;
pub mod capture;
pub mod case;
pub mod certificate;
pub mod cgroup;
pub mod check;
pub mod client;
pub mod dns;
pub mod export;
pub mod faults;
pub mod grid;
pub mod histogram;
pub mod link;
pub mod lookups;
pub mod machine;
pub mod matrix;
pub mod namespace;
pub mod outcome;
pub mod pcap;
pub mod port;
pub mod process;
pub mod prometheus;
pub mod pty;
pub mod recording;
pub mod schema;
pub mod screen;
pub mod server;
pub mod site;
pub mod sockets;
pub mod tracer;
pub mod turns;
pub mod wire;
