//! A link between two network namespaces that loses, doubles and reorders packets on request:
//! a pair of TUN devices with a thread between them.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};

use crate::namespace::Namespace;

/// Address of the client's end.
pub const CLIENT: &str = "10.99.0.1";
/// Address of the server's end.
pub const SERVER: &str = "10.99.0.2";

const IFF_TUN_NO_PI: libc::c_short = 0x1001;
const TUNSETIFF: libc::c_ulong = 0x4004_54ca;

/// Faults of the link. Each hits every n-th packet of a direction; 0 is never.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mischief {
    /// Packets that are lost.
    pub drop_each: u64,
    /// Packets that are sent twice.
    pub double_each: u64,
    /// Packets that are sent after the next one.
    pub swap_each: u64,
}

/// Two namespaces and the link between them.
pub struct Link {
    /// Namespace of the client.
    pub client: Namespace,
    /// Namespace of the server, which listens on [`SERVER`].
    pub server: Namespace,
    stop: Arc<AtomicBool>,
    forwarder: Option<JoinHandle<()>>,
}

impl Link {
    /// Sets both ends up with an MTU of 1500.
    pub fn start(mischief: Mischief) -> Result<Self> {
        let (client, server) = (Namespace::new()?, Namespace::new()?);
        let ends = [open_tun(&client)?, open_tun(&server)?];
        for (namespace, address) in [(&client, CLIENT), (&server, SERVER)] {
            namespace.ip(&["address", "add", &format!("{address}/24"), "dev", "tun0"])?;
            namespace.ip(&["link", "set", "tun0", "mtu", "1500", "up"])?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let forwarder = std::thread::spawn(move || {
            let mut queues = [Queue::default(), Queue::default()];
            while !stopped.load(Ordering::SeqCst) {
                forward(&ends, &mut queues, &mischief);
            }
        });
        Ok(Self {
            client,
            server,
            stop,
            forwarder: Some(forwarder),
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(forwarder) = self.forwarder.take() {
            // A panic of that thread has already been printed.
            let _ = forwarder.join();
        }
    }
}

fn open_tun(namespace: &Namespace) -> Result<File> {
    namespace.run(|| {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/net/tun");
        let file = file.context("/dev/net/tun: load the module tun")?;
        // SAFETY: all-zero is a valid ifreq.
        let mut request = unsafe { std::mem::zeroed::<libc::ifreq>() };
        for (to, from) in request.ifr_name.iter_mut().zip(b"tun0") {
            *to = from.cast_signed();
        }
        request.ifr_ifru.ifru_flags = IFF_TUN_NO_PI;
        // SAFETY: TUNSETIFF reads and writes one ifreq, alive for the call.
        let made = unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, &raw mut request) };
        ensure!(
            made == 0,
            "making tun0: {}",
            std::io::Error::last_os_error()
        );
        Ok(file)
    })
}

#[derive(Default)]
struct Queue {
    seen: u64,
    held: Option<Vec<u8>>,
}

impl Queue {
    /// Takes `packet` and gives the packets to send now.
    fn take(&mut self, packet: &[u8], mischief: &Mischief) -> Vec<Vec<u8>> {
        self.seen += 1;
        let hits = |each: u64| each > 0 && self.seen.is_multiple_of(each);
        let (drop, double, swap) = (
            hits(mischief.drop_each),
            hits(mischief.double_each),
            hits(mischief.swap_each),
        );
        if drop {
            return self.held.take().into_iter().collect();
        }
        if swap && self.held.is_none() {
            self.held = Some(packet.to_vec());
            return Vec::new();
        }
        let copies = std::iter::repeat_n(packet.to_vec(), if double { 2 } else { 1 });
        copies.chain(self.held.take()).collect()
    }
}

/// Passes packets on; after a quiet moment also those that were held back.
fn forward([client, server]: &[File; 2], queues: &mut [Queue; 2], mischief: &Mischief) {
    let mut polls = [client, server].map(|end| libc::pollfd {
        fd: end.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: two pollfds, alive for the call.
    unsafe { libc::poll(polls.as_mut_ptr(), 2, 5) };
    let mut packet = [0; 2048];
    let ways = [(client, server), (server, client)];
    for ((poll, (mut from, mut to)), queue) in polls.iter().zip(ways).zip(queues) {
        let outgoing = match poll.revents & libc::POLLIN {
            0 => queue.held.take().into_iter().collect(),
            _ => from
                .read(&mut packet)
                .map(|length| queue.take(packet.get(..length).unwrap_or_default(), mischief))
                .unwrap_or_default(),
        };
        for packet in outgoing {
            // The device may be going down at the end of the test.
            let _ = to.write_all(&packet);
        }
    }
}
