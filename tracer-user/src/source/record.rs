//! `--record`: writes the tracker's inputs to a file, in a thread of its own.
//!
//! Tracing never waits for the disk. The blocks that wait to be written are limited in size. Entries beyond the limit
//! are left out and counted, and the recording notes their number. When the disk fails, the recording ends and the
//! trace goes on.

use std::{
    fs::File,
    io::{self, Seek, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use tracer_core::input::Input;
use tracer_recording::{Encoder, End, Entry, RawBlock, Start, preamble};

/// Bytes that may wait for the disk.
const QUEUE_BYTES: usize = 32 << 20;
/// Bytes that may wait for the disk while nothing is traced: before the thread has started, and at the end.
const PATIENT_BYTES: usize = 256 << 20;
/// Least time between two clock entries, ns.
const CLOCK_NS: u64 = 1_000_000;
/// Age at which a block is written though it is not full, ns; so much is lost at most when tracer is killed.
const FLUSH_NS: u64 = 1_000_000_000;
/// Time limit for writing the rest at the end.
const DRAIN: Duration = Duration::from_secs(10);

/// Result of writing: bytes of the file, or the error.
type Outcome = Result<u64, String>;

/// The engine's end of the channel to the writing thread.
#[derive(Debug)]
struct Line {
    blocks: Option<mpsc::Sender<RawBlock>>,
    queued_bytes: Arc<AtomicUsize>,
    limit_bytes: usize,
    /// Entries left out since the last note of a loss in the recording.
    untold: u64,
    lost: u64,
}

impl Line {
    fn has_room(&self, bytes: usize) -> bool {
        self.queued_bytes.load(Ordering::Relaxed) + bytes <= self.limit_bytes
    }

    fn send(&mut self, block: RawBlock) {
        let Some(blocks) = &self.blocks else { return };
        if !self.has_room(block.len()) {
            self.untold += block.entries;
            self.lost += block.entries;
            return;
        }
        self.queued_bytes.fetch_add(block.len(), Ordering::Relaxed);
        if blocks.send(block).is_err() {
            // The thread has ended and has sent the reason.
            self.blocks = None;
        }
    }
}

/// A recording under way.
#[derive(Debug)]
pub(crate) struct Recorder {
    encoder: Encoder,
    line: Line,
    idle: Option<Writer>,
    outcome: mpsc::Receiver<Outcome>,
    /// True once [`Self::failure`] has returned the error that ended the recording.
    failed: bool,
    clock_ns: u64,
    flushed_ns: u64,
}

impl Recorder {
    /// Makes a recorder for `file`. Entries wait in memory until [`Self::start`] is called.
    pub(crate) fn new(file: File, start: Start) -> Self {
        let (sender, blocks) = mpsc::channel();
        let (tell, outcome) = mpsc::channel();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let mut recorder = Self {
            encoder: Encoder::default(),
            line: Line {
                blocks: Some(sender),
                queued_bytes: Arc::clone(&queued_bytes),
                limit_bytes: PATIENT_BYTES,
                untold: 0,
                lost: 0,
            },
            idle: Some(Writer {
                file,
                blocks,
                queued_bytes,
                tell,
                good_bytes: 0,
            }),
            outcome,
            failed: false,
            clock_ns: 0,
            flushed_ns: start.started_ns,
        };
        recorder.push(&Entry::Start(Box::new(start)));
        recorder
    }

    /// Starts the writing thread. Rights must have been given up before.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        if let Some(writer) = self.idle.take() {
            std::thread::Builder::new()
                .name("tracer-record".into())
                .spawn(move || writer.run())?;
        }
        self.line.limit_bytes = QUEUE_BYTES;
        Ok(())
    }

    fn push(&mut self, entry: &Entry<'_>) {
        if self.line.blocks.is_none() {
            return;
        }
        let line = &mut self.line;
        if !self.encoder.push(entry, &mut |block| line.send(block)) {
            line.untold += 1;
            line.lost += 1;
        }
    }

    /// Records an input.
    pub(crate) fn input(&mut self, input: &Input<'_>) {
        if self.line.untold != 0 && self.line.has_room(QUEUE_BYTES / 2) {
            let inputs = std::mem::take(&mut self.line.untold);
            self.push(&Entry::Input(Input::Loss { inputs }));
        }
        // The clone is cheap: records in `Input` are borrowed, not copied.
        self.push(&Entry::Input(input.clone()));
    }

    /// Notes that the following inputs came at `now_ns` or later.
    pub(crate) fn clock(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.clock_ns) >= CLOCK_NS {
            self.clock_ns = now_ns;
            self.push(&Entry::Clock { now_ns });
        }
        if now_ns.saturating_sub(self.flushed_ns) >= FLUSH_NS {
            self.flushed_ns = now_ns;
            self.line.send(self.encoder.take());
        }
    }

    /// Reason why the recording has ended before the trace; returned once.
    pub(crate) fn failure(&mut self) -> Option<String> {
        if self.failed {
            return None;
        }
        match self.outcome.try_recv() {
            Ok(Err(failure)) => {
                self.failed = true;
                self.line.blocks = None;
                Some(failure)
            }
            _ => None,
        }
    }

    /// Ends the recording; the thread goes on until all is on the disk. None when its failure was already reported.
    pub(crate) fn end(mut self, end: End) -> Option<Ending> {
        if self.failed {
            return None;
        }
        self.line.limit_bytes = PATIENT_BYTES;
        if self.line.untold != 0 {
            let inputs = std::mem::take(&mut self.line.untold);
            self.push(&Entry::Input(Input::Loss { inputs }));
        }
        let lost = self.line.lost;
        self.push(&Entry::End(End { lost, ..end }));
        self.line.send(self.encoder.take());
        // The closed channel ends the thread once it has written the waiting blocks.
        self.line.blocks = None;
        Some(Ending {
            outcome: self.outcome,
            lost: self.line.lost,
        })
    }

    /// Raises the limit of waiting bytes, for much data while nothing is traced.
    pub(crate) fn be_patient(&mut self) {
        self.line.limit_bytes = PATIENT_BYTES;
    }
}

/// A recording whose rest is being written.
#[derive(Debug)]
pub(crate) struct Ending {
    outcome: mpsc::Receiver<Outcome>,
    lost: u64,
}

/// Bytes of the file and number of entries left out, or the error.
pub(crate) type Written = Result<(u64, u64), String>;

impl Ending {
    /// Result of the recording, if it is complete.
    pub(crate) fn poll(&self) -> Option<Written> {
        match self.outcome.try_recv() {
            Ok(outcome) => Some(outcome.map(|bytes| (bytes, self.lost))),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => Some(Err("its thread has failed".to_owned())),
        }
    }

    /// Waits for the end of the recording, [`DRAIN`] at most.
    pub(crate) fn wait(self) -> Written {
        let late = |_| {
            Err(format!(
                "its disk takes longer than {} s for the rest",
                DRAIN.as_secs()
            ))
        };
        let outcome = self.outcome.recv_timeout(DRAIN).unwrap_or_else(late);
        outcome.map(|bytes| (bytes, self.lost))
    }
}

/// The thread that compresses and writes blocks.
#[derive(Debug)]
struct Writer {
    file: File,
    blocks: mpsc::Receiver<RawBlock>,
    queued_bytes: Arc<AtomicUsize>,
    tell: mpsc::Sender<Outcome>,
    good_bytes: u64,
}

impl Writer {
    fn run(mut self) {
        let outcome = match self.write() {
            Ok(()) => Ok(self.good_bytes),
            Err(error) => {
                // A part of a block cannot be read, so it is cut off.
                let _ = self.file.set_len(self.good_bytes);
                Err(error.to_string())
            }
        };
        // The receiver is gone when the engine has given up waiting.
        let _ = self.tell.send(outcome);
    }

    fn write(&mut self) -> io::Result<()> {
        self.put(&preamble::write())?;
        let mut number = 0;
        while let Ok(block) = self.blocks.recv() {
            self.put(&block.seal(number))?;
            number += 1;
            self.queued_bytes.fetch_sub(block.len(), Ordering::Relaxed);
        }
        self.file.sync_all()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.good_bytes = self.file.stream_position()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tracer_recording::Reader;

    use super::*;

    fn start() -> Start {
        Start {
            version: String::new(),
            commit: String::new(),
            hostname: String::new(),
            kernel: String::new(),
            arch: String::new(),
            cpus: 1,
            started_at_ns: 0,
            started_ns: 0,
            filter: tracer_export::Filter::default(),
            command: None,
            hosts: Vec::new(),
            max_hosts: 1,
            max_connections: 1,
        }
    }

    fn entries(mut file: File) -> (u64, u64) {
        file.rewind().unwrap();
        let (mut reader, _) = Reader::open(io::BufReader::new(file)).unwrap();
        let (mut inputs, mut lost) = (0, 0);
        while let Some(entry) = reader.next() {
            match entry {
                Entry::Input(Input::Loss { inputs }) => lost += inputs,
                Entry::Input(_) => inputs += 1,
                _ => {}
            }
        }
        (inputs, lost)
    }

    #[test]
    fn all_is_written_in_order() {
        let file = tempfile::tempfile().unwrap();
        let mut recorder = Recorder::new(file.try_clone().unwrap(), start());
        recorder.input(&Input::UnseenNamespace { netns: 1 });
        recorder.start().unwrap();
        for netns in 0..1000 {
            recorder.clock(u64::from(netns) * CLOCK_NS);
            recorder.input(&Input::UnseenNamespace { netns });
        }
        let (bytes, lost) = recorder.end(End::default()).unwrap().wait().unwrap();
        assert_eq!((bytes, lost), (file.metadata().unwrap().len(), 0));
        assert_eq!(entries(file), (1001, 0));
    }

    /// A disk so slow that nothing is written during the trace.
    #[test]
    fn a_slow_disk_thins_the_recording_and_bounds_memory() {
        let file = tempfile::tempfile().unwrap();
        let mut recorder = Recorder::new(file.try_clone().unwrap(), start());
        recorder.line.limit_bytes = QUEUE_BYTES;
        let record = vec![7; 64 << 10];
        let count = 3 * (QUEUE_BYTES as u64) / (64 << 10);
        for _ in 0..count {
            recorder.input(&Input::Record(&record));
            assert!(recorder.line.queued_bytes.load(Ordering::Relaxed) <= QUEUE_BYTES);
        }
        recorder.start().unwrap();
        let (_, lost) = recorder.end(End::default()).unwrap().wait().unwrap();
        assert!(lost > count / 2, "{lost} of {count}");
        assert_eq!(entries(file), (count - lost, lost));
    }

    #[test]
    fn a_full_disk_ends_it_and_says_so_once() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut recorder = Recorder::new(full, start());
        recorder.start().unwrap();
        let failure = loop {
            recorder.input(&Input::UnseenNamespace { netns: 1 });
            if let Some(failure) = recorder.failure() {
                break failure;
            }
            std::thread::yield_now();
        };
        assert!(failure.contains("No space left"), "{failure}");
        recorder.input(&Input::UnseenNamespace { netns: 1 });
        assert_eq!(recorder.failure(), None);
        assert!(recorder.end(End::default()).is_none());
    }
}
