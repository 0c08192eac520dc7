//! Captures the TCP segments of one server port on `lo`, or all packets of a TUN device, with an AF_PACKET socket:
//! an independent clock and an independent count. Needs no external program.

use std::ffi::CString;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, ensure};

use crate::namespace::Namespace;
use crate::wire::Segment;

/// Size of the receive buffer, enough for a burst while this thread has no CPU.
const RECEIVE_BUFFER_BYTES: libc::c_int = 256 << 20;
/// Size of the buffer for a frame: on loopback it can have 64 KiB plus headers.
const FRAME_BYTES: usize = 70_000;
/// Addresses of an Ethernet header, which packets of a TUN device do not have.
const NO_ADDRESSES: [u8; 12] = [0; 12];
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;

/// A captured Ethernet frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Time when the capturing host saw the frame, ns since the epoch.
    pub time_ns: u64,
    /// Bytes of the frame.
    pub bytes: Vec<u8>,
}

/// Place of a capture.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Segments from and to a port on `lo`.
    Loopback(u16),
    /// All packets of a TUN device with this name.
    Tun(&'static str),
}

/// A running capture.
pub struct Capture {
    stop: Arc<AtomicBool>,
    reader: JoinHandle<Result<Vec<Frame>>>,
}

impl Capture {
    /// Captures on `lo` of the network namespace the caller is in.
    pub fn start(port: u16) -> Result<Self> {
        Self::start_in(None, port)
    }

    /// Captures on `lo` of `namespace`.
    pub fn start_in(namespace: Option<&Namespace>, port: u16) -> Result<Self> {
        Self::start_at(namespace, Place::Loopback(port))
    }

    /// Captures everything on a TUN device of the network namespace the caller is in.
    pub fn start_on_tun(name: &'static str) -> Result<Self> {
        Self::start_at(None, Place::Tun(name))
    }

    fn start_at(namespace: Option<&Namespace>, place: Place) -> Result<Self> {
        let entry = namespace.map(Namespace::open).transpose()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (ready, opened) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let socket = entry
                .map_or(Ok(()), |entry| entry.enter())
                .and_then(|()| open(place));
            match socket {
                Ok(socket) => {
                    ready.send(Ok(()))?;
                    read(&socket, place, &stopped)
                }
                Err(error) => {
                    ready.send(Err(error))?;
                    Ok(Vec::new())
                }
            }
        });
        opened.recv()??;
        Ok(Self { stop, reader })
    }

    /// Ends the capture and gives every segment; a dropped segment is an error.
    pub fn finish(self) -> Result<Vec<Segment>> {
        let frames = self.frames()?;
        let segments = frames.iter();
        Ok(segments
            .filter_map(|frame| Segment::parse(frame.time_ns, &frame.bytes))
            .collect())
    }

    /// Ends the capture and gives every frame; a dropped frame is an error.
    pub fn frames(self) -> Result<Vec<Frame>> {
        self.stop.store(true, Ordering::SeqCst);
        self.reader
            .join()
            .map_err(|_panic| anyhow!("the capture thread panicked"))?
    }
}

fn open(place: Place) -> Result<OwnedFd> {
    // SAFETY: socket() takes no pointers; the result is checked before it is owned.
    let raw = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    ensure!(
        raw >= 0,
        "packet socket: {} (needs CAP_NET_RAW)",
        io::Error::last_os_error()
    );
    // SAFETY: `raw` is a new descriptor nobody else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    set(
        &socket,
        libc::SOL_SOCKET,
        libc::SO_RCVBUFFORCE,
        &RECEIVE_BUFFER_BYTES,
    )?;
    set(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32)?;
    let timeout = libc::timeval {
        tv_sec: 0,
        tv_usec: 20_000,
    };
    set(&socket, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &timeout)?;
    match place {
        Place::Loopback(port) => {
            // A packet on `lo` would be seen twice.
            set(&socket, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1_i32)?;
            filter(&socket, port)?;
            bind(&socket, "lo")?;
        }
        Place::Tun(name) => bind(&socket, name)?,
    }
    Ok(socket)
}

fn filter(socket: &OwnedFd, port: u16) -> Result<()> {
    let mut filter = port_filter(port);
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len())?,
        filter: filter.as_mut_ptr(),
    };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

fn bind(socket: &OwnedFd, device: &str) -> Result<()> {
    let name = CString::new(device)?;
    // SAFETY: all-zero is a valid sockaddr_ll; the name is a C string.
    let (mut address, index) = unsafe {
        (
            zeroed::<libc::sockaddr_ll>(),
            libc::if_nametoindex(name.as_ptr()),
        )
    };
    ensure!(
        index != 0,
        "no interface {device}: {}",
        io::Error::last_os_error()
    );
    address.sll_family = u16::try_from(libc::AF_PACKET)?;
    address.sll_protocol = u16::try_from(libc::ETH_P_ALL)?.to_be();
    address.sll_ifindex = index.cast_signed();
    let length = u32::try_from(size_of::<libc::sockaddr_ll>())?;
    // SAFETY: the pointer and length describe `address`, which lives past the call.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    ensure!(
        bound == 0,
        "binding the packet socket: {}",
        io::Error::last_os_error()
    );
    Ok(())
}

fn set<T>(socket: &OwnedFd, level: libc::c_int, name: libc::c_int, value: &T) -> Result<()> {
    let length = u32::try_from(size_of::<T>())?;
    let value: *const T = value;
    // SAFETY: pointer and length describe one T, which the kernel only reads.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.cast(), length) };
    ensure!(
        result == 0,
        "setsockopt {level}/{name}: {}",
        io::Error::last_os_error()
    );
    Ok(())
}

/// Classic BPF filter for TCP over IPv4 (no options) or IPv6 with `port` on either side.
fn port_filter(port: u16) -> Vec<libc::sock_filter> {
    const BYTE: u16 = 0x30;
    const HALF: u16 = 0x28;
    const EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let step = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    let port = u32::from(port);
    vec![
        step(HALF, 12, 0, 0),
        step(EQUAL, 0x0800, 0, 6),
        step(BYTE, 23, 0, 0),
        step(EQUAL, 6, 0, 11),
        step(HALF, 34, 0, 0),
        step(EQUAL, port, 10, 0),
        step(HALF, 36, 0, 0),
        step(EQUAL, port, 8, 7),
        step(EQUAL, 0x86dd, 0, 6),
        step(BYTE, 20, 0, 0),
        step(EQUAL, 6, 0, 4),
        step(HALF, 54, 0, 0),
        step(EQUAL, port, 3, 0),
        step(HALF, 56, 0, 0),
        step(EQUAL, port, 1, 0),
        step(RETURN, 0, 0, 0),
        step(RETURN, 0x4_0000, 0, 0),
    ]
}

fn read(socket: &OwnedFd, place: Place, stop: &AtomicBool) -> Result<Vec<Frame>> {
    let mut frames = Vec::new();
    let mut frame = vec![0_u8; FRAME_BYTES];
    loop {
        let last_round = stop.load(Ordering::SeqCst);
        while let Some((length, time_ns)) = receive(socket, &mut frame)? {
            let packet = frame.get(..length).context("long frame")?;
            let bytes = match place {
                Place::Loopback(_) => packet.to_vec(),
                Place::Tun(_) => with_ethernet(packet),
            };
            frames.push(Frame { time_ns, bytes });
        }
        if last_round {
            break;
        }
    }
    ensure!(
        drops(socket)? == 0,
        "the capture lost packets: its figures would be wrong"
    );
    Ok(frames)
}

/// Packet of IPv4 or IPv6 with an Ethernet header in front.
fn with_ethernet(packet: &[u8]) -> Vec<u8> {
    let kind = match packet.first().map(|first| first >> 4) {
        Some(6) => libc::ETH_P_IPV6,
        _ => libc::ETH_P_IP,
    };
    let [.., high, low] = kind.to_be_bytes();
    [NO_ADDRESSES.as_slice(), &[high, low], packet].concat()
}

/// Receives one frame and its time; None if none comes within the socket's timeout.
fn receive(socket: &OwnedFd, frame: &mut [u8]) -> Result<Option<(usize, u64)>> {
    let mut control = [0_u64; 16];
    let mut vector = libc::iovec {
        iov_base: frame.as_mut_ptr().cast(),
        iov_len: frame.len(),
    };
    // SAFETY: all-zero is a valid msghdr; its pointers are set to live buffers of the stated sizes.
    let mut message = unsafe { zeroed::<libc::msghdr>() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: `message` describes buffers that live past the call.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    if length < 0 {
        let error = io::Error::last_os_error();
        return match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            _ => Err(error).context("reading the packet socket"),
        };
    }
    // SAFETY: the kernel filled `message`, whose control buffer is still alive.
    let time_ns = unsafe { timestamp(&message) }.context("a packet without a time")?;
    Ok(Some((usize::try_from(length)?, time_ns)))
}

/// # Safety
/// `message` was filled by recvmsg and its control buffer is alive.
unsafe fn timestamp(message: &libc::msghdr) -> Option<u64> {
    // SAFETY: by the contract above the first header, if any, lies in the control buffer.
    let header = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() }?;
    if header.cmsg_type != libc::SCM_TIMESTAMPNS {
        return None;
    }
    // SAFETY: this message type carries one timespec.
    let time = unsafe {
        libc::CMSG_DATA(header)
            .cast::<libc::timespec>()
            .read_unaligned()
    };
    Some(u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
}

fn drops(socket: &OwnedFd) -> Result<u32> {
    // SAFETY: all-zero is a valid tpacket_stats.
    let mut statistics = unsafe { zeroed::<libc::tpacket_stats>() };
    let mut length = u32::try_from(size_of::<libc::tpacket_stats>())?;
    // SAFETY: the pointers describe `statistics` and `length`, both alive and writable.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut statistics).cast(),
            &raw mut length,
        )
    };
    ensure!(
        result == 0,
        "packet statistics: {}",
        io::Error::last_os_error()
    );
    Ok(statistics.tp_drops)
}
