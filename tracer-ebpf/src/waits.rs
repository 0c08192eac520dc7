//! Waits of threads that were ready to run and had no CPU, in the storage of threads that have picked data up late
//! once. All other threads have none, and cost one look at a switch.
//!
//! The kernel sums a thread's waits up (`sched_info.run_delay`, kernel/sched/stats.h). From when it leaves a CPU
//! until it has one again the sum grows by one wait, which ends at the switch: so the sum, read at both ends,
//! and the time of the switch tell when it began.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE, task_struct},
    helpers::generated::bpf_task_storage_get,
};

use crate::{bound::masked, difference::elapsed, maps, sock::Task};

/// Waits remembered of one thread; what lies before them is not counted.
const WAITS: usize = 32;
/// Waits shorter than this are left out, ns: a switch by itself takes that.
const SHORTEST_NS: u64 = 2_000;
const NO_PREALLOC: usize = 1;
const CREATE: u64 = 1;

/// A stretch of time, ns.
#[repr(C)]
#[derive(Clone, Copy)]
struct Wait {
    from_ns: u64,
    to_ns: u64,
}

/// Waits of one thread. All zero when made.
#[repr(C)]
pub struct Waits {
    /// Time when the thread was last given a CPU, ns; 0 when it has not been seen to be.
    running_since_ns: u64,
    /// Sum of its waits when it last left a CPU, ns.
    total_ns: u64,
    /// Waits so far.
    count: u32,
    /// 1: `total_ns` is set.
    known: u32,
    waits: [Wait; WAITS],
}

/// A map in task storage, described as aya describes those it knows.
#[repr(C)]
pub struct TaskStorage<T> {
    r#type: *const [i32; BPF_MAP_TYPE_TASK_STORAGE as usize],
    key: *const i32,
    value: *const T,
    max_entries: *const [i32; 0],
    map_flags: *const [i32; NO_PREALLOC],
}

// SAFETY: pointers that only describe the map to the loader; nothing reads through them.
unsafe impl<T> Sync for TaskStorage<T> {}

impl<T> TaskStorage<T> {
    /// For the static that is the map.
    pub const fn new() -> Self {
        Self {
            r#type: core::ptr::null(),
            key: core::ptr::null(),
            value: core::ptr::null(),
            max_entries: core::ptr::null(),
            map_flags: core::ptr::null(),
        }
    }
}

#[inline(always)]
fn of(task: Task, flags: u64) -> Option<&'static mut Waits> {
    let task = task.0.cast_mut().cast::<task_struct>();
    // SAFETY: a typed task; the map is a task storage with values of type Waits.
    unsafe {
        let waits: *mut c_void =
            bpf_task_storage_get(maps::waits(), task, core::ptr::null_mut(), flags);
        waits.cast::<Waits>().as_mut()
    }
}

/// Any thread has been watched so far.
#[inline(always)]
pub fn any() -> bool {
    maps::WATCHED.get(0) == Some(&1)
}

/// A thread leaves its CPU.
#[inline(always)]
pub fn stops(task: Task) {
    let Some(waits) = of(task, 0) else { return };
    let total_ns = task.run_delay_ns();
    if waits.known == 1
        && waits.running_since_ns != 0
        && let Some(wait) = waits.last(total_ns)
        && behind(&wait, wait.from_ns) >= SHORTEST_NS
    {
        let at = masked::<{ WAITS as u64 - 1 }>(waits.count);
        waits.waits[at] = wait;
        waits.count = waits.count.wrapping_add(1);
    }
    waits.total_ns = total_ns;
    waits.known = 1;
}

/// A thread is given a CPU.
#[inline(always)]
pub fn runs(task: Task, now_ns: u64) {
    if let Some(waits) = of(task, 0) {
        waits.running_since_ns = now_ns;
    }
}

/// Time that the running thread has waited for a CPU between `from_ns` and `now_ns`; None when it has not been watched
/// since before its last wait. From now on it is.
#[inline(always)]
pub fn since(from_ns: u64, now_ns: u64) -> Option<u64> {
    let task = Task::current();
    let waits = of(task, CREATE)?;
    if let Some(watched) = maps::WATCHED.get_ptr_mut(0) {
        // SAFETY: a slot of the map.
        unsafe { *watched = 1 };
    }
    if waits.known == 0 || waits.running_since_ns == 0 {
        return None;
    }
    let last = waits.last(task.run_delay_ns())?;
    let mut sum_ns = behind(&last, from_ns);
    let mut at = 0;
    while at < WAITS {
        sum_ns += behind(&waits.waits[at], from_ns);
        at += 1;
    }
    let longest_ns = elapsed(now_ns, from_ns)?;
    Some(if sum_ns < longest_ns {
        sum_ns
    } else {
        longest_ns
    })
}

impl Waits {
    /// The wait that ended when the thread was last given a CPU; `total_ns` is the sum of its waits by now. None when
    /// the sum has shrunk or the clock is younger than the wait: then nothing is known.
    #[inline(always)]
    fn last(&self, total_ns: u64) -> Option<Wait> {
        let waited_ns = elapsed(total_ns, self.total_ns)?;
        Some(Wait {
            from_ns: elapsed(self.running_since_ns, waited_ns)?,
            to_ns: self.running_since_ns,
        })
    }
}

/// Part of a wait that lies behind `from_ns`, ns; 0 when the wait was over by then.
#[inline(always)]
fn behind(wait: &Wait, from_ns: u64) -> u64 {
    let from_ns = if wait.from_ns > from_ns {
        wait.from_ns
    } else {
        from_ns
    };
    elapsed(wait.to_ns, from_ns).unwrap_or(0)
}
