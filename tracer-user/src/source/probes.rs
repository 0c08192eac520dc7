//! Probes that read the frames of HTTP/2 where TLS libraries get and return plain bytes: which files of which processes
//! get them, and when.
//!
//! The reader of the ring hands over process ids only. Files are read and probes are placed by a thread of its own, because
//! both may take longer than the ring has room for.

mod changes;
pub(crate) mod choice;
mod command;
mod file;
mod pace;
pub(crate) mod placer;
pub(crate) mod remark;
mod sight;
mod wake;

use std::{
    io,
    os::fd::AsFd,
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use self::{
    pace::Pace,
    placer::Placer,
    remark::Verdict,
    sight::{Sight, Sights},
    wake::{Gone, Sender, Waiter},
};
use crate::{
    source::kernel::uprobe::{self, Placed},
    trace::privilege,
};

/// Sights that wait for the thread at most; more are dropped, and the process is seen again when it connects again.
const QUEUE: usize = 1024;
/// Time for the owners of connections that are open when tracing begins; the thread looks at the rest.
const OWNERS: Duration = Duration::from_secs(1);
/// Longest wait for the thread at the end. It may be busy with a large file; the kernel then removes the probes when tracer
/// ends, and tracer ends later.
const HANDOVER: Duration = Duration::from_millis(200);
/// Time between two searches for probes that nobody needs any more.
const SEARCH: Duration = Duration::from_secs(30);

/// The reader's end of the thread that places probes. Dropping it ends the thread, too.
#[derive(Debug)]
pub(crate) struct Probes {
    sights: Sights,
    queue: Sender<Sight>,
    verdicts: Receiver<Verdict>,
    /// Probes that are left at the end.
    left: Receiver<Vec<Placed>>,
}

impl Probes {
    /// Starts the thread, which looks first at the owners of the sockets in `open`. `on_exec`: a process that starts another
    /// program is looked at without waiting for its first connection, because it is surely traced.
    pub(crate) fn start(placer: Placer, on_exec: bool, open: &[u8]) -> io::Result<Self> {
        let (queue, sights) = wake::queue(QUEUE)?;
        let (said, verdicts) = mpsc::channel();
        let (leave, left) = mpsc::channel();
        let mut thread = Thread {
            placer,
            pace: Pace::default(),
            sights,
            said,
        };
        std::thread::Builder::new()
            .name("tracer-probes".into())
            .spawn(move || {
                // Without the rights no probe can be placed, and each file says so.
                let _ = privilege::keep_for_probes();
                allow_descriptors();
                thread.run();
                let _ = leave.send(thread.placer.take_placed());
            })?;
        let mut probes = Self {
            sights: Sights::new(on_exec),
            queue,
            verdicts,
            left,
        };
        probes.see(open);
        Ok(probes)
    }

    /// Hands over the processes of these records, which follow one another.
    pub(crate) fn see(&mut self, records: &[u8]) {
        for sight in self.sights.of(records, Instant::now) {
            self.queue.send(sight);
        }
    }

    /// Ends the thread and removes all probes. Returns what was found out about each file.
    pub(crate) fn end(self) -> Vec<Verdict> {
        drop(self.queue);
        if let Ok(left) = self.left.recv_timeout(HANDOVER) {
            uprobe::remove_in_background(left);
        }
        self.verdicts.try_iter().collect()
    }
}

/// Looks at the owners of the sockets in these records, before tracing is said to have begun.
pub(crate) fn look_at_owners(placer: &mut Placer, open: &[u8]) {
    let begun = Instant::now();
    for sight in Sights::new(false).of(open, || begun) {
        if let Sight::Connects(pid) = sight
            && begun.elapsed() < OWNERS
        {
            placer.process(pid);
        }
    }
}

/// The thread that places probes.
struct Thread {
    placer: Placer,
    pace: Pace,
    sights: Waiter<Sight>,
    said: mpsc::Sender<Verdict>,
}

impl Thread {
    /// Looks at processes as they are seen, until the reader is gone.
    fn run(&mut self) {
        let mut search_at = Instant::now() + SEARCH;
        loop {
            for verdict in self.placer.take_verdicts() {
                // The reader takes them when the trace ends.
                let _ = self.said.send(verdict);
            }
            let due = self.pace.due().map_or(search_at, |due| due.min(search_at));
            let limit = due.saturating_duration_since(Instant::now());
            self.sights.wait(self.placer.as_fd(), Some(limit));
            self.placer.remove_changed();
            if self.take_sights().is_err() {
                return;
            }
            for pid in self.pace.take_due(Instant::now()) {
                self.placer.process(pid);
            }
            if search_at <= Instant::now() {
                self.placer.remove_unused();
                search_at = Instant::now() + SEARCH;
            }
        }
    }

    fn take_sights(&mut self) -> Result<(), Gone> {
        while let Some(sight) = self.sights.next()? {
            let now = Instant::now();
            match sight {
                Sight::Ends(pid) => self.pace.forget(pid),
                Sight::Executes(pid) => self.pace.begin(pid, now),
                Sight::Connects(pid) => {
                    if self.pace.may_look(pid, now) {
                        self.placer.process(pid);
                    }
                }
            }
        }
        Ok(())
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
