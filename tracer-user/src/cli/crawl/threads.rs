//! The threads of a crawl, and the CPUs they may use.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use tokio::runtime::{Builder, Runtime};
use tracer_crawler::{affinity, settings::Cpu};

use crate::failure::Failure;

/// Runtime of the crawl; each of its threads has a core of its own if the settings ask for it.
pub(super) fn runtime(cpu: &Cpu) -> Result<Runtime, Failure> {
    let internal = |error| Failure::internal("looking for CPUs")(io::Error::other(error));
    let allowed = affinity::allowed().map_err(internal)?;
    if cpu.pin {
        let mut cores = affinity::cores().map_err(internal)?;
        let wanted = cpu.threads.map_or(cores.len(), |threads| threads as usize);
        cores.truncate(wanted.max(1));
        return pinned(cores, allowed);
    }
    let threads = cpu
        .threads
        .map_or(allowed.len(), |threads| threads as usize);
    build(&mut builder(threads.max(1)))
}

fn builder(threads: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(threads)
        .thread_name("crawl")
        .enable_all();
    builder
}

fn build(builder: &mut Builder) -> Result<Runtime, Failure> {
    builder
        .build()
        .map_err(Failure::internal("starting the runtime"))
}

/// Number of started threads, and a way to wait for them.
#[derive(Default)]
struct Started {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Started {
    /// Calls `begin` in a new thread with the thread's number, from 0.
    fn next(&self, begin: impl FnOnce(usize)) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        begin(*count);
        *count += 1;
        self.changed.notify_all();
    }

    fn wait(&self, threads: usize) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(count, |count| *count < threads));
    }
}

/// Runtime with workers pinned to `cores`. The first threads are the workers, because nothing else runs before all of
/// them have started. Later threads are for blocking calls; they and the programs that they start may run on all
/// `allowed` CPUs, instead of on the core of the thread that made them.
fn pinned(cores: Vec<usize>, allowed: BTreeSet<usize>) -> Result<Runtime, Failure> {
    let (workers, started) = (cores.len(), Arc::<Started>::default());
    let counter = Arc::clone(&started);
    let bind = move |number: usize| {
        let bound = match cores.get(number) {
            Some(core) => affinity::pin_this_thread(*core),
            None => affinity::free_this_thread(&allowed),
        };
        if let Err(error) = bound {
            tracing::warn!(%error, "thread not pinned");
        }
    };
    let runtime = build(builder(workers).on_thread_start(move || counter.next(&bind)))?;
    started.wait(workers);
    Ok(runtime)
}
