//! Addresses of a connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tracer_common::record::Endpoint;

const AF_INET6: u16 = 10;

/// Remote address and port; an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) is returned as IPv4.
pub fn remote(endpoint: &Endpoint) -> SocketAddr {
    SocketAddr::new(
        address(endpoint.family, &endpoint.remote),
        endpoint.remote_port,
    )
}

/// Local address and port; an IPv4-mapped IPv6 address is returned as IPv4.
pub fn local(endpoint: &Endpoint) -> SocketAddr {
    SocketAddr::new(
        address(endpoint.family, &endpoint.local),
        endpoint.local_port,
    )
}

fn address(family: u16, bytes: &[u8; 16]) -> IpAddr {
    if family == AF_INET6 {
        Ipv6Addr::from(*bytes).to_canonical()
    } else {
        IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]))
    }
}

/// Text of a comm: the bytes before its NUL, with invalid UTF-8 replaced.
pub fn comm(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
