//! Server ports that nobody used lately, so that counts of sockets by port belong to this test.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use anyhow::{Result, bail};

use crate::sockets;

/// Range of ports below the ephemeral range, so that no client gets one of them.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Finds a port that is free on every loopback address, with no socket left in any state.
pub fn unused() -> Result<u16> {
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .subsec_nanos();
    for step in 0..200_u32 {
        let offset =
            seed.wrapping_add(step.wrapping_mul(7919)) % u32::from(RANGE.end - RANGE.start);
        let port = RANGE.start + u16::try_from(offset)?;
        if is_unused(port)? {
            return Ok(port);
        }
    }
    bail!("no unused port in {RANGE:?}")
}

fn is_unused(port: u16) -> Result<bool> {
    let free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
        && TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).is_ok();
    Ok(free && sockets::toward(port)?.is_empty() && sockets::from(port)?.is_empty())
}
