//! Run-queue latency: how long threads were ready to run and had no CPU, in the storage of threads that have picked data
//! up late once. All other threads have none, and cost one look at a switch.
//!
//! The kernel sums a thread's latencies up (`sched_info.run_delay`, kernel/sched/stats.h). From when it leaves a CPU
//! until it has one again the sum grows by one latency, which ends at the switch: so the sum, read at both ends,
//! and the time of the switch tell when it began.

use crate::{
    bound::masked,
    difference::elapsed,
    maps,
    sock::Task,
    state::run_queue::{LATENCIES, Latency, RunQueue},
    storage,
};

/// Latencies shorter than this are left out, ns: a switch by itself takes that.
const SHORTEST_NS: u64 = 2_000;

/// Any thread has been watched so far.
#[inline(always)]
pub fn any() -> bool {
    maps::WATCHED.get(0) == Some(&1)
}

/// A thread leaves its CPU.
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

/// A thread is given a CPU.
#[inline(always)]
pub fn runs(task: Task, now_ns: u64) {
    if let Some(queue) = storage::run_queue(task) {
        queue.running_since_ns = now_ns;
    }
}

/// Run-queue latency of the running thread between `from_ns` and `now_ns`; None when it has not been watched since before
/// its last latency. From now on it is.
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

/// The latency that ended when the thread was last given a CPU; `total_ns` is the sum of its latencies by now. None when
/// the sum has shrunk or the clock is younger than the latency: then nothing is known.
#[inline(always)]
fn last(queue: &RunQueue, total_ns: u64) -> Option<Latency> {
    let latency_ns = elapsed(total_ns, queue.total_ns)?;
    Some(Latency {
        from_ns: elapsed(queue.running_since_ns, latency_ns)?,
        to_ns: queue.running_since_ns,
    })
}

/// Part of a latency that lies behind `from_ns`, ns; 0 when it was over by then.
#[inline(always)]
fn behind(latency: &Latency, from_ns: u64) -> u64 {
    let from_ns = if latency.from_ns > from_ns {
        latency.from_ns
    } else {
        from_ns
    };
    elapsed(latency.to_ns, from_ns).unwrap_or(0)
}
