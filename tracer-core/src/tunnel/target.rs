//! Targets of tunnels, read from what a client sends to a proxy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{cursor::Cursor, host_name};

/// Limit of a name's length, as in the DNS.
const LONGEST: usize = 255;
/// Command of SOCKS that asks for a connection; others ask for no tunnel.
const CONNECT: u8 = 1;

/// Host and port that a tunnel leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host, as the client has named it.
    pub host: TargetHost,
    /// Port.
    pub port: u16,
}

/// Host of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetHost {
    /// Name in one spelling ([`host_name::canonical`]).
    Name(String),
    /// Address.
    Address(IpAddr),
}

impl Target {
    /// Address of the host, if the client has given it.
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            TargetHost::Address(address) => Some(address),
            TargetHost::Name(_) => None,
        }
    }

    /// Target with a host that is given as text; None when that is no host.
    fn named(text: &[u8], port: u16) -> Option<Self> {
        let address = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        let host = match address {
            Some(address) => TargetHost::Address(canonical(address)),
            None => TargetHost::Name(name(text)?),
        };
        Some(Self { host, port })
    }

    fn at(address: impl Into<IpAddr>, port: u16) -> Self {
        Self {
            host: TargetHost::Address(canonical(address.into())),
            port,
        }
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => address.to_canonical(),
        IpAddr::V4(_) => address,
    }
}

fn name(text: &[u8]) -> Option<String> {
    let name = host_name::canonical(text);
    (text.len() <= LONGEST && !name.is_empty()).then_some(name)
}

/// Target in the request line of CONNECT: `CONNECT host:port HTTP/1.1` (RFC 9112 3.2.3).
pub(super) fn of_connect(bytes: &[u8]) -> Option<Target> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let mut words = bytes[..end]
        .split(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        .filter(|word| !word.is_empty());
    let method = words.next()?;
    let authority = words.next().filter(|_| method == b"CONNECT")?;
    // User information does not belong here (RFC 9110 4.2.4), but may be there.
    let authority = authority.rsplit(|&byte| byte == b'@').next()?;
    let colon = authority.iter().rposition(|&byte| byte == b':')?;
    let port = str::from_utf8(&authority[colon + 1..]).ok()?.parse().ok()?;
    let host = &authority[..colon];
    let bare = host
        .strip_prefix(b"[")
        .and_then(|host| host.strip_suffix(b"]"));
    Target::named(bare.unwrap_or(host), port)
}

/// Target in absolute form of a request to a forward proxy: `GET http://host:port/ HTTP/1.1` (RFC 9112 3.2.2). The request
/// line may be cut off behind the host.
pub fn of_absolute(bytes: &[u8]) -> Option<Target> {
    const SCHEME: &[u8] = b"http://";
    const PORT: u16 = 80;
    let mut words = bytes.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let target = words.nth(1)?;
    let (scheme, rest) = target.split_at_checked(SCHEME.len())?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let is_whole = end.is_some() || words.next().is_some();
    if !scheme.eq_ignore_ascii_case(SCHEME) || !is_whole {
        return None;
    }
    let authority = rest[..end.unwrap_or(rest.len())]
        .rsplit(|&byte| byte == b'@')
        .next()?;
    let colon = authority.iter().rposition(|&byte| byte == b':');
    // In an address of IPv6 the last colon is a part of it, unless it comes behind the bracket.
    let colon = colon.filter(|&colon| !authority[colon..].contains(&b']'));
    let (host, port) = match colon {
        Some(colon) if colon + 1 < authority.len() => {
            let port = str::from_utf8(&authority[colon + 1..]).ok()?.parse().ok()?;
            (&authority[..colon], port)
        }
        Some(colon) => (&authority[..colon], PORT),
        None => (authority, PORT),
    };
    let bare = host
        .strip_prefix(b"[")
        .and_then(|host| host.strip_suffix(b"]"));
    Target::named(bare.unwrap_or(host), port)
}

/// Target in a request of SOCKS 4, whose address is 0.0.0.x when a name follows the user (4a).
pub(super) fn of_socks_4(bytes: &[u8]) -> Option<Target> {
    let mut cursor = Cursor::new(bytes.strip_prefix(&[4, CONNECT])?);
    let port = cursor.u16()?;
    let address: [u8; 4] = cursor.take(4)?.try_into().ok()?;
    match address {
        [0, 0, 0, mark] if mark != 0 => {
            cursor.until_nul()?;
            Target::named(cursor.until_nul()?, port)
        }
        _ => Some(Target::at(Ipv4Addr::from(address), port)),
    }
}

/// Target in the request of SOCKS 5, which follows the greeting and, when the proxy wants them, user and password.
pub(super) fn of_socks_5(bytes: &[u8]) -> Option<Target> {
    let mut cursor = Cursor::new(bytes.strip_prefix(&[5])?);
    cursor.vec8()?;
    let mut version = cursor.u8()?;
    if version == 1 {
        cursor.vec8()?;
        cursor.vec8()?;
        version = cursor.u8()?;
    }
    if version != 5 || cursor.take(2)? != [CONNECT, 0] {
        return None;
    }
    match cursor.u8()? {
        1 => {
            let address: [u8; 4] = cursor.take(4)?.try_into().ok()?;
            Some(Target::at(Ipv4Addr::from(address), cursor.u16()?))
        }
        3 => {
            let host = cursor.vec8()?;
            Target::named(host, cursor.u16()?)
        }
        4 => {
            let address: [u8; 16] = cursor.take(16)?.try_into().ok()?;
            Some(Target::at(Ipv6Addr::from(address), cursor.u16()?))
        }
        _ => None,
    }
}
