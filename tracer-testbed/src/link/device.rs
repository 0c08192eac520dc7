//! Setting up an interface by ioctl in the network namespace of the calling thread, without programs of other
//! packages.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Most packets that wait for a reader of the device.
const QUEUE_PACKETS: libc::c_int = 10_000;
const IPV4_PREFIX_BITS: u32 = 24;
const IPV6_PREFIX_BITS: u32 = 64;

/// Makes a request that names an interface and is zero otherwise.
pub(super) fn request(name: &str) -> libc::ifreq {
    // SAFETY: all-zero is a valid ifreq: integers, byte arrays and a null pointer.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let bytes = name.bytes().take(libc::IFNAMSIZ - 1);
    for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
        *to = from.cast_signed();
    }
    request
}

/// Brings the interface up.
pub(super) fn up(name: &str) -> io::Result<()> {
    let mut request = request(name);
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    ioctl(
        &control(AddressFamily::Inet)?,
        libc::SIOCSIFFLAGS,
        &mut request,
    )
}

/// Sets the size of packets and the length of the queue.
pub(super) fn set_sizes(name: &str, mtu_bytes: i32) -> io::Result<()> {
    let control = control(AddressFamily::Inet)?;
    let mut request = request(name);
    request.ifr_ifru.ifru_mtu = mtu_bytes;
    ioctl(&control, libc::SIOCSIFMTU, &mut request)?;
    // The queue's length is an int in the same union (netdevice(7), ifr_qlen).
    request.ifr_ifru.ifru_metric = QUEUE_PACKETS;
    ioctl(&control, libc::SIOCSIFTXQLEN, &mut request)
}

/// Adds an address; a /24 or a /64 is reached through the interface.
pub(super) fn add_address(name: &str, address: IpAddr) -> io::Result<()> {
    match address {
        IpAddr::V4(address) => add_ipv4(name, address),
        IpAddr::V6(address) => add_ipv6(name, address),
    }
}

fn add_ipv4(name: &str, address: Ipv4Addr) -> io::Result<()> {
    let control = control(AddressFamily::Inet)?;
    let mask = Ipv4Addr::from_bits(u32::MAX << (32 - IPV4_PREFIX_BITS));
    for (code, value) in [(libc::SIOCSIFADDR, address), (libc::SIOCSIFNETMASK, mask)] {
        let mut request = request(name);
        request.ifr_ifru.ifru_addr = socket_address(value);
        ioctl(&control, code, &mut request)?;
    }
    Ok(())
}

/// Makes a struct sockaddr_in as a struct sockaddr: family, port 0, four bytes of address (ip(7)).
fn socket_address(address: Ipv4Addr) -> libc::sockaddr {
    let mut data = [0; 14];
    for (to, from) in data[2..6].iter_mut().zip(address.octets()) {
        *to = from.cast_signed();
    }
    libc::sockaddr {
        sa_family: libc::AF_INET as libc::sa_family_t,
        sa_data: data,
    }
}

fn add_ipv6(name: &str, address: Ipv6Addr) -> io::Result<()> {
    let mut request = libc::in6_ifreq {
        ifr6_addr: libc::in6_addr {
            s6_addr: address.octets(),
        },
        ifr6_prefixlen: IPV6_PREFIX_BITS,
        ifr6_ifindex: nix::net::if_::if_nametoindex(name)?.cast_signed(),
    };
    let control = control(AddressFamily::Inet6)?;
    ioctl(&control, libc::SIOCSIFADDR, &mut request)
}

fn control(family: AddressFamily) -> io::Result<OwnedFd> {
    Ok(socket(
        family,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?)
}

/// Calls ioctl. `T` is the structure of the request that belongs to `code` and the family of the socket.
fn ioctl<T>(control: &OwnedFd, code: libc::c_ulong, request: &mut T) -> io::Result<()> {
    // SAFETY: the callers pair each code with the structure which the kernel reads for it (netdevice(7);
    // linux/ipv6.h for in6_ifreq); it outlives the call.
    match unsafe { libc::ioctl(control.as_raw_fd(), code, &raw mut *request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
