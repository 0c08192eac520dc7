//! Notices to the service manager (sd_notify(3)): a datagram each, to the socket that NOTIFY_SOCKET names. Without the
//! variable nothing is sent.

use std::{
    ffi::OsString,
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::ffi::OsStrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::trace::clock;

/// Notices to the service manager.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// Interval of signs of life.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Notifier of this process, by its environment.
    pub(crate) fn of_environment() -> Self {
        let pid = std::process::id().to_string();
        let variable = |name: &str| std::env::var_os(name);
        let is_mine = variable("WATCHDOG_PID").is_none_or(|text| text == pid.as_str());
        let watchdog = variable("WATCHDOG_USEC").filter(|_| is_mine);
        Self::new(
            variable("NOTIFY_SOCKET"),
            watchdog.and_then(|text| text.into_string().ok()),
        )
    }

    /// Notifier to a socket: a path, or the name of an abstract one after an @. `watchdog` is the time in microseconds after
    /// which the manager takes a silent service for dead.
    fn new(path: Option<OsString>, watchdog: Option<String>) -> Self {
        let Some(path) = path else {
            return Self::default();
        };
        let address = match path.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            _ => SocketAddr::from_pathname(&path),
        };
        let socket = address.and_then(|address| Ok((UnixDatagram::unbound()?, address)));
        let usec: Option<u64> = watchdog.and_then(|text| text.parse().ok());
        Self {
            socket: socket.ok(),
            watchdog: usec
                .filter(|usec| *usec != 0)
                .map(|usec| Duration::from_micros(usec) / 2),
        }
    }

    /// Says that tracing has begun, or that settings were read again.
    pub(crate) fn ready(&self) {
        self.send("READY=1\nSTATUS=tracing");
    }

    /// Says that settings are being read again.
    pub(crate) fn reloading(&self) {
        let now_us = clock::monotonic_ns() / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"));
    }

    /// Says that the trace ends.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=writing results");
    }

    /// Gives a sign of life; returns the time of the next one.
    pub(crate) fn live(&self) -> Option<Instant> {
        let interval = self.watchdog?;
        self.send("WATCHDOG=1");
        Some(Instant::now() + interval)
    }

    fn send(&self, text: &str) {
        let Some((socket, address)) = &self.socket else {
            return;
        };
        // A manager that is gone needs no notice, and a notice is no reason to end a trace.
        let _: io::Result<usize> = socket.send_to_addr(text.as_bytes(), address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(manager: &UnixDatagram) -> String {
        let mut buffer = [0; 200];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn the_manager_hears_of_each_step() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::new(Some(path.into()), Some("2000000".into()));
        notifier.ready();
        assert_eq!(received(&manager), "READY=1\nSTATUS=tracing");
        notifier.reloading();
        let text = received(&manager);
        let usec = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(usec.parse::<u64>().unwrap() > 0);
        let next = notifier.live().unwrap();
        assert!(next <= Instant::now() + Duration::from_secs(1));
        assert_eq!(received(&manager), "WATCHDOG=1");
        notifier.stopping();
        assert!(received(&manager).starts_with("STOPPING=1\n"));
    }

    #[test]
    fn an_abstract_socket_has_an_at() {
        let name = format!("tracer-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        Notifier::new(Some(format!("@{name}").into()), None).ready();
        assert!(received(&manager).starts_with("READY=1"));
    }

    #[test]
    fn without_a_manager_nothing_is_sent() {
        let silent = Notifier::new(None, Some("1000000".into()));
        silent.ready();
        assert_eq!(silent.live(), None);
        let gone = Notifier::new(Some("/no/such/socket".into()), None);
        gone.ready();
        assert_eq!(gone.live(), None);
    }
}
