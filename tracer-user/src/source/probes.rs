//! Probes that read the frames of HTTP/2 where TLS libraries get and return plain bytes: which files of which processes
//! get them, and when.
//!
//! The reader of the ring hands over process ids only. Files are read and probes are placed by a thread of its own, because
//! both may take longer than the ring has room for.

pub(crate) mod choice;
mod command;
mod file;
mod pace;
pub(crate) mod placer;
pub(crate) mod remark;
mod sight;

use std::{
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    time::{Duration, Instant},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::trace::privilege;

use self::{
    pace::Pace,
    placer::Placer,
    remark::Verdict,
    sight::{Sight, Sights},
};

/// Sights that wait for the thread at most; more are dropped, and the process is seen again when it connects again.
const QUEUE: usize = 1024;
/// Time that the thread waits when no process is due.
const IDLE: Duration = Duration::from_secs(3600);

/// The reader's end of the thread that places probes. Dropping it ends the thread, which removes all probes.
#[derive(Debug)]
pub(crate) struct Probes {
    sights: Sights,
    queue: SyncSender<Sight>,
    verdicts: Receiver<Verdict>,
}

impl Probes {
    /// Starts the thread, which looks first at the owners of the sockets in `open`. `on_exec`: a process that starts another
    /// program is looked at without waiting for its first connection, because it is surely traced.
    pub(crate) fn start(mut placer: Placer, on_exec: bool, open: &[u8]) -> io::Result<Self> {
        let (queue, sights) = mpsc::sync_channel(QUEUE);
        let (said, verdicts) = mpsc::channel();
        std::thread::Builder::new()
            .name("tracer-probes".into())
            .spawn(move || {
                // Without the rights no probe can be placed, and each file says so.
                let _ = privilege::keep_for_probes();
                allow_descriptors();
                follow(&mut placer, &sights, &said);
            })?;
        let mut probes = Self {
            sights: Sights::new(on_exec),
            queue,
            verdicts,
        };
        probes.see(open);
        Ok(probes)
    }

    /// Hands over the processes of these records, which follow one another.
    pub(crate) fn see(&mut self, records: &[u8]) {
        for sight in self.sights.of(records, Instant::now()) {
            // A full queue drops the sight: see QUEUE.
            let _ = self.queue.try_send(sight);
        }
    }

    /// Ends the thread. Returns what was found out about each file.
    pub(crate) fn end(self) -> Vec<Verdict> {
        drop(self.queue);
        self.verdicts.try_iter().collect()
    }
}

/// Looks at processes as they are seen, until the reader is gone.
fn follow(placer: &mut Placer, sights: &Receiver<Sight>, said: &mpsc::Sender<Verdict>) {
    let mut pace = Pace::default();
    loop {
        for verdict in placer.take_verdicts() {
            // The reader takes them when the trace ends.
            let _ = said.send(verdict);
        }
        let now = Instant::now();
        let wait = pace
            .due()
            .map_or(IDLE, |due| due.saturating_duration_since(now));
        match sights.recv_timeout(wait) {
            Ok(Sight::Ends(pid)) => pace.forget(pid),
            Ok(Sight::Executes(pid)) => {
                pace.begin(pid, Instant::now());
            }
            Ok(Sight::Connects(pid)) if !pace.may_look(pid, Instant::now()) => {}
            Ok(Sight::Connects(pid)) => placer.process(pid),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        for pid in pace.take_due(Instant::now()) {
            placer.process(pid);
        }
    }
}

/// Raises the limit of open files as far as it may be: each probe has a descriptor. The command was started before, with
/// the limit that tracer was given.
fn allow_descriptors() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Without it, fewer files can be probed.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}
