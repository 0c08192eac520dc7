//! Run-queue latency: the time in which a thread was ready to run and had no CPU. It is noted in the storage of threads
//! that have picked data up late once. Other threads have no storage, and cost one lookup at a switch.
//!
//! The kernel adds up a thread's latencies (`sched_info.run_delay`, kernel/sched/stats.h). Between leaving a CPU and
//! getting one again, the sum grows by one latency, which ends at the switch. So the sum at both moments and the time
//! of the switch give the begin of the latency.

use tracer_flow::{bound::masked, difference::elapsed};

use crate::{
    maps,
    sock::Task,
    state::run_queue::{LATENCIES, Latency, RunQueue},
    storage,
};

/// Shortest latency that is noted, ns: the switch itself takes so long.
const SHORTEST_NS: u64 = 2_000;

/// True once any thread is watched.
#[inline(always)]
pub fn any() -> bool {
    maps::WATCHED.get(0) == Some(&1)
}

/// Notes that a thread leaves its CPU.
#[inline(always)]
pub fn stops(task: Task) {
    let Some(queue) = storage::run_queue(task) else {
        return;
    };
    let total_ns = task.run_delay_ns();
    if queue.known == 1
        && queue.running_since_ns != 0
        && let Some(latency) = last(queue, total_ns)
        && behind(&latency, latency.from_ns) >= SHORTEST_NS
    {
        let at = masked::<{ LATENCIES as u64 - 1 }>(queue.count);
        queue.latencies[at] = latency;
        queue.count = queue.count.wrapping_add(1);
    }
    queue.total_ns = total_ns;
    queue.known = 1;
}

/// Notes that a thread gets a CPU.
#[inline(always)]
pub fn runs(task: Task, now_ns: u64) {
    if let Some(queue) = storage::run_queue(task) {
        queue.running_since_ns = now_ns;
    }
}

/// Run-queue latency of the running thread between `from_ns` and `now_ns`; None if the thread was not watched before
/// its last latency. From now on it is watched.
#[inline(always)]
pub fn since(from_ns: u64, now_ns: u64) -> Option<u64> {
    let task = Task::current();
    let queue = storage::run_queue_or_new(task)?;
    if let Some(watched) = maps::WATCHED.get_ptr_mut(0) {
        // SAFETY: a slot of the map.
        unsafe { *watched = 1 };
    }
    if queue.known == 0 || queue.running_since_ns == 0 {
        return None;
    }
    let last = last(queue, task.run_delay_ns())?;
    let mut sum_ns = behind(&last, from_ns);
    let mut at = 0;
    while at < LATENCIES {
        sum_ns += behind(&queue.latencies[at], from_ns);
        at += 1;
    }
    let longest_ns = elapsed(now_ns, from_ns)?;
    Some(if sum_ns < longest_ns {
        sum_ns
    } else {
        longest_ns
    })
}

/// The latency that ended when the thread last got a CPU; `total_ns` is the current sum of its latencies. None if the
/// sum has shrunk, or the latency is longer than the clock's value: then nothing is known.
#[inline(always)]
fn last(queue: &RunQueue, total_ns: u64) -> Option<Latency> {
    let latency_ns = elapsed(total_ns, queue.total_ns)?;
    Some(Latency {
        from_ns: elapsed(queue.running_since_ns, latency_ns)?,
        to_ns: queue.running_since_ns,
    })
}

/// Part of a latency after `from_ns`, ns; 0 if it ended before.
#[inline(always)]
fn behind(latency: &Latency, from_ns: u64) -> u64 {
    let from_ns = if latency.from_ns > from_ns {
        latency.from_ns
    } else {
        from_ns
    };
    elapsed(latency.to_ns, from_ns).unwrap_or(0)
}
