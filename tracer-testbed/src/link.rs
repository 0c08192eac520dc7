//! Two network namespaces joined by a link with a round trip, jitter, loss, duplicates and reordering.
//!
//! Each namespace has a TUN device; one thread reads packets from both, holds each for half the round
//! trip, and writes it to the other. No netem is needed. Segments are MTU sized, because the devices
//! offer no segmentation offload. Needs root and /dev/net/tun. With [`LinkOptions::netem`] the kernel does
//! the same on a veth pair.
//!
//! Namespaces have no names and devices are not persistent: both go with this process, however it ends.

mod counts;
mod device;
mod forward;
mod impair;
mod namespace;
mod netem;
mod packet;
mod random;
mod tun;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;

pub use counts::LinkCounts;

use namespace::Namespace;

/// Name of the interface inside both namespaces.
pub const DEVICE: &str = "tracer0";
const MTU_BYTES: i32 = 1500;

/// Effects of the link on packets. Both directions are alike, except for scripted holds.
#[derive(Debug, Clone, Default)]
pub struct LinkOptions {
    /// Round trip, half of it in each direction.
    pub rtt: Duration,
    /// Greatest additional delay in each direction, uniformly distributed; the order of packets stays.
    pub jitter: Duration,
    /// Probability that a packet is lost, 0 to 1.
    pub loss: f64,
    /// Probability that a packet is sent twice, 0 to 1.
    pub duplicate: f64,
    /// Probability that a TCP packet with data changes place with the next one of its connection, 0 to 1.
    pub reorder: f64,
    /// TCP packets that change place with the next one in any case.
    pub holds: Vec<Hold>,
    /// Bits per second in each direction; `None` is no limit. Packets that would wait longer than [`QUEUE_LIMIT`] are dropped.
    pub bandwidth_bits: Option<u64>,
    /// True if the kernel's sch_netem makes the link. Such a link has no scripted holds and no counts.
    pub netem: bool,
    /// Seed of the random numbers: the same seed and packets give the same decisions.
    pub seed: u64,
}

/// In every connection, hold one TCP packet back until the next data packet of the same connection and
/// direction has gone (at most [`HOLD_LIMIT`] longer than the delay).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The side that sends the packet.
    pub from: Side,
    /// Number of the data packet in its connection and direction. The first is 1; retransmissions count.
    pub data_packet: u32,
}

/// Time after which a held packet goes out even if no other packet overtook it.
pub const HOLD_LIMIT: Duration = Duration::from_millis(20);

/// Longest wait for a place on a link with a bandwidth.
pub const QUEUE_LIMIT: Duration = Duration::from_millis(250);

/// An end of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// End where the crawler runs.
    Client,
    /// End where the origin runs.
    Server,
}

/// Reasons why a link cannot be made.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The process is not root.
    #[error("a link needs root (network namespaces and TUN devices), this is user {uid}; use sudo")]
    Rights {
        /// Effective user.
        uid: u32,
    },
    /// A probability is outside 0 to 1.
    #[error("{name} is {got}, expected a probability from 0 to 1")]
    Probability {
        /// Name of the option.
        name: &'static str,
        /// Value of the option.
        got: f64,
    },
    /// The bandwidth is 0, so that nothing would ever arrive.
    #[error("the bandwidth is 0, expected at least 1 bit/s, or none given for no limit")]
    Bandwidth,
    /// netem cannot hold single packets.
    #[error("scripted holds do not go with netem; leave one of them out")]
    Holds,
    /// `ip` or `tc` failed.
    #[error("`{command}` failed: {reason}")]
    Program {
        /// Command line of the program.
        command: String,
        /// Error output of the program, or the reason why it did not start (package iproute2).
        reason: String,
    },
    /// The kernel has no netem.
    #[error(
        "this kernel has no sch_netem ({reason}); load or install the module, or leave --netem out: the link needs only TUN then"
    )]
    Netem {
        /// Error output of `tc`.
        reason: String,
    },
    /// A network namespace cannot be made.
    #[error(
        "cannot make a network namespace: {source}; root of the machine (CAP_SYS_ADMIN) is needed"
    )]
    Namespace {
        /// Error of the system.
        source: io::Error,
    },
    /// A namespace cannot be entered.
    #[error("cannot enter a network namespace: {source}")]
    Enter {
        /// Error of the system.
        source: io::Error,
    },
    /// The interface cannot be set up.
    #[error("cannot set interface {DEVICE} up: {source}")]
    Device {
        /// Error of the system.
        source: io::Error,
    },
    /// A TUN device cannot be made.
    #[error("cannot make a TUN device: {source}; is /dev/net/tun there and the tun module loaded?")]
    Tun {
        /// Error of the system.
        source: io::Error,
    },
    /// A thread or pipe cannot be made.
    #[error("cannot start the forwarding thread: {source}")]
    Thread {
        /// Error of the system.
        source: io::Error,
    },
}

/// A link; dropping it (also while panicking) ends the processes left in its namespaces and removes
/// namespaces, devices and thread.
#[derive(Debug)]
pub struct Link {
    // The order matters: the thread and its devices have to end before the namespaces.
    forwarder: Option<Forwarder>,
    client: Namespace,
    server: Namespace,
    counts: Arc<LinkCounts>,
}

impl Link {
    /// Makes the namespaces, devices and addresses and starts forwarding.
    pub fn new(options: LinkOptions) -> Result<Self, LinkError> {
        check(&options)?;
        let (client, server) = (Namespace::new()?, Namespace::new()?);
        let counts = Arc::new(LinkCounts::default());
        let tuns = match options.netem {
            true => netem::join(&client, &server, &options).map(|()| None)?,
            false => Some([open_tun(&client)?, open_tun(&server)?]),
        };
        set_up(&client, Side::Client)?;
        set_up(&server, Side::Server)?;
        let forwarder = tuns
            .map(|tuns| Forwarder::start(tuns, options, Arc::clone(&counts)))
            .transpose()
            .map_err(|source| LinkError::Thread { source })?;
        Ok(Self {
            forwarder,
            client,
            server,
            counts,
        })
    }

    /// File by which other programs enter a namespace while the link exists: `nsenter --net=FILE`.
    pub fn namespace_path(&self, side: Side) -> PathBuf {
        self.namespace(side).path()
    }

    /// Makes a command that runs in a namespace, and is killed when the thread that starts it ends. It leaves the
    /// mounts alone, unlike `ip netns exec`, which replaces /sys and so hides cgroups, bpffs and tracefs.
    pub fn command(
        &self,
        side: Side,
        program: impl AsRef<std::ffi::OsStr>,
    ) -> Result<Command, LinkError> {
        let mut command = Command::new(program);
        self.namespace(side).put(&mut command)?;
        Ok(command)
    }

    /// Runs `work` on a thread of its own in a namespace; sockets made there stay there.
    pub fn run_in<T: Send>(
        &self,
        side: Side,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T, LinkError> {
        self.namespace(side).run(work)
    }

    /// Counts of packets so far.
    pub fn counts(&self) -> &LinkCounts {
        &self.counts
    }

    /// Tells whether the forwarding thread is alive. With netem there is no such thread.
    pub fn is_forwarding(&self) -> bool {
        let thread = self.forwarder.as_ref().and_then(|f| f.thread.as_ref());
        thread.is_some_and(|thread| !thread.is_finished())
    }

    fn namespace(&self, side: Side) -> &Namespace {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl Side {
    /// IPv4 address of this end. All links use the same addresses, because no namespace sees another.
    pub fn ipv4(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, self.number())
    }

    /// IPv6 address of this end.
    pub fn ipv6(self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, self.number().into())
    }

    fn number(self) -> u8 {
        match self {
            Self::Client => 1,
            Self::Server => 2,
        }
    }
}

fn check(options: &LinkOptions) -> Result<(), LinkError> {
    let uid = nix::unistd::geteuid();
    if !uid.is_root() {
        return Err(LinkError::Rights { uid: uid.as_raw() });
    }
    let probabilities = [
        ("loss", options.loss),
        ("duplicate", options.duplicate),
        ("reorder", options.reorder),
    ];
    match probabilities
        .into_iter()
        .find(|(_, got)| !(0.0..=1.0).contains(got))
    {
        Some((name, got)) => Err(LinkError::Probability { name, got }),
        None if options.bandwidth_bits == Some(0) => Err(LinkError::Bandwidth),
        None if options.netem && !options.holds.is_empty() => Err(LinkError::Holds),
        None => Ok(()),
    }
}

fn open_tun(namespace: &Namespace) -> Result<tun::Tun, LinkError> {
    namespace
        .run(|| tun::Tun::open(DEVICE))?
        .map_err(|source| LinkError::Tun { source })
}

/// Gives a namespace its addresses and a long enough queue.
fn set_up(namespace: &Namespace, side: Side) -> Result<(), LinkError> {
    let work = || {
        device::up("lo")?;
        device::set_sizes(DEVICE, MTU_BYTES)?;
        device::up(DEVICE)?;
        device::add_address(DEVICE, IpAddr::from(side.ipv4()))?;
        device::add_address(DEVICE, IpAddr::from(side.ipv6()))
    };
    namespace
        .run(work)?
        .map_err(|source| LinkError::Device { source })
}

/// The forwarding thread and the pipe whose closing ends it.
#[derive(Debug)]
struct Forwarder {
    stop: Option<io::PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    fn start(
        tuns: [tun::Tun; 2],
        options: LinkOptions,
        counts: Arc<LinkCounts>,
    ) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let thread = std::thread::Builder::new().name("link".into());
        let thread = thread.spawn(move || forward::run(tuns, &options, &counts, &stopped))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // An error is a panic of that thread, which is already printed; everything else is removed all the same.
            let _ = thread.join();
        }
    }
}
